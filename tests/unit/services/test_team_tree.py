"""Teams that stand below each other, and move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.services.crews import CREW, NIGHT, OTHER, add_crews

from iterm_mcp.errors import ConflictError, NotFoundError
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.services.agents.service import AgentService
from iterm_mcp.services.agents.team_tree import at_or_above, at_or_below, members, teams_of

if TYPE_CHECKING:
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal


@pytest.fixture
async def agents(store: Store, clock: FakeClock, terminal: FakeTerminal) -> AgentService:
    await add_crews(store, clock)
    return AgentService(terminal, store, clock)


async def test_what_is_said_of_a_team_holds_for_those_above_or_below_it(
    store: Store, agents: AgentService
) -> None:
    del agents
    registry = await store.agents.load()
    gone = TeamName("gone")

    assert at_or_above(registry, [NIGHT]) == {NIGHT, CREW}
    assert at_or_above(registry, [gone]) == {gone}
    assert at_or_below(registry, [CREW, gone]) == {CREW, NIGHT, gone}
    assert [one.name for one in members(registry, [CREW])] == ["ann", "ben", "boss"]
    assert [one.name for one in members(registry, [NIGHT])] == ["ben"]
    assert teams_of(registry, AgentName("ben")) == (NIGHT,)
    assert teams_of(registry, AgentName("nobody")) == ()


async def test_a_team_moves_with_all_that_stands_below_it(
    store: Store, agents: AgentService
) -> None:
    moved = await agents.move_team(CREW, OTHER)

    assert moved.parent == OTHER
    assert at_or_below(await store.agents.load(), [OTHER]) == {OTHER, CREW, NIGHT}

    assert (await agents.move_team(CREW, None)).parent is None
    assert at_or_below(await store.agents.load(), [OTHER]) == {OTHER}


@pytest.mark.parametrize("parent", [CREW, NIGHT])
async def test_a_team_that_would_stand_below_itself_stays_where_it_is(
    store: Store, agents: AgentService, parent: TeamName
) -> None:
    before = await store.agents.load()

    with pytest.raises(ConflictError, match="stands below it") as refused:
        await agents.move_team(CREW, parent)

    assert refused.value.code == "team_cycle"
    assert await store.agents.load() == before


@pytest.mark.parametrize(("name", "parent"), [("crwe", None), ("crew", "nigth")])
async def test_a_team_that_is_none_is_named_with_the_one_most_like_it(
    agents: AgentService, name: str, parent: str | None
) -> None:
    with pytest.raises(NotFoundError) as missing:
        await agents.move_team(TeamName(name), None if parent is None else TeamName(parent))

    assert missing.value.hint in {"Did you mean crew?", "Did you mean night?"}
