from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.choosing.outcomes import START

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.agent_lives import AgentOrder
from iterm_mcp.models.choosing import Arm
from iterm_mcp.services.agents.templates import Template
from iterm_mcp.services.choosing.availability import Availability
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind:
    """A kind of agent that may be installed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.there = True
        self.looked = 0

    async def probe(self, _environ: Mapping[str, str]) -> object | None:
        self.looked += 1
        return self if self.there else None


class Stage:
    """One kind, one template, and a quota."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.kind = Kind("claude")
        self.until_at: datetime | None = None
        self.availability = Availability(self, self.find_kind, self, self.clock, {})

    def find_kind(self, name: str) -> Kind:
        if name != self.kind.name:
            raise NotFoundError("kind", name)
        return self.kind

    async def find(self, name: str) -> Template:
        if name != "careful":
            raise NotFoundError("template", name)
        return Template(name, Path("careful.toml"), False, AgentOrder("claude", "/"))  # noqa: FBT003

    def until(self, kind: str, account: str, now: datetime) -> datetime | None:
        assert (kind, account) == ("claude", "")
        assert now == self.clock.now()
        return self.until_at


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_an_arm_that_can_be_had_is_looked_at_once_a_minute(stage: Stage) -> None:
    arm = Arm("a", "claude", "careful")
    assert [await stage.availability.why_not(arm) for _ in range(3)] == ["", "", ""]
    assert stage.kind.looked == 1
    stage.kind.there = False
    assert await stage.availability.why_not(arm) == ""
    stage.clock.advance(61)
    assert await stage.availability.why_not(arm) == "claude is not installed"


async def test_what_stands_in_its_way_is_said(stage: Stage) -> None:
    why_not = stage.availability.why_not
    assert await why_not(Arm("a", "codex")) == "no kind 'codex'"
    assert await why_not(Arm("a", "claude", "quick")) == "no template 'quick'"
    stage.kind.name = "codex"
    assert await why_not(Arm("a", "codex", "careful")) == (
        "its template careful is of the kind claude"
    )
    stage.kind.name = "claude"
    stage.until_at = START + timedelta(hours=1)
    assert await why_not(Arm("a", "claude")) == (
        "claude takes no orders before 2026-01-01 01:00:00 UTC"
    )
