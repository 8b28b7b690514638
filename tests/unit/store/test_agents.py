"""The registry keeps what it is told and nothing that contradicts itself."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from iterm_mcp.errors import ConflictError, NotFoundError
from iterm_mcp.models.agents import Agent, Registry, Team
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.store import Store, open_store
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from iterm_mcp.testing import FakeClock

BACKEND = Team(TeamName("backend"), None, "APIs", START)
DATABASE = Team(TeamName("database"), TeamName("backend"), "", START)
ADA = Agent(
    AgentName("ada"), "shell", SessionId("s1"), (BACKEND.name, DATABASE.name), "reviewer", START
)


async def fill(store: Store) -> None:
    await store.agents.add_team(BACKEND)
    await store.agents.add_team(DATABASE)
    await store.agents.add_agent(ADA)


async def test_what_was_added_comes_back_whole_after_a_restart(path: str, clock: FakeClock) -> None:
    async with open_store(path, clock) as store:
        await fill(store)

    async with open_store(path, clock) as store:
        assert await store.agents.load() == Registry((ADA,), (BACKEND, DATABASE))


async def test_everything_is_sorted_by_name(store: Store) -> None:
    for name in ("zoe", "Bob", "ann"):
        await store.agents.add_agent(
            Agent(AgentName(name), "shell", SessionId(f"s-{name}"), (), "", START)
        )

    registry = await store.agents.load()

    assert [agent.name for agent in registry.agents] == ["Bob", "ann", "zoe"]


async def test_a_taken_name_is_a_conflict(store: Store) -> None:
    await fill(store)

    with pytest.raises(ConflictError, match="s1"):
        await store.agents.add_agent(replace(ADA, session_id=SessionId("s2")))

    assert (await store.agents.load()).agents == (ADA,)


async def test_an_agent_is_replaced_whole(store: Store) -> None:
    await fill(store)
    new = replace(ADA, session_id=SessionId("s2"), teams=(), role="")

    await store.agents.add_agent(new, replaces=ADA.session_id)

    assert (await store.agents.load()).agents == (new,)


async def test_an_agent_that_has_changed_meanwhile_is_not_replaced(store: Store) -> None:
    await fill(store)

    with pytest.raises(ConflictError):
        await store.agents.add_agent(
            replace(ADA, session_id=SessionId("s3")), replaces=SessionId("s0")
        )

    assert (await store.agents.load()).agents == (ADA,)


async def test_a_session_holds_at_most_one_agent(store: Store) -> None:
    await fill(store)

    with pytest.raises(ConflictError, match="ada"):
        await store.agents.add_agent(replace(ADA, name=AgentName("bob")))


async def test_of_two_agents_for_one_session_at_the_same_time_one_wins(store: Store) -> None:
    outcomes: list[str] = []

    async def add(name: str) -> None:
        try:
            await store.agents.add_agent(replace(ADA, name=AgentName(name), teams=()))
        except ConflictError:
            outcomes.append("conflict")
        else:
            outcomes.append("added")

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for name in ("ada", "bob", "cyd"):
                group.start_soon(add, name)

    assert sorted(outcomes) == ["added", "conflict", "conflict"]
    assert len((await store.agents.load()).agents) == 1


async def test_an_agent_does_not_join_a_team_that_does_not_exist(store: Store) -> None:
    with pytest.raises(NotFoundError) as caught:
        await store.agents.add_agent(ADA)

    assert (caught.value.kind, caught.value.name) == ("team", "backend")
    assert (await store.agents.load()).agents == ()


async def test_a_removed_agent_takes_its_memberships_with_it(store: Store) -> None:
    await fill(store)

    await store.agents.remove_agent(ADA.name)
    await store.agents.add_agent(replace(ADA, teams=()))

    assert (await store.agents.load()).agents == (replace(ADA, teams=()),)


async def test_an_agent_that_does_not_exist_cannot_be_removed(store: Store) -> None:
    with pytest.raises(NotFoundError) as caught:
        await store.agents.remove_agent(AgentName("nobody"))

    assert caught.value.kind == "agent"


async def test_a_team_is_created_with_its_members(store: Store) -> None:
    await fill(store)

    await store.agents.add_team(Team(TeamName("night"), None, "", START), [ADA.name])

    (ada,) = (await store.agents.load()).agents
    assert ada.teams == ("backend", "database", "night")


async def test_a_team_with_an_unknown_member_is_not_created(store: Store) -> None:
    with pytest.raises(NotFoundError) as caught:
        await store.agents.add_team(BACKEND, [AgentName("nobody")])

    assert caught.value.kind == "agent"
    assert (await store.agents.load()).teams == ()


async def test_a_team_needs_a_parent_that_exists(store: Store) -> None:
    with pytest.raises(NotFoundError) as caught:
        await store.agents.add_team(DATABASE)

    assert (caught.value.kind, caught.value.name) == ("team", "backend")


async def test_a_team_cannot_be_its_own_parent(store: Store, path: str) -> None:
    with pytest.raises(NotFoundError):
        await store.agents.add_team(replace(BACKEND, parent=BACKEND.name))

    # Not even behind our back.
    other = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        other.execute(
            "INSERT INTO teams (name, parent, description, created_at) VALUES ('x', 'x', '', '')"
        )
    other.close()


async def test_a_taken_team_name_is_a_conflict(store: Store) -> None:
    await fill(store)

    with pytest.raises(ConflictError, match="backend"):
        await store.agents.add_team(BACKEND)


async def test_a_change_that_fails_is_not_remembered(store: Store) -> None:
    await fill(store)
    before = await store.agents.load()

    with pytest.raises(NotFoundError):
        await store.agents.add_team(
            Team(TeamName("night"), None, "", START), [ADA.name, AgentName("nobody")]
        )

    assert await store.agents.load() == before
