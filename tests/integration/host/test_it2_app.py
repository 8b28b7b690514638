"""`it2` with profiles, the app, arrangements, what it watches, and its own configuration."""

from __future__ import annotations

import itertools
import json
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.host.it2_cli import It2
from tests.integration.host.test_it2 import active, shows
from tests.integration.host.test_requests_keys import press
from tests.integration.host.test_requests_profiles import write_profiles
from tests.integration.host.test_requests_tabs import layout
from tests.waiting import PAUSE_SECONDS, eventually

from iterm_mcp import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

BASH = "/bin/bash -l"
SETTINGS = {
    "font-size": ("14", "font", "Monaco 14"),
    "font-family": ("Menlo", "font", "Menlo 14.0"),
    "bg-color": ("#010203", "background_color", "(1,2,3,255 ColorSpace.SRGB)"),
    "fg-color": ("#040506", "foreground_color", "(4,5,6,255 ColorSpace.SRGB)"),
    "cursor-color": ("#070809", "cursor_color", "(7,8,9,255 ColorSpace.SRGB)"),
    "selection-color": ("#0a0b0c", "selection_color", "(10,11,12,255 ColorSpace.SRGB)"),
    "transparency": ("0.25", "transparency", 0.25),
    "blur": ("true", "blur", True),
    "badge-text": ("a badge", "badge_text", "a badge"),
}
"""By property: what it is set to, and how and as what it is shown then."""


async def test_profiles_are_listed_changed_and_applied(
    own_it2: It2, own_home: Home, own_wire: WireClient
) -> None:
    it2 = own_it2
    write_profiles(own_home, {"Guid": "WORK", "Name": "Work", "Badge Text": "at work"})
    names = [one["name"] for one in await it2.json("profile", "list")]
    assert names == ["Default", "Work"]
    assert "WORK" in await it2("profile", "list")
    for name, (value, _, _) in SETTINGS.items():
        assert "Set " in await it2("profile", "set", "Default", name, value)
    shown = await it2.json("profile", "show", "Default")
    assert {field: shown[field] for _, field, _ in SETTINGS.values()} == {
        field: value for name, (_, field, value) in SETTINGS.items() if name != "font-size"
    }
    assert shown["font_size"] == 14
    assert "Badge Text: a badge" in await it2("profile", "show", "Default")
    assert "not found" in await it2("profile", "show", "none", code=3)
    assert "Unknown property" in await it2("profile", "set", "Default", "none", "1", code=4)
    opened = await own_wire.open_window(Name='"Default"')
    assert await active(own_wire, "badge") == "a badge"
    await it2("profile", "apply", "Work")
    assert await active(own_wire, "badge") == "at work"
    await it2("profile", "apply", "Default", "-s", opened.session_id)
    assert await active(own_wire, "badge") == "a badge"


@pytest.mark.long
async def test_the_app_says_its_version_and_takes_a_theme(own_it2: It2) -> None:
    it2 = own_it2
    assert await it2("app", "version") == f"iTerm2 version: {__version__}\n"
    assert await it2("app", "activate") == "iTerm2 activated\n"
    assert await it2("app", "get-focus") == "No current window\n"
    assert await it2("app", "theme") == "Current theme: dark\n"
    assert await it2("app", "theme", "light-hc") == "Theme set to: light-hc\n"
    assert await it2("app", "theme") == "Current theme: light, highContrast\n"
    # There is no menu; the host ends by its own command only.
    assert "BAD_IDENTIFIER" in await it2("app", "hide", code=1)
    assert "BAD_IDENTIFIER" in await it2("app", "quit", "--force", code=1)


@pytest.mark.long
async def test_arrangements_are_saved_and_restored(own_it2: It2, own_wire: WireClient) -> None:
    it2 = own_it2
    assert await it2("window", "arrange", "list") == "No saved arrangements\n"
    await own_wire.open_window()
    await it2("split")
    await it2("window", "arrange", "save", "two panes")
    assert "two panes" in await it2("window", "arrange", "list")
    await it2("window", "close", "-f")
    assert await layout(own_wire) == []
    await it2("window", "arrange", "restore", "two panes")
    assert [[len(tab) for tab in window] for window in await layout(own_wire)] == [[2]]
    assert "not found" in await it2("window", "arrange", "restore", "none", code=3)


@pytest.mark.long
async def test_several_sessions_are_typed_into_together(it2: It2, wire: WireClient) -> None:
    one = (await wire.open_window()).session_id
    two = (await it2("split")).split()[-1]
    await it2("app", "broadcast", "on")
    await eventually(partial(active, wire, "isBroadcastSource"))
    await it2("app", "broadcast", "off")
    assert not await active(wire, "isBroadcastSource")
    await it2("app", "broadcast", "add", one, two)
    assert await active(wire, "isBroadcastSource")
    assert "not found" in await it2("app", "broadcast", "add", "none", code=3)


@pytest.mark.long
async def test_output_is_watched(it2: It2, wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    await wire.feed(session, b"one\r\ntwo\r\n")
    assert await it2("monitor", "output", "--pattern", "^t") == "two\n"
    assert (await it2("monitor", "output", "-s", session)).startswith("one\ntwo\n")
    # It sees only changes that come while it waits, so they must not cease.
    ticking = "/bin/sh -c 'while :; do echo tick; sleep 0.05; done'"
    await wire.open_window(ticking)
    async with it2.watching("monitor", "output", "--follow", "-p", "tick") as lines:
        await lines.until("Press Ctrl+C")
        await lines.until("tick")


@asynccontextmanager
async def again_and_again(act: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Act until the block has seen enough: a command says that it watches before it does."""

    async def acting() -> None:
        while True:
            await act()
            await anyio.sleep(PAUSE_SECONDS)

    async with anyio.create_task_group() as group:
        group.start_soon(acting)
        yield
        group.cancel_scope.cancel()


@pytest.mark.long
async def test_variables_and_prompts_are_watched(it2: It2, wire: WireClient) -> None:
    session = (await wire.open_window(BASH)).session_id
    count = itertools.count(1)

    async def change() -> None:
        value = api_pb2.VariableRequest.Set(name="user.mine", value=str(next(count)))
        await wire.ask(api_pb2.VariableRequest(session_id=session, set=[value]))
        await wire.ask(api_pb2.VariableRequest(app=True, set=[value]))
        await wire.ask(api_pb2.SendTextRequest(session=session, text="\r"))

    async with (
        it2.watching("monitor", "variable", "user.mine") as variable,
        it2.watching("monitor", "variable", "user.mine", "--app-level") as of_app,
        it2.watching("monitor", "prompt", "-s", session) as prompt,
    ):
        assert "None" in await variable.until("Current value")
        await of_app.until("Press Ctrl+C")
        await prompt.until("Press Ctrl+C")
        async with again_and_again(change):
            await variable.until("Changed to: ")
            await of_app.until("Changed to: ")
            await prompt.until("New prompt detected")


@pytest.mark.long
async def test_keys_are_watched_and_activity_is_asked_for(it2: It2, wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    async with (
        it2.watching("monitor", "keystroke", "--pattern", "[x-z]") as keys,
        it2.watching("monitor", "activity", "--all") as activity,
    ):
        # It asks for a variable that the app has not either, and so never has anything to say.
        await activity.until("Press Ctrl+C")
        await keys.until("Press Ctrl+C")
        async with again_and_again(partial(press, wire, session)):
            assert await keys.until("Keystroke: ") == "Keystroke: x"


@pytest.mark.long
async def test_what_its_configuration_says_is_done(
    it2: It2, wire: WireClient, tmp_path: Path
) -> None:
    file = tmp_path / "it2.yaml"
    it2 = It2(it2.environ | {"IT2_CONFIG_PATH": str(file)})
    assert "File not found" in await it2("config-path")
    steps = [{"split": "vertical"}, {"command": "typed"}, {"split": "horizontal"}]
    file.write_text(
        json.dumps({"profiles": {"dev": steps}, "aliases": {"hello": "session send hello"}})
    )
    assert "1 profiles: dev" in await it2("config-reload")
    session = (await wire.open_window()).session_id
    assert "loaded successfully" in await it2("load", "dev")
    await shows(wire, session, "typed")
    assert [[len(tab) for tab in window] for window in await layout(wire)] == [[3]]
    await it2("session", "focus", session)
    assert "Running alias" in await it2("alias", "hello")
    await shows(wire, session, "hello")
    assert "hello: " in await it2("alias", "none", code=3)
