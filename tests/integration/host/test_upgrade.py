"""`iterm-mcp host upgrade` replaces the host's code, and nothing that runs in it notices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.host.neighbours import pid_of, quoted
from tests.integration.host.wire_client import open_wire
from tests.waiting import eventually
from websockets.exceptions import ConnectionClosed, InvalidMessage

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

LONG = 60.0
GONE = (ConnectionClosed, InvalidMessage, ConnectionResetError, BrokenPipeError, EOFError)


async def upgrade(home: Home, *options: str) -> subprocess.CompletedProcess[bytes]:
    with anyio.fail_after(150):
        return await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "host", "upgrade", *options],
            env=home.environ,
            check=False,
        )


async def upgraded(home: Home) -> str:
    """Upgrade the host, and return what is said."""
    pid = lock_holder(home.paths.host_lock)
    done = await upgrade(home)
    assert done.returncode == 0, (done.stderr.decode(), host_log(home))
    assert lock_holder(home.paths.host_lock) == pid
    return done.stdout.decode()


def host_log(home: Home) -> str:
    with open(f"{home.paths.logs}/host.log", encoding="utf-8") as file:  # noqa: PTH123
        return file.read()[-4000:]


async def shown(home: Home, session_id: str, lines: int | None = None) -> list[str]:
    async with open_wire(home) as wire:
        return await wire.text(session_id, lines)


async def typed(home: Home, session_id: str, text: str) -> None:
    async with open_wire(home) as wire:
        await wire.ask(api_pb2.SendTextRequest(session=session_id, text=text))


async def opened(home: Home, program: str, **properties: str) -> str:
    async with open_wire(home) as wire:
        response = await wire.open_window(quoted(program), **properties)
        return str(response.session_id)


async def listing(home: Home) -> Any:  # noqa: ANN401 - the response
    async with open_wire(home) as wire:
        return await wire.ask(api_pb2.ListSessionsRequest())


async def called(wire: WireClient, invocation: str) -> api_pb2.InvokeFunctionResponse:
    request = api_pb2.InvokeFunctionRequest(invocation=invocation, timeout=LONG)
    request.app.SetInParent()
    answer: api_pb2.InvokeFunctionResponse = await wire.ask(request)
    return answer


async def test_a_shell_its_screen_and_its_place_stay(own_home: Home) -> None:
    shell = await opened(own_home, "/bin/bash --norc -i")
    await typed(own_home, shell, "marker=kept; echo $((6*7))\n")
    await eventually(lambda: shown(own_home, shell), lambda lines: "42" in lines)
    before, screen = await listing(own_home), await shown(own_home, shell)
    async with open_wire(own_home) as wire:
        pid = await pid_of(wire, shell)
    said = await upgraded(own_home)
    assert "1 session kept" in said
    after = await listing(own_home)
    assert after == before
    assert await shown(own_home, shell) == screen
    async with open_wire(own_home) as wire:
        assert await pid_of(wire, shell) == pid
    await typed(own_home, shell, "echo $marker again\n")
    await eventually(lambda: shown(own_home, shell), lambda lines: "kept again" in lines)


@pytest.mark.long
async def test_it_can_be_upgraded_twice_in_a_row_and_opens_new_sessions(own_home: Home) -> None:
    first = await opened(own_home, "/bin/cat")
    await upgraded(own_home)
    second = await opened(own_home, "/bin/sh -c 'ulimit -n; cat'")
    soft = int((await eventually(lambda: shown(own_home, second), lambda lines: lines[0]))[0])
    assert soft == int(subprocess.check_output(["/bin/sh", "-c", "ulimit -n"]))  # noqa: ASYNC221
    assert "2 sessions kept" in await upgraded(own_home)
    for session in (first, second):
        await typed(own_home, session, "still here\n")
        await eventually(
            partial(shown, own_home, session),
            lambda lines: lines.count("still here") == 2,
        )
    ids = [window.number for window in (await listing(own_home)).windows]
    assert sorted(ids) == [0, 1]


@pytest.mark.long
async def test_ctrl_c_and_a_hang_up_reach_programs_that_are_started_after_it(
    own_home: Home,
) -> None:
    await upgraded(own_home)
    session = await opened(own_home, """/bin/sh -c 'trap "echo caught" INT; echo set; cat; cat'""")
    async with open_wire(own_home) as wire:
        status = anyio.Path(f"/proc/{await pid_of(wire, session)}/status")
    await eventually(lambda: shown(own_home, session), lambda lines: lines[0] == "set")
    if await status.exists():  # Linux
        lines = (await status.read_text()).splitlines()
        blocked = [int(one.split()[1], 16) for one in lines if one.startswith("SigBlk")]
        assert blocked == [0]
    await typed(own_home, session, "\x03")
    await eventually(lambda: shown(own_home, session), lambda lines: "caught" in "".join(lines))


async def test_a_program_s_end_and_status_are_told_after_it(own_home: Home, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    waiting = f"/bin/bash -c 'echo ready; read x <{gate}; exit 7'"
    session = await opened(
        own_home,
        waiting,
        **{"Close Sessions On End": "0", "Automatically Log": "true"},
    )
    await eventually(lambda: shown(own_home, session), lambda lines: lines[0] == "ready")
    await upgraded(own_home)
    async with open_wire(own_home) as wire:
        for kind in (api_pb2.NOTIFY_ON_TERMINATE_SESSION,):
            await wire.ask(
                api_pb2.NotificationRequest(session="all", subscribe=True, notification_type=kind)
            )
        async with await anyio.open_file(gate, "w") as file:
            await file.write("go\n")
        ended = await wire.notified(
            lambda event: event.session_id == session, "terminate_session_notification"
        )
        assert ended.session_id == session
    recorded = anyio.Path(own_home.paths.recordings)

    async def exits() -> list[str]:
        return [
            line
            async for path in recorded.glob("*.cast")
            for line in (await path.read_text()).splitlines()
            if line.endswith('"x", "7"]')
        ]

    await eventually(exits, lambda found: len(found) == 1)
    assert len([path async for path in recorded.glob("*.cast")]) == 2


@pytest.mark.long
async def test_a_full_screen_program_goes_on(own_home: Home, tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_text("".join(f"line {n}\n" for n in range(1, 201)))
    session = await opened(own_home, f"/bin/sh -c 'cd {tmp_path}; exec vi -u NONE text'")
    await eventually(
        lambda: shown(own_home, session),
        lambda lines: lines[0] == "line 1" and "200" in lines[-1],
        within_seconds=15,
    )
    screen = await shown(own_home, session)
    await upgraded(own_home)
    assert await shown(own_home, session) == screen
    await typed(own_home, session, "G")
    await eventually(lambda: shown(own_home, session), lambda lines: lines[-2] == "line 200")
    await typed(own_home, session, ":q!\r")

    async def windows() -> int:
        return len((await listing(own_home)).windows)

    await eventually(windows, lambda count: count == 0)


COUNT = 300_000


@pytest.mark.long
async def test_a_flood_loses_no_byte(own_home: Home, tmp_path: Path) -> None:
    done = tmp_path / "done"
    session = await opened(
        own_home,
        f"/bin/sh -c 'seq {COUNT}; : >{done}; cat'",
        **{"Unlimited Scrollback": "false", "Scrollback Lines": str(COUNT)},
    )
    await eventually(lambda: shown(own_home, session, 3), any)
    await upgraded(own_home)
    await eventually(done.exists, within_seconds=LONG)
    await eventually(
        lambda: shown(own_home, session, 3),
        lambda lines: str(COUNT) in lines,
        within_seconds=LONG,
    )
    async with open_wire(own_home) as wire:
        first = 1
        at = 0
        while first <= COUNT:
            asked = api_pb2.LineRange()
            asked.windowed_coord_range.coord_range.start.y = at
            asked.windowed_coord_range.coord_range.end.y = at + 20_000
            response = await wire.ask(api_pb2.GetBufferRequest(session=session, line_range=asked))
            texts = [line.text for line in response.contents if line.text]
            assert texts == [str(n) for n in range(first, first + len(texts))]
            assert texts
            first += len(texts)
            at += 20_000


async def test_input_that_a_program_had_not_read_is_read_after_it(
    own_home: Home, tmp_path: Path
) -> None:
    gate, result = tmp_path / "gate", tmp_path / "result"
    os.mkfifo(gate)
    program = (
        f"/bin/sh -c 'stty raw -echo; echo set; read x <{gate}; head -c 200000 >{result}; cat'"
    )
    session = await opened(own_home, program)
    await eventually(lambda: shown(own_home, session), lambda lines: lines[0] == "set")
    text = "".join(f"{n:06d}\n" for n in range(200_000 // 7 + 1))[:200_000]
    await typed(own_home, session, text)
    await upgraded(own_home)
    async with await anyio.open_file(gate, "w") as file:
        await file.write("\n")
    await eventually(
        lambda: result.exists() and result.stat().st_size == len(text), within_seconds=20
    )
    assert result.read_text() == text


@pytest.mark.long
async def test_prompts_and_their_commands_are_still_listed(own_home: Home) -> None:
    session = await opened(own_home, "/bin/cat")
    async with open_wire(own_home) as wire:
        await wire.feed(
            session, b"\x1b]133;A\x07$ \x1b]133;B\x07make\r\n\x1b]133;C\x07out\r\n\x1b]133;D;3\x07"
        )
        prompts = await wire.ask(api_pb2.ListPromptsRequest(session=session))
        (prompt_id,) = prompts.unique_prompt_id
        before = await wire.ask(
            api_pb2.GetPromptRequest(session=session, unique_prompt_id=prompt_id)
        )
    await upgraded(own_home)
    async with open_wire(own_home) as wire:
        after = await wire.ask(
            api_pb2.GetPromptRequest(session=session, unique_prompt_id=prompt_id)
        )
    assert after == before
    assert (after.command, after.exit_status) == ("make", 3)


@pytest.mark.long
async def test_a_coprocess_goes_on(own_home: Home) -> None:
    session = await opened(own_home, "/bin/cat")
    async with open_wire(own_home) as wire:
        request = api_pb2.InvokeFunctionRequest(
            invocation='iterm2.run_coprocess(commandLine: "sed -u -n s/ask/answer/p", mute: false)'
        )
        request.session.session_id = session
        answer = await wire.ask(request)
        assert answer.WhichOneof("disposition") == "success", answer
    await upgraded(own_home)
    await typed(own_home, session, "ask\n")
    await eventually(
        lambda: shown(own_home, session), lambda lines: any("answer" in line for line in lines)
    )


@pytest.mark.long
async def test_a_client_that_connects_meanwhile_waits_and_is_served(own_home: Home) -> None:
    session = await opened(own_home, "/bin/cat")
    served = 0
    with anyio.fail_after(150):
        async with anyio.create_task_group() as group:

            async def go_on_asking() -> None:
                nonlocal served
                while True:
                    async with open_wire(own_home) as wire:
                        try:
                            with anyio.fail_after(LONG):
                                await wire.socket.ping()
                            await wire.text(session)
                        except AssertionError:  # the host says that it is stopping
                            continue
                        served += 1

            async def patiently() -> None:
                while True:
                    with suppress(*GONE):  # neither refused nor missing
                        await go_on_asking()

            group.start_soon(patiently)
            await eventually(lambda: served > 0)
            await upgraded(own_home)
            now = served
            await eventually(lambda: served > now, within_seconds=LONG)
            group.cancel_scope.cancel()


@pytest.mark.parametrize("python", ["/bin/false", "/nowhere/python"])
async def test_a_python_that_cannot_do_it_leaves_all_as_it_was(own_home: Home, python: str) -> None:
    session = await opened(own_home, "/bin/cat")
    async with open_wire(own_home) as wire:
        done = await upgrade(own_home, "--python", python)
        assert done.returncode == 1
        assert done.stderr.decode().strip()
        assert b"Traceback" not in done.stderr
        await wire.ask(api_pb2.SendTextRequest(session=session, text="same connection\n"))
        await eventually(
            lambda: wire.text(session), lambda lines: lines.count("same connection") == 2
        )


async def test_code_that_cannot_read_the_state_leaves_all_as_it_was(
    own_home: Home, tmp_path: Path
) -> None:
    other = tmp_path / "python"
    other.write_text('#!/bin/sh\necho "unknown state" >&2\nexit 1\n')
    other.chmod(0o700)
    session = await opened(own_home, "/bin/cat")
    done = await upgrade(own_home, "--python", str(other))
    assert (done.returncode, b"unknown state" in done.stderr) == (1, True)
    await typed(own_home, session, "on\n")
    await eventually(lambda: shown(own_home, session), lambda lines: lines.count("on") == 2)


async def test_a_program_that_rehearses_but_cannot_be_become_leaves_all_as_it_was(
    own_home: Home, tmp_path: Path
) -> None:
    other = tmp_path / "python"
    # After its rehearsal it is no program any more.
    other.write_text(f'#!/bin/sh\nrm "$0"\nexec {sys.executable} "$@"\n')
    other.chmod(0o700)
    session = await opened(own_home, "/bin/cat", **{"Automatically Log": "true"})
    done = await upgrade(own_home, "--python", str(other))
    assert done.returncode == 1
    assert b"goes on as it was" in done.stderr, done.stderr
    await typed(own_home, session, "on\n")
    await eventually(lambda: shown(own_home, session), lambda lines: lines.count("on") == 2)
    await upgraded(own_home)


LATE_FAILURE = """
import sys
if "--state" in sys.orig_argv and "--back" not in sys.orig_argv:
    from iterm_mcp.host.upgrade import worlds
    def fail(*_arguments):
        raise ValueError("a bug that no rehearsal has shown")
    worlds.read_world = fail
"""


async def test_code_that_fails_after_its_rehearsal_hands_back(
    own_home: Home, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(LATE_FAILURE)
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    other.chmod(0o700)
    session = await opened(own_home, "/bin/cat")
    done = await upgrade(own_home, "--python", str(other))
    assert (done.returncode, b"handed back" in done.stderr) == (1, True), done.stderr
    await typed(own_home, session, "on\n")
    await eventually(lambda: shown(own_home, session), lambda lines: lines.count("on") == 2)


@pytest.mark.behaves("iterm_mcp.upgrade", "iterm_mcp.upgrades", source="2.21")
async def test_of_two_upgrades_at_once_one_is_refused(own_home: Home, tmp_path: Path) -> None:
    gate, seen = tmp_path / "gate", tmp_path / "seen"
    os.mkfifo(gate)
    slow = tmp_path / "python"
    slow.write_text(f"#!/bin/sh\n: >{seen}\nread x <{gate}\nexit 1\n")
    slow.chmod(0o700)
    async with anyio.create_task_group() as group:
        group.start_soon(upgrade, own_home, "--python", str(slow))
        await eventually(seen.exists, within_seconds=30)
        async with open_wire(own_home) as wire:
            answer = await called(wire, f'iterm_mcp.upgrade(python: "{sys.executable}")')
            assert "under way" in answer.error.error_reason
            status = json.loads((await called(wire, "iterm_mcp.upgrades()")).success.json_result)
            assert (status["count"], status["running"], status["problem"]) == (0, True, "")
        async with await anyio.open_file(gate, "w") as file:
            await file.write("\n")
    await upgraded(own_home)


async def test_without_a_host_it_says_how_to_start_one(tmp_path: Path) -> None:
    environ = {**os.environ, "HOME": str(tmp_path), "ITERM_MCP_HOME": f"{tmp_path}/h"}
    done = await anyio.run_process(
        [sys.executable, "-m", "iterm_mcp", "host", "upgrade"], env=environ, check=False
    )
    assert (done.returncode, b"iterm-mcp host start" in done.stderr) == (1, True)
