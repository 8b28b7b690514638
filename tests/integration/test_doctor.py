"""`iterm-mcp doctor` and `iterm-mcp install`, as a user runs them, with real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from tests.integration.homes import Home

pytestmark = pytest.mark.headless

SECONDS = 90


async def run(home: Home, *words: str, code: int = 0, path: str = "/bin") -> str:
    """Run a verb to its end; return what it printed, complaints aside."""
    with anyio.fail_after(SECONDS):
        done = await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", *words],
            env={**home.environ, "PATH": f"{path}:/usr/bin:/bin", "SHELL": "/bin/sh"},
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == code, (done.stdout + done.stderr).decode()
    return done.stdout.decode()


def text_of(*parts: str) -> str:
    return Path(*parts).read_text("utf-8")


def write(path: str, text: str) -> None:
    Path(path).write_text(text, "utf-8")


async def examine(home: Home, *words: str, code: int = 0) -> dict[str, dict[str, Any]]:
    """Return the doctor's last finding of each part."""
    body = json.loads(await run(home, "doctor", "--json", *words, code=code))
    return {one["part"]: one for one in body["findings"]}


async def test_a_round_trip_is_made_and_everything_is_well(live_home: Home) -> None:
    found = await examine(live_home)
    assert {one["level"] for part, one in found.items() if part != "clients"} == {"ok"}
    assert "a session opened, ran and closed" in found["round trip"]["text"]
    assert f"process {live_home.daemon_pid()}" in found["daemon"]["text"]
    assert live_home.http_url() in found["http"]["text"]
    again = await examine(live_home, "--no-start")
    assert again["round trip"]["level"] == "ok"
    assert "an event arrives by spool" in again["hooks"]["text"]  # the last of the ways


async def test_a_daemon_that_may_only_look_is_asked_no_more(live_home: Home) -> None:
    live_home.environ["ITERM_MCP_TIER"] = "read"
    await run(live_home, "daemon", "start")
    found = await examine(live_home)
    assert found["round trip"]["level"] == "ok"
    assert "ITERM_MCP_TIER" in found["round trip"]["text"]


async def test_a_terminal_that_cannot_be_is_told_with_what_to_do(home: Home) -> None:
    home.environ["ITERM_MCP_CONNECT_TIMEOUT_SECONDS"] = "0.5"
    found = await examine(home, code=1)
    assert "Unset ITERM_MCP_TERMINAL" in found["round trip"]["text"]
    assert found["terminal"]["level"] == "fail"


async def test_without_leave_to_start_nothing_is_started(live_home: Home) -> None:
    found = await examine(live_home, "--no-start")
    assert found["round trip"]["level"] == "warn"
    assert live_home.daemon_pid() is None
    assert lock_holder(live_home.paths.host_lock) is None


async def test_a_daemon_that_was_killed_leaves_a_socket_that_is_told(live_home: Home) -> None:
    await run(live_home, "daemon", "start")
    await live_home.kill_daemon()
    found = await examine(live_home, "--no-start")
    assert (found["sockets"]["level"], "was left" in found["sockets"]["text"]) == ("warn", True)


@pytest.mark.long
async def test_a_daemon_that_hangs_is_told(live_home: Home) -> None:
    await run(live_home, "daemon", "start")
    os.rename(live_home.paths.daemon_socket, f"{live_home.paths.state}/elsewhere")  # noqa: PTH104 - within a coroutine
    found = await examine(live_home, "--no-start", code=1)
    assert "does not answer" in found["sockets"]["text"]


async def test_a_token_that_was_changed_meanwhile_is_told(live_home: Home) -> None:
    await run(live_home, "daemon", "start")
    write(live_home.paths.token, "another\n")
    found = await examine(live_home, "--no-start", code=1)
    assert "status 401" in found["http"]["text"]


@pytest.mark.long
async def test_an_http_side_that_is_on_another_port_or_gone_is_told(live_home: Home) -> None:
    await run(live_home, "daemon", "start")
    live_home.environ["ITERM_MCP_HTTP_PORT"] = "7"
    found = await examine(live_home, "--no-start")
    assert "not port 7" in found["http"]["text"]
    info = json.loads(text_of(live_home.paths.daemon_info))
    write(live_home.paths.daemon_info, json.dumps({**info, "http": "http://127.0.0.1:1"}))
    found = await examine(live_home, "--no-start", code=1)
    assert "does not answer" in found["http"]["text"]


async def test_a_server_that_cannot_be_started_is_told(live_home: Home) -> None:
    write(live_home.paths.logs, "in the way")
    found = await examine(live_home, code=1)
    assert found["round trip"]["level"] == "fail"
    assert "did not start" in found["round trip"]["text"]


async def test_what_was_put_into_a_client_starts_the_server(live_home: Home) -> None:
    words = [
        word
        for name in ("HOME", "TERMINAL", "HTTP_PORT")
        for word in ("--env", f"ITERM_MCP_{name}")
    ]
    await run(live_home, "install", "gemini", *words)
    folder = live_home.environ["HOME"]
    entry = json.loads(text_of(folder, ".gemini/settings.json"))["mcpServers"]["iterm-mcp"]
    server = StdioServerParameters(
        command=entry["command"],
        args=entry.get("args", []),
        env=entry["env"] | {"HOME": folder},  # whose shell has no start-up files
    )
    with anyio.fail_after(SECONDS):
        async with Client(server) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
    assert "open_session" in names
    found = await examine(live_home, "--no-start")
    assert found["Gemini CLI"]["level"] == "ok"
    assert "was not there before" in await run(live_home, "uninstall")
    with pytest.raises(FileNotFoundError):
        text_of(folder, ".gemini/settings.json")


@pytest.fixture
def claude(live_home: Home) -> str:
    """A command of the name, which notes what it is told and does nothing of it."""
    folder = Path(live_home.environ["HOME"])
    program = folder / "bin" / "claude"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {folder}/told\n', "utf-8")
    program.chmod(0o755)
    return str(program)


@pytest.mark.long
async def test_hooks_that_cannot_deliver_are_told(live_home: Home) -> None:
    await run(live_home, "install", "claude-code")
    await run(live_home, "daemon", "start")
    spool = Path(live_home.environ["ITERM_MCP_HOME"], "spool")
    (spool / ".hook").write_text("echo no room >&2; exit 1")
    found = await examine(live_home, "--no-start", code=1)
    assert "no room" in found["hooks"]["text"]
    assert found["Claude Code's hooks"]["level"] == "ok"
    (spool / ".hook").unlink()
    found = await examine(live_home, "--no-start", code=1)
    assert "there is no" in found["Claude Code's hooks"]["text"]
    assert "cannot be sent by spool: there is no" in found["hooks"]["text"]


async def test_a_client_that_has_a_command_for_it_is_told_and_helped(
    live_home: Home, claude: str
) -> None:
    path = os.path.dirname(claude)  # noqa: PTH120 - within a coroutine
    folder = live_home.environ["HOME"]
    assert "claude mcp add-json" in await run(
        live_home, "install", "claude-code", "--dry-run", path=path
    )
    await run(live_home, "install", "claude-code", path=path)
    config = text_of(folder, ".claude.json")
    assert "iterm-mcp" in config
    write(f"{folder}/.claude.json", config + "\n")
    await run(live_home, "uninstall", "claude-code", path=path)
    assert json.loads(text_of(folder, ".claude.json")) == {}
    told = text_of(folder, "told").splitlines()
    assert told[:5] == ["mcp", "add-json", "--scope", "user", "iterm-mcp"]
    assert told[6:] == ["mcp", "remove", "--scope", "user", "iterm-mcp"]
