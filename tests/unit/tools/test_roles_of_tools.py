"""Every tool that changes something is either aimed at somebody, or is said to concern nobody."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mcp import Client
from tests.unit.tools.conftest import Caller
from tests.unit.tools.shown import every_tool

from iterm_mcp.access import Access
from iterm_mcp.app import make_services, tool_rows
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.permissions.roles import (
    GOVERNS,
    PATHS,
    UNAIMED,
    Aims,
    aims_of,
    enrolled,
    paths_of,
)
from iterm_mcp.store import open_store
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing import FakeClock, FakeTerminal
from iterm_mcp.tools.calls import UNRULED, Calls
from iterm_mcp.tools.clients import CURRENT, Clients
from iterm_mcp.tools.server import build_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.unit.tools.conftest import Bench

CONCERNS_NOBODY = {
    "open_session": "makes a session, which is nobody's",
    "export_layout": "writes down what stands",
    "submit_tasks": "makes sessions and agents, which only those may whose role limits nothing",
    "more_tools": "what it calls is looked at for itself",
}

LOOKED_UP = {"answer_approval", "manage_messages"}
"""Name whom they concern by an id; see `Permissions`."""

AIMS = ("session_id", "session_ids", "also", "agents", "teams", "name", "beside", "to", "root")


async def test_no_tool_that_changes_something_is_left_out(bench: Bench) -> None:
    unaimed = set()
    for tool in await every_tool(bench):
        if tool.annotations is None or tool.annotations.read_only_hint:
            continue
        known = [name for name in AIMS if name in tool.input_schema["properties"]]
        values = {name: {"x": "y"} if name in {"agents", "teams"} else "x" for name in known}
        if "root" in known:
            values["root"] = {"session_id": "x"}
        aims = aims_of(tool.name, values)
        if aims == Aims():
            unaimed.add(tool.name)
    assert unaimed == {*CONCERNS_NOBODY, *UNAIMED, *GOVERNS, *LOOKED_UP}


def test_the_client_of_an_agent_that_was_handed_out_is_that_agents() -> None:
    clients = Clients(UNRULED, FakeClock())
    client = clients.connect("unix")
    clients.allow(client, Access(tier="read", agent="spare-one"))
    clients.names = lambda name: "ada" if name == "spare-one" else name
    token = CURRENT.set(client)
    try:
        access = clients.calling("x").access
    finally:
        CURRENT.reset(token)

    assert (access.agent, access.tier) == ("ada", "read")


async def test_every_argument_that_names_a_place_on_the_disk_is_one_that_roles_know(
    bench: Bench,
) -> None:
    for tool in await every_tool(bench):
        for name in tool.input_schema["properties"]:
            if {"directory", "path", "file", "folder", "cwd"} & set(name.split("_")):
                assert name in PATHS, f"{tool.name}.{name}"
                assert paths_of({name: "/x"}) == ["/x"]


@asynccontextmanager
async def open_ann(tmp_path: Path) -> AsyncIterator[Caller]:
    """The client of an agent whose role is `worker`, over the whole server."""
    terminal, clock, metrics = FakeTerminal(), FakeClock(), Metrics()
    async with open_store(str(tmp_path / "state.db"), clock) as store:
        services = make_services(
            terminal, store, clock, metrics, roles_file=str(tmp_path / "roles.toml")
        )
        clients = Clients(UNRULED, clock)
        calls = Calls(metrics.tools, clients, None, services.permissions)
        server = build_server(tool_rows(services), calls)
        async with Client(server) as person:
            session = await terminal.open_session(Program())
            await Caller(person).data(
                "register_agent", name="ann", session_id=session.session_id, role="worker"
            )
        client = clients.connect("unix")
        client.access = Access(agent="ann", tools="all")
        token = CURRENT.set(client)
        try:
            async with Client(server) as agent:
                yield Caller(agent)
        finally:
            CURRENT.reset(token)


async def test_an_agents_client_is_held_to_its_role_and_signs_what_it_shares(
    tmp_path: Path,
) -> None:
    async with open_ann(tmp_path) as ann:
        refused = await ann.refusal("create_team", name="mine")
        assert refused["code"] == "role_refused"
        assert (await ann.refusal("manage_roles", action="list"))["code"] == "role_refused"
        assert (await ann.data("share_result", name="x", text="y"))["author"] == "ann"
        noted = await ann.data("manage_notes", action="set", key="k", value="v")
        assert noted["author"] == "ann"


async def test_a_person_sets_lists_and_removes_roles(bench: Bench) -> None:
    async with Client(bench.server) as client:
        person = Caller(client)
        rules = {"tools": ["read_*"], "reach": "own", "description": "looks"}
        answer = await person.data("manage_roles", action="set", name="looker", rules=rules)
        listed = {one["name"]: one for one in answer["roles"]}
        assert listed["looker"] == {"name": "looker", "source": "tool", **rules}
        assert listed["manager"]["reach"] == "tree"
        assert "worker" in listed
        wrong = await person.refusal("manage_roles", action="set", name="x", rules={"tool": []})
        assert "tools" in wrong["hint"]
        assert (await person.refusal("manage_roles", action="set"))["hint"] == "Name the role."
        left = await person.data("manage_roles", action="remove", name="looker")
        assert "looker" not in {one["name"] for one in left["roles"]}


async def test_teams_move_and_are_waited_for(bench: Bench) -> None:
    async with Client(bench.server) as client:
        person = Caller(client)
        for name in ("crew", "night"):
            await person.data("create_team", name=name)
        assert (await person.data("move_team", name="night", parent="crew"))["parent"] == "crew"
        assert (await person.refusal("move_team", name="crew", parent="night"))["code"] == (
            "team_cycle"
        )
        session = await bench.terminal.open_session(Program())
        await person.data(
            "register_agent", name="ann", session_id=session.session_id, teams=["night"]
        )
        waited = await person.data("wait_agents", team="crew", timeout_seconds=0)
        assert [one["name"] for one in waited["agents"]] == ["ann"]
        assert not waited["met"]


def test_tasks_are_asked_for_by_those_alone_whom_no_role_limits() -> None:
    """What a task starts has no role: it would be a way around one's own."""
    assert enrolled("submit_tasks", {"document": "graph: x"}) == {"new": ""}
    assert aims_of("change_tasks", {"action": "cancel", "target": "g-1"}).everybody
