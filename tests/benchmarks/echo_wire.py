"""How long a key takes to be seen by a script: through the host's API, through tmux -C.

A script types a character and waits until it is told that the screen has changed. The host
tells of a screen at most sixty times a second, so keys to one session come no quicker.
"""

from __future__ import annotations

import subprocess
import sys
from shutil import which
from time import perf_counter, sleep
from typing import TYPE_CHECKING

from iterm2 import api_pb2
from tests.benchmarks.echo_figures import FLOOD, FLOODING, SHELL
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.raw_wire import open_raw_wire
from tests.benchmarks.tmux import SIZE, open_tmux

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.home import Home

FRAME_SECONDS = 0.02
PAUSE_SECONDS = 0.001
COMMAND = "env PS1='$ ' " + " ".join(SHELL)
FLOOD_LINE = FLOOD[-1]


def measure(home: Home, *, counts: list[int], keys: int) -> Iterator[Figure]:
    """Yield echo times for each number of open sessions, idle and beside flooding ones."""
    start = [sys.executable, "-m", "iterm_mcp", "host", "start"]
    subprocess.run(start, env=home.environ, check=True, stdout=subprocess.DEVNULL)
    for count in counts:
        for flooding in (0, FLOODING):
            what = f"{count} sessions" + (f", {flooding} more flooding" if flooding else "")
            in_tmux = _in_tmux(count, keys, flooding) if which("tmux") else []
            in_host = _in_host(home, count, keys, flooding)
            for share, name in ((0.5, "p50"), (0.99, "p99")):
                tmux = f"key to notice {name} in tmux -C, {what}"
                if in_tmux:
                    yield Figure(tmux, percentile(in_tmux, share) * 1e6, "us")
                host = f"key to notice {name} over the API, {what}"
                yield Figure(host, percentile(in_host, share) * 1e6, "us", tmux if in_tmux else "")


def _in_host(home: Home, count: int, keys: int, flooding: int) -> list[float]:
    with open_raw_wire(home) as wire, open_raw_wire(home) as other:
        opened = [wire.open_window(COMMAND) for _ in range(count)]
        floods = [wire.open_window(f"/bin/sh -c '{FLOOD_LINE}'") for _ in range(flooding)]
        try:
            for one in opened:
                while "$" not in wire.text(one.session_id)[0]:
                    sleep(0.002)
                wire.ask(
                    api_pb2.NotificationRequest(
                        session=one.session_id,
                        subscribe=True,
                        notification_type=api_pb2.NOTIFY_ON_SCREEN_UPDATE,
                    )
                )
            seconds: list[float] = []
            for target, key in _keys(count, keys):
                _pause(count)
                wire.drain()
                session_id = opened[target].session_id
                frame = wire.encode(
                    api_pb2.SendTextRequest(session=session_id, text="x" if key else "\x7f")
                )
                began = perf_counter()
                wire.send(frame)
                wire.wait_for_screen(session_id)
                seconds.append(perf_counter() - began)
            return seconds
        finally:
            other.close([one.window_id for one in (*opened, *floods)])


def _in_tmux(count: int, keys: int, flooding: int) -> list[float]:
    """Send keys through a control-mode client and wait for the output that it reports."""
    with open_tmux(COMMAND) as tmux:
        for _ in range(flooding):  # in sessions of which this client is not told
            tmux.run("new-session", "-d", *SIZE, FLOOD_LINE)
        for _ in range(count - 1):
            tmux.ask(f'new-window -d "{COMMAND}"')
        for target in range(count):
            while b"$" not in b"".join(tmux.ask(f"capture-pane -p -t :{target}")):
                sleep(0.002)
        seconds: list[float] = []
        for target, key in _keys(count, keys):
            _pause(count)
            tmux.drain()
            began = perf_counter()
            tmux.write(f"send-keys -t :{target} {'x' if key else 'BSpace'}")
            tmux.wait_for(b"%output")
            seconds.append(perf_counter() - began)
        return seconds


def _keys(count: int, keys: int) -> Iterator[tuple[int, bool]]:
    """Yield sessions in no order, and a key or its deletion by turns, so that lines stay short."""
    for number in range(keys):
        yield number * 7919 % count, number // count % 2 == 0


def _pause(count: int) -> None:
    sleep(max(PAUSE_SECONDS, FRAME_SECONDS / count))
