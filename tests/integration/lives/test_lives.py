"""Agents started, crashed, kept and ended, in a real host with fake agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.lives.conftest import Camp

pytestmark = pytest.mark.headless


async def test_an_agent_is_started_in_a_pane_of_its_own_and_given_its_first_order(
    camp: Camp,
) -> None:
    started = await camp.start(prompt="Say hello.", role="greeter")

    (received,) = await camp.happens("received")
    assert received["text"] == "Say hello."
    assert started["session_id"] in {
        one["session_id"] for one in (await camp.tools.data("list_sessions"))["sessions"]
    }
    assert started["name"].startswith("greeter-")
    assert (await camp.listed(started["name"]))["role"] == "greeter"
    assert started["epoch"] == 1
