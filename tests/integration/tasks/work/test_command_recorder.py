"""A command's recorder keeps the end of what it prints, and begins it once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from iterm_mcp.services.tasks import command_recorder
from iterm_mcp.services.tasks.command_recorder import BEGUN_EXIT, HALF_BYTES, NOT_STARTED_EXIT

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 60.0


def run(log: Path, *command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, command_recorder.__file__, str(log), *command],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False,
    )  # fmt: skip


def test_what_is_printed_is_shown_and_kept_and_the_command_begun_once(tmp_path: Path) -> None:
    log, ran = tmp_path / "log", tmp_path / "ran"
    first = run(log, "/bin/sh", "-c", f"echo x >>{ran}; echo said; exit 3")
    second = run(log, "/bin/sh", "-c", f"echo x >>{ran}")

    assert (first.returncode, first.stdout, log.read_bytes()) == (3, b"said\r\n", b"said\r\n")
    assert second.returncode == BEGUN_EXIT
    assert b"begun before" in second.stderr
    assert ran.read_text() == "x\n"


def test_a_command_that_is_not_there_says_so(tmp_path: Path) -> None:
    done = run(tmp_path / "log", "/no/such/program")
    assert done.returncode == NOT_STARTED_EXIT
    assert b"No such file" in (tmp_path / "log").read_bytes()


def test_of_much_the_end_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "log"
    count = HALF_BYTES // 8 + 1000
    done = run(log, "/bin/sh", "-c", f"yes 1234567 | head -n {count}; echo the end")
    assert done.returncode == 0
    assert log.read_bytes().endswith(b"the end\r\n")
    assert (tmp_path / "log.1").stat().st_size >= HALF_BYTES


def test_keys_reach_the_command_and_a_signal_ends_it_as_it_would_have(tmp_path: Path) -> None:
    master, slave = os.openpty()
    script = "read word; echo got $word; kill -TERM $$; sleep 60"
    process = subprocess.Popen(
        [sys.executable, command_recorder.__file__, str(tmp_path / "log"), "/bin/sh", "-c", script],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    with closing(os.fdopen(master, "r+b", buffering=0)) as terminal:
        terminal.write(b"hello\r")
        seen = b""
        while b"got hello" not in seen:
            seen += terminal.read(1000)
        assert process.wait(SECONDS) == -signal.SIGTERM
    assert b"got hello" in (tmp_path / "log").read_bytes()


def test_a_signal_is_passed_on(tmp_path: Path) -> None:
    script = "trap 'echo told; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    process = subprocess.Popen(
        [sys.executable, command_recorder.__file__, str(tmp_path / "log"), "/bin/sh", "-c", script],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"ready\r\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 7
        assert b"told" in process.stdout.read()
