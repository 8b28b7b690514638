"""Many programs that print at once: into the host, tmux, and pseudo-terminals that nobody shows.

All stand ready before a gate, which opens for all at one moment; starting them is not measured.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING

from tests.benchmarks.figures import Figure, percentile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.host_figures import Terminals

ROUNDS = 3
MEGABYTE = 1_000_000
AIM_MS = round(1e3 / 45, 1)
"""For a megabyte, when all of them together bring 45 a second."""
LINE = "a_line_of_text_that_is_as_long_as_such_lines_often_are"
SETTLE_SECONDS = 600.0
_AT_THE_GATE_SECONDS = 0.5


class Gate:
    """Programs wait before it until it is opened, once.

    Attributes:
        script: Waits, then prints a megabyte and the line ``end``; `command` is a shell with it.
    """

    def __init__(self, folder: str) -> None:
        text = Path(folder, "text")
        text.write_text("".join(f"{LINE}_{number}\n" for number in range(20_000))[:MEGABYTE])
        self._fifo = Path(folder, "gate")
        os.mkfifo(self._fifo)
        self.script = f"echo ready; read go < {self._fifo}; cat {text}; echo; echo end; exec cat"
        self.command = f"/bin/sh -c '{self.script}'"

    def open(self) -> None:
        """Let all go on: whoever waits to read from it has reached its end."""
        os.close(os.open(self._fifo, os.O_WRONLY))


@contextmanager
def _gate() -> Iterator[Gate]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="im-") as folder:
        yield Gate(folder)


def measure_printing(all_: Sequence[Terminals], sessions: int) -> Iterator[Figure]:
    """Yield how long a megabyte takes of so many at once, and the server's part of it."""
    seconds: dict[str, list[float]] = {"bare PTY": []}
    cpu: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for one in all_:
            took, used = _printed(one, sessions)
            seconds.setdefault(one.name, []).append(took / sessions * 1e3)
            cpu.setdefault(one.name, []).append(used / sessions * 1e3)
        seconds["bare PTY"].append(_printed_bare(sessions) / sessions * 1e3)
    what = f"1 MB of {sessions} sessions at once"
    for name, found in seconds.items():
        middle = percentile(found, 0.5)
        beside = "" if name != "host" else f"{what}, {'tmux' if 'tmux' in seconds else 'bare PTY'}"
        aim = AIM_MS if name == "host" else None
        yield Figure(f"{what}, {name}", middle, "ms", beside, aim)
    for name, found in cpu.items():
        beside = "" if name != "host" else "processor time for that, tmux"
        yield Figure(f"processor time for that, {name}", percentile(found, 0.5), "ms", beside)


def _printed(one: Terminals, sessions: int) -> tuple[float, float]:
    """Return how long all took, and the server's processor time."""
    with _gate() as gate:
        names = [one.open(gate.command) for _ in range(sessions)]
        for name in names:
            until(one, name, "ready")
        sleep(_AT_THE_GATE_SECONDS)
        used = cpu_seconds(one)
        began = perf_counter()
        gate.open()
        for name in names:
            until(one, name, "end")
        took = perf_counter() - began
        used = cpu_seconds(one) - used
        one.close(names)
        return took, used


def _printed_bare(sessions: int) -> float:
    """Return how long it takes to read the same from pseudo-terminals and to forget it."""
    with _gate() as gate, ExitStack() as stack:
        watched = stack.enter_context(selectors.DefaultSelector())
        tails: dict[int, bytes] = {}
        for _ in range(sessions):
            master, slave = os.openpty()
            stack.callback(os.close, master)
            process = subprocess.Popen(
                ["/bin/sh", "-c", gate.script],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            os.close(slave)
            tails[master] = b""
            watched.register(master, selectors.EVENT_READ)
        _read_bare(watched, tails, b"ready")
        for master in tails:
            watched.register(master, selectors.EVENT_READ)
            tails[master] = b""
        sleep(_AT_THE_GATE_SECONDS)
        began = perf_counter()
        gate.open()
        _read_bare(watched, tails, b"end\r\n")
        return perf_counter() - began


def _read_bare(watched: selectors.BaseSelector, tails: dict[int, bytes], mark: bytes) -> None:
    """Read until each has printed a mark; those that have are no longer watched."""
    waiting = len(tails)
    while waiting:
        for key, _ in watched.select(SETTLE_SECONDS):
            data = os.read(key.fd, 1 << 16)
            tails[key.fd] = (tails[key.fd] + data)[-2 * len(mark) :]
            if mark in tails[key.fd]:
                watched.unregister(key.fd)
                waiting -= 1


def until(one: Terminals, name: str, line: str) -> None:
    """Wait until a line of the screen is that."""
    deadline = perf_counter() + SETTLE_SECONDS
    while line not in one.text(name, 24):
        assert perf_counter() < deadline, f"a program does not come to {line!r}"
        sleep(0.002)


def cpu_seconds(one: Terminals) -> float:
    """Return the processor time that the server has used."""
    times = one.process.cpu_times()
    return float(times.user + times.system)
