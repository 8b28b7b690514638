"""Attempts at tasks that nobody works on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from iterm_mcp.models.tasks import COMMAND, TaskId, TaskSpec
from iterm_mcp.tasks.work import Order
from iterm_mcp.testing.fake_clock import START


def make_order(prompt: str = "do it", kind: str = COMMAND, **more: Any) -> Order:  # noqa: ANN401
    """Return an order whose deadline is as far from the fake clock's start as the spec says."""
    number, inputs = more.pop("number", 1), more.pop("inputs", {})
    spec = TaskSpec(more.pop("name", "try it"), kind, prompt, "/work", **more)
    deadline = START + timedelta(seconds=spec.deadline_seconds)
    return Order(TaskId("t-0123abcd"), number, spec, inputs, deadline)
