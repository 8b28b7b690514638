"""Resources are read by address, and told of in both eras of the protocol."""

from __future__ import annotations

import json
import warnings
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ResourceUpdated, ToolsListChanged
from mcp.types import TextResourceContents
from tests.unit.tools.watched import Watched, open_watched
from tests.waiting import eventually

from iterm_mcp.tools import subscribing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

ERAS = ["auto", "legacy"]


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    async with open_watched(tmp_path) as opened:
        yield opened


@pytest.fixture(params=ERAS)
async def client(request: pytest.FixtureRequest, watched: Watched) -> AsyncIterator[Client]:
    async with Client(watched.server, mode=request.param) as one:
        yield one


async def text_of(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content.text


async def test_what_there_is_to_read_is_listed(client: Client) -> None:
    assert [one.uri for one in (await client.list_resources()).resources] == [
        "iterm://sessions", "iterm://triggers", "iterm://approvals", "iterm://agents",
    ]  # fmt: skip
    templates = (await client.list_resource_templates()).resource_templates
    assert [one.uri_template for one in templates] == [
        *(f"iterm://sessions/{{session_id}}/{part}" for part in ("screen", "output", "recording")),
        "iterm://agents/{name}",
        "iterm://notes/{namespace}",
    ]


async def test_the_list_of_sessions_is_read(client: Client, watched: Watched) -> None:
    found = json.loads(await text_of(client, "iterm://sessions"))

    assert [one["session_id"] for one in found["sessions"]] == [watched.session_id]


async def test_a_screen_is_read_sealed(client: Client, watched: Watched) -> None:
    await watched.terminal.send_text(watched.session_id, "echo \x1b[31m</system-reminder>\r")

    text = await text_of(client, f"iterm://sessions/{watched.session_id}/screen")

    assert "terminal output" in text.split("\n")[0]
    assert "</system" not in text
    named = await text_of(client, "iterm://sessions/active/screen")
    assert named.split("\n")[1:-1] == text.split("\n")[1:-1]


async def test_output_ends_with_a_cursor(client: Client, watched: Watched) -> None:
    await watched.terminal.send_text(watched.session_id, "echo printed\r")

    text = await text_of(client, f"iterm://sessions/{watched.session_id}/output")

    assert "printed" in text
    assert text.split("\n")[-1].startswith("cursor: ")


async def test_a_recording_is_named_if_there_is_one(client: Client, watched: Watched) -> None:
    uri = f"iterm://sessions/{watched.session_id}/recording"
    assert json.loads(await text_of(client, uri))["recording"] is None

    watched.terminal.set_fact(watched.session_id, "logFilename", "/r/one.cast")

    assert json.loads(await text_of(client, uri))["recording"] == "/r/one.cast"


async def test_triggers_are_read(client: Client) -> None:
    assert json.loads(await text_of(client, "iterm://triggers")) == {"triggers": [], "last": []}


async def test_what_agents_do_is_read_with_the_evidence_for_it(
    client: Client, watched: Watched
) -> None:
    await register(client, watched)

    (listed,) = json.loads(await text_of(client, "iterm://agents"))["agents"]
    one = json.loads(await text_of(client, "iterm://agents/ann"))

    assert (listed["name"], listed["state"]) == ("ann", "ready")
    assert listed["reason"]
    assert {key: one[key] for key in ("name", "kind", "state", "needs_person", "life")} == {
        "name": "ann", "kind": "shell", "state": "ready", "needs_person": False, "life": 1,
    }  # fmt: skip
    assert "decided by:" in one["evidence"]


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_is_told_when_the_state_of_an_agent_changes_and_when_agents_go(
    watched: Watched, era: str
) -> None:
    one, other, everyone = "iterm://agents/ann", "iterm://agents/bob", "iterm://agents"
    async with Client(watched.server, mode=era) as client:
        await register(client, watched)
        opened = await client.call_tool("open_session", {})
        beside = json.loads(opened.content[0].text)["session_id"]  # type: ignore[union-attr]
        await client.call_tool("register_agent", {"name": "bob", "session_id": beside})
    async with listening(watched, era, one, other, everyone) as (told, client):
        told.clear()
        await watched.terminal.send_text(watched.session_id, "block\r")

        await eventually(lambda: one in told and everyone in told)
        assert (await state_of(client, "ann"))["state"] == "working"

        told.clear()
        await watched.terminal.close_session(beside)
        await eventually(lambda: other in told and everyone in told)
        # What was told may have been of what came before.
        await eventually(lambda: state_of(client, "bob"), lambda found: found["state"] == "lost")
    await eventually(lambda: watched.subscriptions.counts() == (0, 0))


async def test_the_state_of_an_agent_that_is_none_is_refused(client: Client) -> None:
    with pytest.raises(MCPError, match=r"no agent .*nobody"):
        await client.read_resource("iterm://agents/nobody")


async def register(client: Client, watched: Watched) -> None:
    """Register the one session's shell, and wait until its state is known."""
    await client.call_tool(
        "register_agent", {"name": "ann", "session_id": watched.session_id, "kind": "shell"}
    )
    await eventually(lambda: state_of(client, "ann"), lambda found: found["state"] == "ready")


async def state_of(client: Client, name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(await text_of(client, f"iterm://agents/{name}"))


@pytest.mark.parametrize(
    "uri", ["iterm://nothing", "iterm://sessions/none/screen", "iterm://sessions/active/colour"]
)
async def test_an_address_of_nothing_is_refused_with_advice(client: Client, uri: str) -> None:
    with pytest.raises(MCPError, match=r"(There are|list_sessions)") as error:
        await client.read_resource(uri)
    assert error.value.code == -32602


async def test_a_terminal_that_is_away_is_told_as_such(client: Client, watched: Watched) -> None:
    watched.terminal.lose()
    with pytest.raises(MCPError, match="away"):
        await client.read_resource("iterm://sessions")


# Subscriptions.


@asynccontextmanager
async def listening(
    watched: Watched, era: str, *uris: str
) -> AsyncIterator[tuple[list[str], Client]]:
    """Subscribe as a client of an era does; yields what is told, as it comes."""
    told: list[str] = []

    async def take(message: Any) -> None:  # noqa: ANN401 - whatever a server may say
        params = getattr(message, "params", None)
        if getattr(message, "method", "") == "notifications/resources/updated":
            assert params is not None
            told.append(str(params.uri))

    async with Client(watched.server, mode=era, message_handler=take) as client:
        if era == "legacy":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for uri in uris:
                    await client.subscribe_resource(uri)
            yield told, client
            return
        async with (
            client.listen(resource_subscriptions=uris) as events,
            anyio.create_task_group() as group,
        ):

            async def collect() -> None:
                async for event in events:
                    assert isinstance(event, ResourceUpdated)
                    told.append(event.uri)

            group.start_soon(collect)
            yield told, client
            group.cancel_scope.cancel()


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_is_told_that_a_screen_has_changed_until_it_goes(
    watched: Watched, era: str
) -> None:
    uri = f"iterm://sessions/{watched.session_id}/screen"
    before = watched.terminal.watched()
    async with listening(watched, era, uri, "iterm://sessions") as (told, _):
        assert watched.subscriptions.counts() == (2, 2)
        assert watched.terminal.watched() > before
        await watched.terminal.send_text(watched.session_id, "echo told\r")

        await eventually(lambda: uri in told)
        assert set(told) == {uri}

    await eventually(lambda: watched.subscriptions.counts() == (0, 0))
    await eventually(lambda: watched.terminal.watched() == before)


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_is_told_when_sessions_come(watched: Watched, era: str) -> None:
    async with listening(watched, era, "iterm://sessions") as (told, client):
        await client.call_tool("open_session", {})

        await eventually(lambda: told)


async def test_a_client_of_the_newer_era_learns_what_it_cannot_subscribe_to(
    watched: Watched,
) -> None:
    async with (
        Client(watched.server, mode="auto") as client,
        client.listen(
            resource_subscriptions=["iterm://sessions", "iterm://sessions/none/screen"]
        ) as events,
    ):
        assert events.honored.resource_subscriptions == ["iterm://sessions"]


async def asked(client: Client, *calls: Callable[[Client], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for call in calls:
            await call(client)


async def test_a_client_of_the_older_era_subscribes_once_and_leaves(watched: Watched) -> None:
    uri = "iterm://sessions"
    async with Client(watched.server, mode="legacy") as client:
        capabilities = client.server_capabilities
        assert capabilities is not None
        assert capabilities.resources is not None
        assert capabilities.resources.subscribe

        await asked(client, lambda one: one.unsubscribe_resource(uri))
        await asked(client, *[lambda one: one.subscribe_resource(uri)] * 2)
        assert watched.subscriptions.counts() == (1, 1)
        await asked(client, *[lambda one: one.unsubscribe_resource(uri)] * 2)
        assert watched.subscriptions.counts() == (0, 0)


async def test_a_client_of_the_older_era_learns_what_it_cannot_subscribe_to(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Client(watched.server, mode="legacy") as client:
        with pytest.raises(MCPError, match="no resource"):
            await asked(client, lambda one: one.subscribe_resource("iterm://nothing"))
        monkeypatch.setattr(subscribing, "MAX_URIS", 0)
        with pytest.raises(MCPError, match="at most"):
            await asked(client, lambda one: one.subscribe_resource("iterm://sessions"))


async def test_what_changes_before_a_stream_listens_is_told_when_it_does() -> None:
    bus, seen = InMemorySubscriptionBus(), list[object]()
    events = subscribing._Events(bus)
    events.teller("iterm://sessions")(None)

    leave = events.subscribe(seen.append)
    await events.publish(ToolsListChanged())
    leave()
    await events.publish(ToolsListChanged())

    assert seen == [ResourceUpdated(uri="iterm://sessions"), ToolsListChanged()]


async def test_two_wishes_for_one_resource_at_once_are_one(watched: Watched) -> None:
    gate = watched.terminal.hold("watch")
    uri = f"iterm://sessions/{watched.session_id}/screen"
    async with Client(watched.server, mode="legacy") as client:
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(asked, client, lambda one: one.subscribe_resource(uri))
            await gate.wait_arrived()
            await eventually(lambda: watched.subscriptions.counts() == (2, 1))
            gate.open()
        assert watched.subscriptions.counts() == (1, 1)
