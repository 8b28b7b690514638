"""The running host, over its API, beside tmux: opening, printing, reading, memory.

Both are spoken to over one connection without an event loop, and take turns, so that what else
the machine does falls on both.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from shutil import which
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, Protocol

import psutil
from iterm2 import api_pb2
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.printing_figures import LINE, cpu_seconds, measure_printing, until
from tests.benchmarks.raw_wire import open_raw_wire
from tests.benchmarks.tmux import open_tmux

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.home import Home
    from tests.benchmarks.raw_wire import RawWire
    from tests.benchmarks.tmux import Tmux

SHELL = "/bin/bash --norc --noprofile -i"
READS = 200
ROUNDS = 5
FEW = 100  # sessions whose memory is measured in tmux, which takes long to open many
LINES = 10_000
PRINT_LINES = f"seq -f {LINE}_%g {LINES}; echo end"


class Terminals(Protocol):
    """What is measured: something that holds terminals."""

    name: str
    process: psutil.Process

    def open(self, command: str) -> str: ...

    def close(self, names: list[str]) -> None: ...

    def text(self, name: str, lines: int) -> list[str]: ...

    def answer(self, name: str, lines: int, above: int = 0) -> Any:  # noqa: ANN401 - its own
        """Return so many lines, `above` lines above the screen's last, as they are sent."""

    def decoded(self, answer: Any) -> list[str]:  # noqa: ANN401 - as above
        """Return the texts of such an answer."""


class HostTerminals:
    """The host."""

    name = "host"

    def __init__(self, wire: RawWire, process: psutil.Process) -> None:
        self.process = process
        self._wire = wire
        self._windows: dict[str, str] = {}
        self._ends: dict[str, int] = {}  # the line below the screen, where nothing is printed

    def open(self, command: str) -> str:
        opened = self._wire.open_window(command)
        self._windows[opened.session_id] = opened.window_id
        return str(opened.session_id)

    def close(self, names: list[str]) -> None:
        for name in names:
            self._wire.close([self._windows.pop(name)])

    def text(self, name: str, lines: int) -> list[str]:
        return self._wire.text(name, None if lines == 24 else lines)

    def answer(self, name: str, lines: int, above: int = 0) -> bytes:
        asked = api_pb2.LineRange()
        if above:
            if name not in self._ends:
                self._ends[name] = self._wire.last_line(name)
            end = self._ends[name] - above
            area = asked.windowed_coord_range.coord_range
            area.start.x, area.start.y, area.end.x, area.end.y = 0, end - lines, 0, end
        elif lines == 24:
            asked.screen_contents_only = True
        else:
            asked.trailing_lines = lines
        request = api_pb2.GetBufferRequest(session=name, line_range=asked)
        return self._wire.exchange(request)

    def decoded(self, answer: bytes) -> list[str]:
        message = api_pb2.ServerOriginatedMessage.FromString(answer)
        return [line.text for line in message.get_buffer_response.contents]


class TmuxTerminals:
    """tmux, through a client in control mode that is not sent what programs print."""

    name = "tmux"

    def __init__(self, tmux: Tmux) -> None:
        self._tmux = tmux
        self.process = psutil.Process(tmux.pid())
        tmux.ask("refresh-client -f no-output")

    def open(self, command: str) -> str:
        (name,) = self._tmux.ask(f"new-window -d -P -F '#{{window_id}}' {_quoted(command)}")
        return name.decode()

    def close(self, names: list[str]) -> None:
        for name in names:
            self._tmux.ask(f"kill-window -t {name}")

    def text(self, name: str, lines: int) -> list[str]:
        return self.decoded(self.answer(name, lines))

    def answer(self, name: str, lines: int, above: int = 0) -> list[bytes]:
        area = f" -S {24 - lines - above} -E {23 - above}"
        return self._tmux.ask(f"capture-pane -p{area} -t {name}")

    def decoded(self, answer: list[bytes]) -> list[str]:
        return [line.decode() for line in answer]


def measure(home: Home, *, sessions: int, many: int, idle_seconds: float) -> Iterator[Figure]:
    """Yield the host's figures, and tmux's where it is installed.

    Args:
        many: How many sessions with a full history memory is measured with.
        idle_seconds: How long sessions rest before their memory is looked at; after thirty
            seconds without output the host compresses their history.
    """
    start = [sys.executable, "-m", "iterm_mcp", "host", "start"]
    subprocess.run(start, env=home.environ, check=True, stdout=subprocess.DEVNULL)
    with ExitStack() as stack:
        host = HostTerminals(
            stack.enter_context(open_raw_wire(home)),
            psutil.Process(lock_holder(home.paths.host_lock) or 0),
        )
        all_: list[Terminals] = [host]
        if which("tmux"):
            all_.insert(0, TmuxTerminals(stack.enter_context(open_tmux(SHELL))))
        yield from _opening(all_, sessions)
        yield from measure_printing(all_, sessions)
        yield from _reading(all_)
        yield from _memory(all_, many, idle_seconds)


def _opening(all_: list[Terminals], sessions: int) -> Iterator[Figure]:
    opening: dict[str, list[float]] = {one.name: [] for one in all_}
    closing: dict[str, list[float]] = {one.name: [] for one in all_}
    for _ in range(ROUNDS):
        for one in all_:
            began = perf_counter()
            names = [one.open(SHELL) for _ in range(sessions)]
            opened = perf_counter()
            one.close(names)
            opening[one.name].append((opened - began) / sessions * 1e3)
            closing[one.name].append((perf_counter() - opened) / sessions * 1e3)
    yield from _beside("open a session", opening, "ms", f"of {sessions}, one after the other")
    yield from _beside("close a session", closing, "ms", f"of {sessions}, one after the other")


def _reading(all_: list[Terminals]) -> Iterator[Figure]:
    names = {one.name: one.open(_shell(PRINT_LINES)) for one in all_}
    for one in all_:
        until(one, names[one.name], "end")
        _read(one, names[one.name], 24, 8500)  # what is asked once only
    first: dict[str, list[float]] = {one.name: [] for one in all_}
    for page in range(1, 8):
        for one in all_:
            first[one.name].append(_read(one, names[one.name], 1000, 1000 * page)[1])
    yield from _beside("read 1000 lines never read before", first, "us")
    for lines in (24, 1000):
        came: dict[str, list[float]] = {one.name: [] for one in all_}
        seconds: dict[str, list[float]] = {one.name: [] for one in all_}
        cpu: dict[str, list[float]] = {one.name: [] for one in all_}
        for _ in range(ROUNDS):
            for one in all_:
                used = cpu_seconds(one)
                for _ in range(READS // ROUNDS):
                    received, decoded = _read(one, names[one.name], lines)
                    came[one.name].append(received)
                    seconds[one.name].append(decoded)
                cpu[one.name].append((cpu_seconds(one) - used) * 1e6 / (READS // ROUNDS))
        yield from _beside(f"{lines} lines have come", came, "us", "not decoded yet")
        yield from _beside(f"read {lines} lines", seconds, "us")
        yield from _beside(f"processor time to read {lines} lines", cpu, "us", "the server's own")
    for one in all_:
        one.close([names[one.name]])


def _read(one: Terminals, name: str, lines: int, above: int = 0) -> tuple[float, float]:
    """Read; return after how many microseconds the answer had come, and was decoded."""
    began = perf_counter()
    answer = one.answer(name, lines, above)
    came = perf_counter()
    found = one.decoded(answer)
    end = perf_counter()
    assert len(found) == lines, len(found)
    return (came - began) * 1e6, (end - began) * 1e6


def _memory(all_: list[Terminals], sessions: int, idle_seconds: float) -> Iterator[Figure]:
    for one in all_:
        before = one.process.memory_info().rss
        names = []
        count = sessions if one.name == "host" else min(sessions, FEW)
        for _ in range(count):
            names.append(one.open(_shell(PRINT_LINES)))
            if len(names) % 50 == 0:  # so many programs at once, not more
                for name in names[-50:]:
                    until(one, name, "end")
        for name in names:
            until(one, name, "end")
        rested = idle_seconds if one.name == "host" else 0
        if waits := list(_while_resting(one, names[0], rested)):
            yield Figure(
                f"read 24 lines p99 while {count} histories are compressed",
                percentile(waits, 0.99) * 1e6,
                "us",
            )
        used = (one.process.memory_info().rss - before) / count / 1e6
        tmux = "memory of a session, tmux"
        aim = 1.5 if rested else None
        what = f"memory of a session, {one.name}"
        later = f", {rested:g} s later" if rested else ""
        note = f" ({count} with {LINES} lines{later})"
        yield Figure(what, used, "MB", "" if what == tmux else tmux, aim, note)
        one.close(names)


def _while_resting(one: Terminals, name: str, seconds: float) -> Iterator[float]:
    """Yield how long reading a screen takes, now and then in all that time."""
    end = perf_counter() + seconds
    while perf_counter() < end:
        sleep(0.02)
        began = perf_counter()
        one.text(name, 24)
        yield perf_counter() - began


def _beside(
    what: str, values: dict[str, list[float]], unit: str, note: str = ""
) -> Iterator[Figure]:
    for name, found in values.items():
        beside = "" if name == "tmux" else f"{what}, tmux"
        shown = f" ({note})" if note else ""
        yield Figure(f"{what}, {name}", percentile(found, 0.5), unit, beside, None, shown)


def _shell(script: str) -> str:
    return f"/bin/sh -c '{script}; exec cat'"


def _quoted(command: str) -> str:
    escaped = command.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'
