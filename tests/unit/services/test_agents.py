"""The registry, seen together with the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from iterm_mcp.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    TerminalTimeoutError,
    TerminalUnavailableError,
)
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.agents.service import AgentService

if TYPE_CHECKING:
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal

ADA, BOB = AgentName("ada"), AgentName("bob")
BACKEND, DATABASE, FRONTEND = TeamName("backend"), TeamName("database"), TeamName("frontend")


class Counts:
    """Keeps all numbers it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def registry_changed(self, agents: int, teams: int) -> None:
        self.told.append((agents, teams))


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def service(terminal: FakeTerminal, store: Store, clock: FakeClock, counts: Counts) -> AgentService:
    return AgentService(terminal, store, clock, counts, liveness_wait_seconds=0.05)


async def open_session(terminal: FakeTerminal) -> SessionId:
    return (await terminal.open_session(Program())).session_id


async def test_a_registered_agent_is_listed_alive(
    service: AgentService, terminal: FakeTerminal, clock: FakeClock
) -> None:
    await service.create_team(BACKEND)
    session_id = await open_session(terminal)

    agent = await service.register_agent(ADA, session_id, teams=[BACKEND], role="reviewer")

    assert (agent.kind, agent.role, agent.teams) == ("shell", "reviewer", (BACKEND,))
    assert agent.created_at == clock.now()
    (listed,) = await service.list_agents()
    assert (listed.agent, listed.alive) == (agent, True)


async def test_an_agent_needs_a_session_that_exists(service: AgentService) -> None:
    with pytest.raises(NotFoundError) as caught:
        await service.register_agent(ADA, SessionId("nowhere"))

    assert caught.value.kind == "session"


async def test_an_agent_needs_a_kind_that_exists(
    service: AgentService, terminal: FakeTerminal
) -> None:
    with pytest.raises(NotFoundError) as caught:
        await service.register_agent(ADA, await open_session(terminal), kind="oracle")

    assert caught.value.kind == "kind"


async def test_an_agent_joins_only_teams_that_exist(
    service: AgentService, terminal: FakeTerminal
) -> None:
    await service.create_team(BACKEND)

    with pytest.raises(NotFoundError) as caught:
        await service.register_agent(ADA, await open_session(terminal), teams=[TeamName("backnd")])

    assert "backend" in caught.value.hint
    assert await service.list_agents() == ()


@pytest.mark.parametrize("name", ["", "two words", "all"])
async def test_an_agent_needs_a_proper_name(
    service: AgentService, terminal: FakeTerminal, name: str
) -> None:
    with pytest.raises(InvalidRequestError):
        await service.register_agent(AgentName(name), await open_session(terminal))


async def test_the_name_of_a_living_agent_cannot_be_taken(
    service: AgentService, terminal: FakeTerminal
) -> None:
    first = await service.register_agent(ADA, await open_session(terminal))
    other_session = await open_session(terminal)

    for replace in (False, True):
        with pytest.raises(ConflictError, match="alive"):
            await service.register_agent(ADA, other_session, replace=replace)

    assert await service.find_agent(ADA) == first


async def test_the_name_of_an_ended_agent_is_taken_over_only_on_request(
    service: AgentService, terminal: FakeTerminal
) -> None:
    old_session = await open_session(terminal)
    await service.register_agent(ADA, old_session, role="old")
    await terminal.close_session(old_session)
    new_session = await open_session(terminal)

    with pytest.raises(ConflictError) as caught:
        await service.register_agent(ADA, new_session)
    assert "replace" in caught.value.hint
    agent = await service.register_agent(ADA, new_session, replace=True)

    assert (agent.session_id, agent.role) == (new_session, "")
    assert await service.find_session(ADA) == new_session


async def test_an_agent_is_registered_anew_in_its_own_session_only_on_request(
    service: AgentService, terminal: FakeTerminal
) -> None:
    session_id = await open_session(terminal)
    await service.register_agent(ADA, session_id, role="old")

    with pytest.raises(ConflictError):
        await service.register_agent(ADA, session_id, role="new")
    await service.register_agent(ADA, session_id, role="new", replace=True)

    assert (await service.find_agent(ADA)).role == "new"


async def test_a_session_holds_at_most_one_agent(
    service: AgentService, terminal: FakeTerminal
) -> None:
    session_id = await open_session(terminal)
    await service.register_agent(ADA, session_id)

    with pytest.raises(ConflictError, match="ada"):
        await service.register_agent(BOB, session_id, replace=True)


async def test_nothing_is_registered_while_the_terminal_is_away(
    service: AgentService, terminal: FakeTerminal
) -> None:
    session_id = await open_session(terminal)
    terminal.lose()

    with pytest.raises(TerminalUnavailableError):
        await service.register_agent(ADA, session_id)

    assert await service.list_agents() == ()


async def test_an_agent_whose_session_has_ended_is_listed_as_not_alive(
    service: AgentService, terminal: FakeTerminal
) -> None:
    session_id = await open_session(terminal)
    await service.register_agent(ADA, session_id)
    await terminal.send_text(session_id, "exit\r")

    (listed,) = await service.list_agents()

    assert listed.alive is False


async def test_nobody_can_tell_who_is_alive_while_the_terminal_is_away(
    service: AgentService, terminal: FakeTerminal
) -> None:
    await service.register_agent(ADA, await open_session(terminal))

    terminal.lose()
    (lost,) = await service.list_agents()
    terminal.recover()
    terminal.fail_next("list_sessions", TerminalTimeoutError("slow"))
    (slow,) = await service.list_agents()
    (back,) = await service.list_agents()

    assert (lost.alive, slow.alive, back.alive) == (None, None, True)


async def test_a_list_does_not_wait_long_for_a_silent_terminal(
    service: AgentService, terminal: FakeTerminal
) -> None:
    await service.register_agent(ADA, await open_session(terminal))
    terminal.hold("list_sessions")

    with anyio.fail_after(5):
        (listed,) = await service.list_agents()

    assert listed.alive is None


async def test_a_teams_agents_are_those_of_all_teams_below_it_too(
    service: AgentService, terminal: FakeTerminal
) -> None:
    await service.create_team(BACKEND)
    await service.create_team(DATABASE, parent=BACKEND)
    await service.create_team(FRONTEND)
    await service.register_agent(ADA, await open_session(terminal), teams=[DATABASE])
    await service.register_agent(BOB, await open_session(terminal), teams=[FRONTEND, BACKEND])

    async def members(team: TeamName) -> list[str]:
        return [one.agent.name for one in await service.list_agents(team)]

    assert await members(BACKEND) == ["ada", "bob"]
    assert await members(DATABASE) == ["ada"]
    assert await members(FRONTEND) == ["bob"]


async def test_the_agents_of_an_unknown_team_cannot_be_listed(service: AgentService) -> None:
    await service.create_team(BACKEND)

    with pytest.raises(NotFoundError) as caught:
        await service.list_agents(TeamName("backends"))

    assert "backend" in caught.value.hint


async def test_a_removed_agent_is_forgotten_and_its_session_left_alone(
    service: AgentService, terminal: FakeTerminal
) -> None:
    session_id = await open_session(terminal)
    await service.register_agent(ADA, session_id)

    await service.remove_agent(ADA)

    assert await service.list_agents() == ()
    assert [one.session_id for one in await terminal.list_sessions()] == [session_id]


async def test_an_unknown_agent_is_answered_with_those_most_like_it(
    service: AgentService, terminal: FakeTerminal
) -> None:
    await service.register_agent(ADA, await open_session(terminal))

    for ask in (service.find_agent, service.find_session, service.remove_agent):
        with pytest.raises(NotFoundError) as caught:
            await ask(AgentName("adda"))
        assert caught.value.hint == "Did you mean ada?"


async def test_the_session_of_an_ended_agent_is_not_found_and_the_hint_says_why(
    service: AgentService, terminal: FakeTerminal
) -> None:
    session_id = await open_session(terminal)
    await service.register_agent(ADA, session_id)
    await terminal.close_session(session_id)

    with pytest.raises(NotFoundError) as caught:
        await service.find_session(ADA)

    assert (caught.value.kind, caught.value.name) == ("session", session_id)
    assert "replace" in caught.value.hint


async def test_teams_are_listed_by_name_with_their_parents(
    service: AgentService, clock: FakeClock
) -> None:
    await service.create_team(FRONTEND)
    await service.create_team(BACKEND, description="APIs")
    await service.create_team(DATABASE, parent=BACKEND)

    teams = await service.list_teams()

    assert [(team.name, team.parent, team.description) for team in teams] == [
        ("backend", None, "APIs"),
        ("database", "backend", ""),
        ("frontend", None, ""),
    ]
    assert {team.created_at for team in teams} == {clock.now()}


async def test_a_team_is_created_with_members(
    service: AgentService, terminal: FakeTerminal
) -> None:
    await service.register_agent(ADA, await open_session(terminal))

    await service.create_team(BACKEND, members=[ADA, ADA])

    assert (await service.find_agent(ADA)).teams == (BACKEND,)


async def test_a_team_needs_a_parent_and_members_that_exist(service: AgentService) -> None:
    with pytest.raises(NotFoundError) as no_parent:
        await service.create_team(DATABASE, parent=BACKEND)
    with pytest.raises(NotFoundError) as own_parent:
        await service.create_team(DATABASE, parent=DATABASE)
    with pytest.raises(NotFoundError) as no_member:
        await service.create_team(DATABASE, members=[ADA])

    kinds = [caught.value.kind for caught in (no_parent, own_parent, no_member)]
    assert kinds == ["team", "team", "agent"]
    assert await service.list_teams() == ()


async def test_a_taken_team_name_is_a_conflict(service: AgentService) -> None:
    await service.create_team(BACKEND)

    with pytest.raises(ConflictError):
        await service.create_team(BACKEND)


async def test_many_may_see_to_it_at_once_that_a_team_is_there(service: AgentService) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(service.ensure_team, TeamName("crew"))

    assert [team.name for team in await service.list_teams()] == ["crew"]
    with pytest.raises(NotFoundError):
        await service.ensure_team(TeamName("other"), parent=TeamName("nowhere"))


async def test_a_team_needs_a_proper_name_and_description(service: AgentService) -> None:
    with pytest.raises(InvalidRequestError):
        await service.create_team(TeamName("broadcast"))
    with pytest.raises(InvalidRequestError):
        await service.create_team(BACKEND, description="two\nlines")


async def test_the_observer_always_knows_how_large_the_registry_is(
    service: AgentService, terminal: FakeTerminal, counts: Counts
) -> None:
    await service.announce()
    await service.create_team(BACKEND)
    await service.register_agent(ADA, await open_session(terminal))
    await service.remove_agent(ADA)

    assert counts.told == [(0, 0), (0, 1), (1, 1), (0, 1)]


async def test_without_an_observer_all_works_the_same(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    service = AgentService(terminal, store, clock)

    await service.create_team(BACKEND)

    assert len(await service.list_teams()) == 1
