"""Approvals from a shell."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread
from anyio.streams.buffered import BufferedByteReceiveStream
from typer.testing import CliRunner

from iterm_mcp.cli import app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.approvals.conftest import Desk
    from tests.integration.fake_agent.agents import Folder
    from typer.testing import Result

pytestmark = pytest.mark.headless


@pytest.fixture(autouse=True)
def _this_home(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in desk.home.environ.items():
        if name.startswith("ITERM_MCP_"):
            monkeypatch.setenv(name, value)


async def run(*words: str) -> Result:
    return await to_thread.run_sync(lambda: CliRunner().invoke(app, ["approvals", *words]))


@asynccontextmanager
async def watching(desk: Desk, *words: str) -> AsyncIterator[BufferedByteReceiveStream]:
    """Run the verb that goes on; yield what it prints."""
    process = await anyio.open_process(
        [sys.executable, "-m", "iterm_mcp", "approvals", "watch", *words], env=desk.home.environ
    )
    assert process.stdout
    try:
        yield BufferedByteReceiveStream(process.stdout)
    finally:
        process.send_signal(signal.SIGINT)
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(10):
                await process.wait()
            if process.returncode is None:
                process.kill()  # `aclose` would wait for ever, and cannot be cancelled
            await process.aclose()


async def read(lines: BufferedByteReceiveStream) -> dict[str, Any]:
    with anyio.fail_after(30):
        return dict(json.loads(await lines.receive_until(b"\n", 1 << 20)))


async def test_what_an_agent_asks_is_listed_watched_and_answered_from_a_shell(
    desk: Desk, folder: Folder
) -> None:
    asker = await desk.start(folder, "shelly")
    async with watching(desk, "--agent", "shelly", "--json") as lines:
        asked = await asker.asks("[[tool Bash touch x]]")
        assert (await read(lines))["approval_id"] == asked["approval_id"]
        listed = await run("list", "--agent", "shelly")
        assert listed.stdout.startswith(f"{asked['approval_id']}  shelly  Bash  touch x  waits for")
        assert json.loads((await run("list", "--json")).stdout)["approvals"]
        answered = await run("answer", asked["approval_id"], "deny", "-m", "not now")
        assert answered.exit_code == 0, answered.stderr
        assert answered.stdout.endswith("deny by iterm-mcp-cli\n")
        assert (await read(lines))["answer"]["choice"] == "deny"

    assert (await asker.agent.happens("denied"))["reason"] == "not now"
    again = await run("answer", asked["approval_id"], "allow")
    assert (again.exit_code, "iterm-mcp-cli answered 'deny'" in again.stderr) == (1, True)
    past = await run("list", "--agent", "shelly", "--answered", "1")
    assert "deny by iterm-mcp-cli" in past.stdout


async def test_rules_are_checked_and_explained_from_a_shell(desk: Desk, folder: Folder) -> None:
    assert "a person is asked about everything" in (await run("check")).stdout
    desk.rules("[[rule]]\ndecision = 'perhaps'\n")
    bad = await run("check")
    assert (bad.exit_code, "line 2: decision: must be one of" in bad.stderr) == (1, True)
    assert "the rules are not in force" in (await run("list")).stderr

    await desk.start(folder, "lawful", hooks=False)
    desk.rules(
        "[[rule]]\nname='x'\ndecision='deny'\ntools=['Write']\n"
        "[[rule]]\nname='y'\ndecision='allow'\ntools=['Bash']\ncommands=['ls']\n"
    )
    good = await run("check")
    assert good.stdout.split("\n")[:2] == ["1. deny  x", "2. allow  y"]
    told = await run("explain", "lawful", "Bash", "--command", "ls")
    assert told.stdout == "   x: another tool\nallow: the rule 'y' says allow\n"
    wrote = await run("explain", "lawful", "Write", "--path", "/x")
    assert wrote.stdout == "deny: the rule 'x' says deny\n"
    nobody = await run("explain", "nobody", "Bash")
    assert (nobody.exit_code, "no agent 'nobody'" in nobody.stderr) == (1, True)


async def test_without_a_daemon_the_rules_are_not_explained(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    del desk
    monkeypatch.setenv("ITERM_MCP_HOME", str(tmp_path_factory.mktemp("home")))
    alone = await run("explain", "ann", "Bash")
    assert (alone.exit_code, "no daemon answers" in alone.stderr) == (1, True)
