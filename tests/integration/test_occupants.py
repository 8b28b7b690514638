"""Processes of this machine, as those who look for agents see them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.waiting import eventually

from iterm_mcp.agents.glance import GlancedFiles
from iterm_mcp.services.states.occupants import SystemFamilies, read_pulse, slow_pulse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAITS = "import sys; print('up', flush=True); sys.stdin.read()"


@contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that waits, with another one below it."""
    below = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WAITS!r}])"
    environ = {**os.environ, "HOME": str(folder), "CODEX_HOME": "", "SECRET": "s3"}
    with subprocess.Popen(
        [sys.executable, "-c", below], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        cwd=folder, env=environ,
    ) as process:  # fmt: skip
        assert process.stdout
        process.stdout.readline()
        try:
            yield process
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait(20)


async def test_a_family_has_the_root_first_and_tells_their_commands(tmp_path: Path) -> None:
    families = SystemFamilies()
    with running(tmp_path) as process:
        found = await families.families([process.pid, 2**22 + 1])

        (family,) = found.values()
        assert family[0].pid == process.pid
        assert family[1].parent == process.pid
        assert WAITS in family[1].command
        occupant = await families.describe(family[0])
        assert occupant.directory == str(tmp_path)
        assert occupant.environment["HOME"] == str(tmp_path)
        assert not {"SECRET", "CODEX_HOME"} & set(occupant.environment)
    gone = await families.describe(family[0])
    assert (gone.directory, gone.environment) == ("", {})


async def test_pulses_tell_who_lives_and_who_is_stopped(tmp_path: Path) -> None:
    families = SystemFamilies()
    with running(tmp_path) as process:
        (pulse,) = (await families.pulses([process.pid, 2**22 + 1])).values()
        assert not pulse.stopped
        os.kill(process.pid, signal.SIGSTOP)

        async def stopped() -> bool:
            now = await families.pulses([process.pid])
            return now[process.pid].stopped and now[process.pid].started == pulse.started

        await eventually(stopped, within_seconds=10)
        slow = slow_pulse(process.pid)
        assert slow is not None
        assert (slow.stopped, slow.group) == (True, pulse.group)
        os.kill(process.pid, signal.SIGCONT)
    assert read_pulse(process.pid) is None
    assert slow_pulse(process.pid) is None
    assert await families.pulses([]) == {}
    assert await families.families([]) == {}


async def test_files_are_glanced_at_once_and_so_are_those_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "first").write_text("second")
    (tmp_path / "second").write_bytes(b"one\ntwo\ntorn")
    told: list[object] = []
    files = GlancedFiles()

    def lead(content: bytes | None) -> None:
        assert content is not None
        files.follow_lines(tmp_path / content.decode(), told.append, tail_bytes=100)

    files.follow_content(tmp_path / "first", lead)
    files.follow_content(tmp_path / "missing", told.append)
    files.follow_lines(tmp_path / "nothing", told.append)
    files.follow_content(tmp_path / "first", told.append).close()
    await files.read()

    assert told == [None, [b"one", b"two"]]
