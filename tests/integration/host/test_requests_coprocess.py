"""A program beside a session: it reads what is shown, and what it writes is typed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.host.test_notifications import close
from tests.integration.host.test_requests_layout_functions import call
from tests.integration.host.test_requests_rpc import invocation, outcome
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.host.wire_client import WireClient


async def run(wire: WireClient, session_id: str, command: str, **more: Any) -> Any:  # noqa: ANN401
    return await call(wire, "run_coprocess", session_id, commandLine=command, **more)


async def send(wire: WireClient, session_id: str, text: str) -> None:
    await wire.ask(api_pb2.SendTextRequest(session=session_id, text=text))


async def shows(wire: WireClient, session_id: str, text: str) -> None:
    await eventually(
        partial(wire.text, session_id), lambda lines: any(text in line for line in lines)
    )


async def contains(path: Path, text: str) -> None:
    async def content() -> str:
        file = anyio.Path(path)
        return await file.read_text() if await file.exists() else ""

    await eventually(content, lambda found: text in found)


@pytest.mark.behaves("iterm2.run_coprocess", source="2.21")
async def test_it_reads_what_the_session_shows_and_types_what_it_writes(
    wire: WireClient, tmp_path: Path
) -> None:
    session = (await wire.open_window()).session_id
    seen = tmp_path / "seen"
    assert await run(wire, session, f"printf 'typed by it\\n'; cat > {seen}") is True
    await shows(wire, session, "typed by it")
    await send(wire, session, "typed by me\n")
    await contains(seen, "typed by me")
    assert "typed by it" in await anyio.Path(seen).read_text()


@pytest.mark.behaves(
    "iterm2.run_coprocess", "iterm2.get_coprocess", "iterm2.stop_coprocess", source="2.21"
)
async def test_one_session_has_one_coprocess_that_is_named_and_stopped(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    assert await call(wire, "get_coprocess", session) is None
    assert await call(wire, "stop_coprocess", session) is False
    assert await run(wire, session, "cat > /dev/null") is True
    assert await run(wire, session, "echo no") is False
    assert await call(wire, "get_coprocess", session) == "cat > /dev/null"
    assert await call(wire, "stop_coprocess", session) is True
    assert await call(wire, "get_coprocess", session) is None
    assert await run(wire, session, "echo again") is True
    await shows(wire, session, "again")


async def test_one_that_ends_by_itself_makes_room(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    assert await run(wire, session, "printf 'last words'") is True
    await eventually(partial(call, wire, "get_coprocess", session), lambda name: name is None)
    await shows(wire, session, "last words")
    await send(wire, session, " and mine\n")
    await shows(wire, session, "last words and mine")


async def test_a_muted_session_shows_nothing_until_it_ends(
    wire: WireClient, tmp_path: Path
) -> None:
    session = (await wire.open_window()).session_id
    seen = tmp_path / "seen"
    assert await run(wire, session, f"cat > {seen}", mute=True) is True
    await send(wire, session, "hidden\n")
    await contains(seen, "hidden")
    assert await call(wire, "stop_coprocess", session) is True
    await send(wire, session, "shown\n")
    await shows(wire, session, "shown")
    assert not any("hidden" in line for line in await wire.text(session))


async def test_it_ends_with_its_session_even_when_it_will_not(
    wire: WireClient, tmp_path: Path
) -> None:
    session = (await wire.open_window()).session_id
    pid_file = tmp_path / "pid"
    stubborn = f"trap '' HUP TERM; echo $$ > {pid_file}; while :; do sleep 0.1; done"
    assert await run(wire, session, stubborn) is True
    await contains(pid_file, "\n")
    pid = (await anyio.Path(pid_file).read_text()).strip()
    await close(wire, session)

    async def is_gone() -> bool:
        done = await anyio.run_process(["kill", "-0", pid], check=False)
        return done.returncode != 0

    await eventually(is_gone, within_seconds=10)


async def test_it_ends_with_its_program_when_the_pane_is_kept(wire: WireClient) -> None:
    opened = await wire.open_window(**{"Close Sessions On End": "0"})
    session = opened.session_id
    assert await run(wire, session, "cat > /dev/null") is True
    await send(wire, session, "\x04")
    await eventually(partial(call, wire, "get_coprocess", session), lambda name: name is None)
    assert await run(wire, session, "true") is False


async def test_one_that_does_not_read_stops_nothing(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    assert await run(wire, session, "exec sleep 60") is True
    for _ in range(3):
        await send(wire, session, ("x" * 999 + "\n") * 500)
    await send(wire, session, "through\n")
    await shows(wire, session, "through")
    assert await call(wire, "stop_coprocess", session) is True


async def test_one_that_writes_much_waits_for_its_session(wire: WireClient) -> None:
    counting = "sh -c 'stty raw -echo; echo ready; sleep 1; head -c 4000000 | wc -c; exec cat'"
    session = (await wire.open_window(counting)).session_id
    shown = partial(wire.text, session)
    await eventually(shown, lambda lines: "ready" in lines[0], within_seconds=30)
    assert await run(wire, session, "head -c 4000000 /dev/zero | tr '\\000' x") is True
    await eventually(shown, lambda lines: "4000000" in "".join(lines), within_seconds=30)


async def test_what_is_no_coprocess_is_refused(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    assert await run(wire, session, "true", mute="yes") == (
        "FAILED",
        "mute must be true or false",
    )
    impossible = invocation('iterm2.run_coprocess(commandLine: "a\0b")', session)
    status, reason = outcome(await wire.ask(impossible))
    assert (status, "could not be started" in reason) == ("FAILED", True)
    assert await run(wire, "", "true") == ("FAILED", "run_coprocess needs a session")


async def test_its_environment_has_nothing_of_ours(wire: WireClient, tmp_path: Path) -> None:
    session = (await wire.open_window()).session_id
    seen = tmp_path / "environment"
    assert await run(wire, session, f"env > {seen}; echo end >> {seen}") is True
    await contains(seen, "\nend\n")
    names = [line.partition("=")[0] for line in (await anyio.Path(seen).read_text()).splitlines()]
    assert "HOME" in names
    assert [one for one in names if one.startswith(("ITERM_MCP", "ITERM2", "CLAUDE"))] == []
