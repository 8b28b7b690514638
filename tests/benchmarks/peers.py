"""``uv run python -m tests.benchmarks.peers``: the same work through other servers for terminals.

libtmux-mcp is brought by pip, tmux-mcp (TypeScript) by npm, into a folder that is removed at the
end; ``--libtmux-mcp`` and ``--tmux-mcp`` name programs that are there already. All are spoken to
by the same client over stdio, and take turns, so that what else the machine does falls on all.
A peer that cannot be had is left out, and said so.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import venv
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import CLOCK_REALTIME, clock_gettime, perf_counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from tests.benchmarks.figures import percentile
from tests.benchmarks.home import temporary_home
from tests.benchmarks.line_process import started
from tests.benchmarks.peer_servers import IterMcp, LibtmuxMcp, Peer, TmuxMcp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OURS = "iterm-mcp"
LIBTMUX_PACKAGE = "libtmux-mcp==0.1.0a22"
TMUX_PACKAGE = "tmux-mcp@0.2.2"
INSTALL_SECONDS = 600
LINES = 1000


def run_true(peer: Peer, session: str, _scratch: Path, _turn: int) -> float:
    """Time `true`, from the call to its known end."""
    began = perf_counter()
    peer.run(session, "true")
    return perf_counter() - began


def wait_for_line(peer: Peer, session: str, scratch: Path, turn: int) -> float:
    """Time from a line being printed to the answer of the call that waits for it."""
    stamp = scratch / "stamp"
    command = f"sleep 0.5; date +%s.%N >{stamp}; echo ready $(({turn} * 2))."
    peer.wait(session, command, f"ready {turn * 2}.")
    answered = clock_gettime(CLOCK_REALTIME)
    return answered - float(stamp.read_text())


def read_lines(peer: Peer, session: str, _scratch: Path, turn: int) -> float:
    """Time reading 1000 lines that have been printed."""
    peer.wait(session, f"sleep 0.5; seq 1 {LINES}; echo read $(({turn} * 2)).", f"read {turn * 2}.")
    began = perf_counter()
    text = peer.read(session, LINES)
    seconds = perf_counter() - began
    if f"\n{LINES - 1}\n" not in text or "\n100\n" not in text:
        raise RuntimeError(f"{peer.name} did not show all the lines")
    return seconds


TASKS: dict[str, Callable[[Peer, str, Path, int], float]] = {
    "run `true`": run_true,
    "a line is printed to the wait's answer": wait_for_line,
    f"read {LINES} lines": read_lines,
}


def measure(
    peers: Sequence[Peer], *, rounds: int, sessions: int, scratch: Path
) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each task with the median milliseconds of each peer; the peers take turns."""
    opened = {peer.name: [peer.open(number) for number in range(sessions)] for peer in peers}
    for peer in peers:
        peer.run_all(opened[peer.name], "true")  # shells are up, and everything was loaded once
    for task, act in TASKS.items():
        seconds: dict[str, list[float]] = {peer.name: [] for peer in peers}
        for turn in range(1, rounds + 1):
            for peer in peers:
                seconds[peer.name].append(act(peer, opened[peer.name][0], scratch, turn))
        yield task, _medians(seconds)
    seconds = {peer.name: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            began = perf_counter()
            peer.run_all(opened[peer.name], "true")
            seconds[peer.name].append(perf_counter() - began)
    yield f"run `true` in {sessions} sessions at once", _medians(seconds)


def _medians(seconds: dict[str, list[float]]) -> dict[str, float]:
    return {name: percentile(values, 0.5) * 1e3 for name, values in seconds.items()}


@contextmanager
def open_peers(
    names: Sequence[str], programs: dict[str, list[str]], scratch: Path
) -> Iterator[list[Peer]]:
    """Start our server and the peers, each with a home of its own; end them at the end."""
    with ExitStack() as stack:
        peers: list[Peer] = []
        for name in names:
            home = stack.enter_context(temporary_home())
            if name == OURS:
                command = [str(Path(sys.executable).with_name("iterm-mcp"))]
                peers.append(IterMcp(stack.enter_context(started(command, home.environ))))
                continue
            folder = scratch / name  # where its tmux has its socket
            folder.mkdir()
            environ = {**home.environ, "TMUX_TMPDIR": str(folder), "LANG": "C.UTF-8"}
            environ.pop("TMUX", None)
            # A login shell of its own would read the user's files: these stay out of the race.
            tmux = ["tmux", "-f", "/dev/null", "new-session", "-d", "-s", "first", "-x", "80"]
            subprocess.run(tmux, env=environ, check=True, timeout=30)
            stack.callback(
                subprocess.run, ["tmux", "kill-server"], env=environ, check=False, timeout=30
            )
            limit = ["tmux", "set-option", "-g", "history-limit", "10000"]
            subprocess.run(limit, env=environ, check=True, timeout=30)
            process = stack.enter_context(started(programs[name], environ))
            peers.append(LibtmuxMcp(process) if name == LibtmuxMcp.name else TmuxMcp(process))
        yield peers


def install(name: str, folder: Path) -> list[str]:
    """Bring a peer into a folder; return how it is started.

    Raises:
        subprocess.SubprocessError: It could not be had.
        OSError: What installs it is missing.
    """
    if name == LibtmuxMcp.name:
        venv.create(folder, with_pip=True)
        command = [str(folder / "bin" / "pip"), "install", "-q", LIBTMUX_PACKAGE]
        started_as = [str(folder / "bin" / "libtmux-mcp")]
    else:
        command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund"]
        command.append(TMUX_PACKAGE)
        started_as = [str(folder / "node_modules" / ".bin" / "tmux-mcp")]
    subprocess.run(
        command, check=True, timeout=INSTALL_SECONDS, stdout=sys.stderr, stderr=subprocess.STDOUT
    )
    return started_as


def table(names: Sequence[str], results: dict[str, dict[str, float]]) -> Table:
    """Return the medians; behind each peer's, how many times ours it is."""
    grid = Table("what", *names, title="Beside other servers, median ms")
    for task, values in results.items():
        ours = values.get(OURS)
        grid.add_row(
            task,
            *(
                f"{values[name]:,.1f}"
                + (f" ({values[name] / ours:.1f}x)" if ours and name != OURS else "")
                for name in names
            ),
        )
    return grid


def main() -> None:
    """Install, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--only-ours", action="store_true", help="no peers: a smoke test")
    parser.add_argument("--libtmux-mcp", metavar="PROGRAM", nargs="+")
    parser.add_argument("--tmux-mcp", metavar="PROGRAM", nargs="+")
    asked = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-peers-"))
    programs: dict[str, list[str]] = {}
    try:
        if not asked.only_ours:
            given = {LibtmuxMcp.name: asked.libtmux_mcp, TmuxMcp.name: asked.tmux_mcp}
            for name, program in given.items():
                try:
                    programs[name] = program or install(name, scratch / f"{name}-program")
                except (OSError, subprocess.SubprocessError) as error:
                    sys.stderr.write(f"{name} is left out, for it cannot be installed: {error}\n")
        names = [OURS, *programs]
        results = {}
        with open_peers(names, programs, scratch) as peers:
            for task, medians in measure(
                peers, rounds=asked.rounds, sessions=asked.sessions, scratch=scratch
            ):
                results[task] = medians
                sys.stderr.write(f"{task}: {medians}\n")  # a long run may be ended early
        Console(width=140).print(table(names, results))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
