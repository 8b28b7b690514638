"""The keeper of a pane, on a terminal of its own, without a host or a daemon."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.integration.lives.panes import Pane, open_pane, wait

from iterm_mcp.agents import keeper
from iterm_mcp.agents.keeper import start_of
from iterm_mcp.services.agents.life_files import parse_status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def pane(tmp_path: Path) -> Iterator[Pane]:
    with open_pane(tmp_path) as one:
        yield one


def test_a_keeper_says_who_and_where_it_is_before_it_has_an_order(pane: Pane) -> None:
    status = pane.until(lambda one: one.get("state") == "waiting")

    assert status["keeper"] == pane.process.pid
    found = parse_status(json.dumps(status).encode())
    assert found is not None
    assert (found.session_id, found.life, found.pid) == ("ABC", "", 0)
    assert found.keeper_started == start_of(pane.process.pid)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_keeper_without_an_order_leaves_a_pane_that_is_closed(
    pane: Pane, number: signal.Signals
) -> None:
    pane.until(lambda one: one.get("state") == "waiting")

    os.kill(pane.process.pid, number)

    assert pane.ended() == keeper.NO_ORDER_EXIT


def test_the_agent_has_the_terminal_to_itself(pane: Pane) -> None:
    pane.order("/bin/sh", "-c", "ps -o pgid= -o tpgid= -p $$; read line; echo got $line")
    status = pane.until(lambda one: one.get("state") == "running")

    shown = pane.shows("\n")
    group, foreground = shown.split()[:2]

    assert group == foreground == str(status["pid"])
    assert status["pid"] != pane.process.pid
    assert status["started"] == start_of(status["pid"])
    os.write(pane.master, b"word\n")  # with which it ends
    pane.shows("got word")
    assert pane.until(lambda one: one["state"] == "ended")["code"] == 0


@pytest.mark.parametrize(
    ("script", "how"),
    [("exit 3", {"code": 3}), ("kill -9 $$", {"signal": 9}), ("true", {"code": 0})],
)
def test_how_the_agent_ended_is_written_down_and_shown(
    pane: Pane, script: str, how: dict[str, int]
) -> None:
    pane.order("/bin/sh", "-c", script)

    status = pane.until(lambda one: one.get("state") == "ended")

    assert {key: status[key] for key in ("code", "signal") if key in status} == how
    pane.shows(f"[the agent ended with {'signal' if 'signal' in how else 'code'}")


def test_what_is_typed_after_the_end_of_the_agent_is_run_by_nobody(
    pane: Pane, tmp_path: Path
) -> None:
    pane.order("/bin/true")
    pane.until(lambda one: one.get("state") == "ended")
    victim = tmp_path / "victim"

    os.write(pane.master, f"touch {victim}\n".encode())
    pane.order("/bin/true", life="two")
    os.kill(pane.process.pid, signal.SIGUSR1)
    pane.until(lambda one: one["life"] == "two" and one["state"] == "ended")

    assert not victim.exists()


def test_a_program_that_is_not_there_is_told_as_such(pane: Pane) -> None:
    pane.order("/no/such/program")

    status = pane.until(lambda one: one.get("state") == "ended")

    assert status["problem"] == "No such file or directory: /no/such/program"
    assert status["code"] == 127


def test_a_folder_that_is_gone_is_told_as_such(pane: Pane) -> None:
    pane.order("/bin/true", directory="/no/such/folder")

    status = pane.until(lambda one: one.get("state") == "ended")

    assert "/no/such/folder" in status["problem"]


def test_a_second_keeper_of_the_same_agent_starts_nothing(pane: Pane, tmp_path: Path) -> None:
    pane.order("/bin/sleep", "60")
    status = pane.until(lambda one: one.get("state") == "running")

    with open_pane(tmp_path) as other:
        code = other.ended()
        assert other.status() == status

    assert code == keeper.BUSY_EXIT


def test_an_agent_is_started_again_by_a_new_order_and_never_twice_by_one(
    pane: Pane, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    script = f"echo x >> {count}"
    pane.order("/bin/sh", "-c", script)
    pane.until(lambda one: one.get("state") == "ended")

    os.kill(pane.process.pid, signal.SIGUSR1)  # the same order
    pane.order("/bin/sh", "-c", script, life="two")
    os.kill(pane.process.pid, signal.SIGUSR1)
    os.kill(pane.process.pid, signal.SIGUSR1)
    pane.until(lambda one: one["life"] == "two" and one["state"] == "ended")
    pane.order("/bin/sh", "-c", "exec sleep 60", life="three")
    os.kill(pane.process.pid, signal.SIGUSR1)
    running = pane.until(lambda one: one["life"] == "three" and one["state"] == "running")
    pane.order("/bin/true", life="four")
    os.kill(pane.process.pid, signal.SIGUSR1)  # while one runs
    os.kill(running["pid"], signal.SIGKILL)
    status = pane.until(lambda one: one["state"] == "ended")

    assert count.read_text() == "x\nx\n"
    assert (status["life"], status["signal"]) == ("three", 9)


def test_secrets_of_whoever_started_the_terminal_reach_no_agent(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with open_pane(tmp_path, CLAUDECODE="1", GH_TOKEN="s", ANTHROPIC_API_KEY="k", LANG="C") as pane:
        pane.order(
            "/bin/sh",
            "-c",
            f"env > {out}.tmp; mv {out}.tmp {out}",
            keep=["ANTHROPIC_API_KEY"],
            environment={"ITERM_MCP_AGENT": "ada"},
        )
        pane.until(lambda one: one.get("state") == "ended")

    seen = dict(line.split("=", 1) for line in out.read_text().splitlines())
    assert "CLAUDECODE" not in seen
    assert "GH_TOKEN" not in seen
    assert (seen["ANTHROPIC_API_KEY"], seen["ITERM_MCP_AGENT"], seen["LANG"]) == ("k", "ada", "C")


def test_closing_the_pane_ends_the_agent_and_says_that_it_was_the_pane(pane: Pane) -> None:
    pane.order("/bin/sleep", "60")
    running = pane.until(lambda one: one.get("state") == "running")

    os.kill(pane.process.pid, signal.SIGHUP)
    code = pane.ended()

    status = pane.status()
    assert code == 128 + signal.SIGHUP
    assert (status["hung_up"], status["state"], status["signal"]) == ("pane", "ended", 1)
    assert start_of(running["pid"]) != running["started"]


def test_the_end_of_the_terminal_itself_is_told_from_that_of_a_pane(tmp_path: Path) -> None:
    script = (
        "import os, pty, sys, time\n"
        "pid, master = pty.fork()\n"
        "if not pid:\n"
        f"    os.execv(sys.executable, [sys.executable, '-I', '-S', {keeper.__file__!r}, "
        f"{str(tmp_path)!r}])\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as terminal:
        pane = Pane(terminal, -1, tmp_path)
        pane.order("/bin/sleep", "60")
        running = pane.until(lambda one: one.get("state") == "running")
        terminal.kill()
    status = pane.until(lambda one: "hung_up" in one)

    assert status["hung_up"] == "terminal"
    wait(lambda: start_of(running["pid"]), lambda one: one != running["started"])


def test_a_keeper_that_is_told_to_go_ends_its_agent_first(pane: Pane) -> None:
    pane.order("/bin/sleep", "60")
    pane.until(lambda one: one.get("state") == "running")

    os.kill(pane.process.pid, signal.SIGTERM)

    assert pane.ended() == 128 + signal.SIGTERM
    assert pane.status()["signal"] == signal.SIGTERM
    assert "hung_up" not in pane.status()


def test_ctrl_c_closes_the_pane_of_an_agent_that_has_ended_but_not_of_one_that_runs(
    pane: Pane,
) -> None:
    pane.order("/bin/sh", "-c", "trap 'echo caught; exit 0' INT; echo ready; read line")
    pane.shows("ready")
    os.write(pane.master, b"\x03")
    pane.shows("caught")
    pane.until(lambda one: one.get("state") == "ended")
    pane.shows("Ctrl-C closes this pane")

    os.write(pane.master, b"\x03")

    assert pane.ended() == 0
    assert pane.status()["dismissed"] is True


def test_a_killed_full_screen_program_leaves_a_terminal_that_can_be_used(pane: Pane) -> None:
    script = "stty raw -echo; printf '\\033[?1049h\\033[?2004hdrawn'; kill -9 $$"
    pane.order("/bin/sh", "-c", script)
    shown = pane.shows("Ctrl-C closes")

    modes = subprocess.run(
        ["stty", "-a"], stdin=pane.master, capture_output=True, text=True, check=True
    ).stdout
    assert " icanon" in modes
    assert "\x1b[?2004l" in shown.split("drawn")[1]
    assert "\x1b[?1049l" not in shown, "the screen stays, for whoever looks why it ended"


def test_a_process_that_is_not_there_has_no_start() -> None:
    assert start_of(2**22 + 1) == ""
    assert start_of(os.getpid()) == start_of(os.getpid()) != ""
    assert start_of(os.getpid()) != start_of(os.getppid())
