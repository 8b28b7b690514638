"""Stands in a pane for an agent: starts it, says how it ended, and starts it again when told.

It is run as a file of its own, by the bare interpreter: standard library only, about 10 ms and
8 MB. Neither a crash of the agent nor one of the daemon ends it, so the pane keeps its place in
the layout and shows what the agent last showed; how the agent ended is written down even while no
daemon runs. It is no shell: what is typed after the agent's end is run by nobody.

In the folder that it is given:

- ``lock`` is held for as long as it lives. A second keeper of the same folder ends at once, so an
  agent cannot be started twice.
- ``order.json`` says what to start, and is awaited for `ORDER_SECONDS`; see
  `services.agents.life_files`.
- ``status.json`` is written anew as a whole at each change, for the daemon to read.

Signals: USR1 starts the agent again by a new order, HUP and TERM end it and then the keeper, and
Ctrl-C once the agent has ended closes the pane.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ORDER_SECONDS = 60.0
LOCK_SECONDS = 3.0
GRACE_SECONDS = 3.0
REPARENT_SECONDS = 0.5
POLL_SECONDS = 0.02

BUSY_EXIT = 75
"""Another keeper has the folder."""
NO_ORDER_EXIT = 66
NOT_STARTED_CODE = 127

WAITED = frozenset({signal.SIGCHLD, signal.SIGUSR1, signal.SIGTERM, signal.SIGHUP, signal.SIGINT})

LEAVING = frozenset({signal.SIGTERM, signal.SIGHUP, signal.SIGINT})

QUIETEN = (
    "\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[>4;0m\x1b[<u"
    "\x1b[?25h\x1b[0m"
)
"""Ends what a killed program has left on: pastes, mouse, focus, keyboard. The screen stays."""
LEAVE_SCREEN = "\x1b[?1049l"


def start_of(pid: int) -> str:
    """Return what tells a process from later ones of the same id; empty when there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            ticks = file.read().rpartition(")")[2].split()[19]
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123
            return f"{file.read(8)}:{ticks}"
    except (OSError, IndexError):
        if os.uname().sysname == "Linux":
            return ""
    found = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C"},
    )
    return " ".join(found.stdout.split())


class Keeper:
    """One keeper and its folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._pid = 0
        self._parent = os.getppid()
        self._tty = _terminal_modes()
        self._status: dict[str, Any] = {
            "keeper": os.getpid(),
            "keeper_started": start_of(os.getpid()),
            "session": os.environ.get("ITERM_SESSION_ID", ""),
            "life": "",
            "state": "waiting",
        }

    def run(self) -> int:
        """Keep the pane until told to leave it; return the exit code."""
        signal.pthread_sigmask(signal.SIG_BLOCK, WAITED | {signal.SIGTTOU, signal.SIGTTIN})
        # Some systems throw away what nobody handles, even while it is blocked.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        if not self._lock():
            self._say("this agent has a pane already; this one is not needed")
            return BUSY_EXIT
        self._write()
        order = self._await_order()
        if order is None:
            self._say("no order came; the pane is given up")
            return NO_ORDER_EXIT
        self._start(order)
        while True:
            number = self._next_signal()
            if number == signal.SIGCHLD:
                self._reap()
            elif number == signal.SIGUSR1:
                self._start_again()
            elif number == signal.SIGINT:
                if not self._pid:
                    self._write(dismissed=True)
                    return 0
                self._refuse_keys()
            else:
                return self._leave(signal.Signals(number))

    def _lock(self) -> bool:
        file = os.open(self._path("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(int(LOCK_SECONDS / POLL_SECONDS)):
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _await_order(self) -> dict[str, Any] | None:
        """Wait for the first order; None when the pane is closed before, or none comes."""
        for _ in range(int(ORDER_SECONDS / POLL_SECONDS)):
            order = self._order()
            if order is not None or signal.sigpending() & LEAVING:
                return order
            time.sleep(POLL_SECONDS)
        return None

    def _order(self) -> dict[str, Any] | None:
        try:
            with open(self._path("order.json"), encoding="utf-8") as file:  # noqa: PTH123
                return dict(json.load(file))
        except (OSError, ValueError):
            return None

    def _start_again(self) -> None:
        order = self._order()
        if self._pid or order is None or order["life"] == self._status["life"]:
            return
        self._show_again()
        self._start(order)

    def _start(self, order: dict[str, Any]) -> None:
        """Start the agent as the foreground job; a program that cannot be is told as its end."""
        self._status = {
            **{key: self._status[key] for key in ("keeper", "keeper_started", "session")},
            "life": order["life"],
            "epoch": order["epoch"],
        }
        environ = scrubbed(dict(os.environ), order["scrub"], order["keep"])
        environ |= order["environment"]
        alive, told = os.pipe()  # closed by a successful start
        pid = os.fork()
        if pid == 0:
            os.close(alive)
            _become(order, environ, told, self._enter)
        os.close(told)
        self._pid = pid
        self._started(order, pid)
        problem = os.read(alive, 4096).decode(errors="replace")
        os.close(alive)
        self._write(state="running", pid=pid, started=start_of(pid))
        if problem:
            self._status["problem"] = problem

    def _reap(self) -> None:
        """Note the agent's end. What it left behind is not waited for."""
        while self._pid:
            pid, ending = os.waitpid(self._pid, os.WNOHANG)
            if not pid:
                return
            self._pid = 0
            code = os.waitstatus_to_exitcode(ending)
            self._take_back(code)
            how = {"signal": -code} if code < 0 else {"code": code}
            self._write(state="ended", **how)
            words = f"signal {-code}" if code < 0 else f"code {code}"
            problem = self._status.get("problem", "")
            self._say(problem or f"the agent ended with {words}", "Ctrl-C closes this pane")

    def _leave(self, number: signal.Signals) -> int:
        """End the agent as it was asked of us, and say whether the pane alone was closed."""
        hung_up = number == signal.SIGHUP
        if self._pid:
            for one in (number, signal.SIGCONT):
                with suppress(OSError):
                    os.killpg(self._pid, one)
            for _ in range(int(GRACE_SECONDS / POLL_SECONDS)):
                pid, ending = os.waitpid(self._pid, os.WNOHANG)
                if pid:
                    code = os.waitstatus_to_exitcode(ending)
                    self._status |= {"signal": -code} if code < 0 else {"code": code}
                    self._status["state"] = "ended"
                    break
                self._pause()
        if hung_up:
            self._status["hung_up"] = "terminal" if self._orphaned() else "pane"
        self._write()
        return 128 + number

    def _orphaned(self) -> bool:
        """Tell whether the terminal itself has ended: its files are closed before it is gone."""
        for _ in range(int(REPARENT_SECONDS / POLL_SECONDS)):
            if os.getppid() != self._parent:
                return True
            time.sleep(POLL_SECONDS)
        return False

    # What is otherwise where an agent has no terminal, see `bridge`.

    def _next_signal(self) -> int:
        """Wait for one of `WAITED`."""
        return signal.sigwait(WAITED)

    def _enter(self) -> None:
        """Make ready what the agent finds; called in its process, before it becomes the agent."""
        os.setpgid(0, 0)
        _foreground(os.getpid())

    def _started(self, order: dict[str, Any], pid: int) -> None:
        """Take note of the agent's new process, which may not have become the agent yet."""
        del order
        with suppress(OSError):  # the child does it too: whoever is first
            os.setpgid(pid, pid)
        _foreground(pid)

    def _take_back(self, code: int) -> None:
        """Make the terminal ours again after the agent's end."""
        del code
        _foreground(os.getpgrp())
        if self._tty is not None:
            with suppress(termios.error):
                termios.tcsetattr(0, termios.TCSANOW, self._tty)
        self._put(QUIETEN)

    def _show_again(self) -> None:
        """Make the terminal ready for the agent's next life."""
        self._put(QUIETEN + LEAVE_SCREEN + "\r\n")

    def _refuse_keys(self) -> None:
        """Do nothing: while the agent has the terminal, Ctrl-C is not meant for us."""

    def _pause(self) -> None:
        """Wait for a moment while the agent ends."""
        time.sleep(POLL_SECONDS)

    def _say(self, *words: str) -> None:
        self._put(f"\r\n[{'; '.join(words)}]\r\n")

    def _put(self, text: str) -> None:
        with suppress(OSError):
            os.write(1, text.encode())

    def _write(self, **news: object) -> None:
        self._status |= news
        fresh = self._path(f"status.{os.getpid()}")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, json.dumps(self._status).encode())
        finally:
            os.close(file)
        os.rename(fresh, self._path("status.json"))  # noqa: PTH104 - no pathlib here

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"


def scrubbed(environ: dict[str, str], scrub: list[str], keep: list[str]) -> dict[str, str]:
    """Return an environment without the variables whose names match, but for some."""
    foreign = re.compile("|".join(f"(?:{one})" for one in scrub) or r"(?!)")
    return {
        name: value
        for name, value in environ.items()
        if name in keep or not foreign.fullmatch(name)
    }


def _become(
    order: dict[str, Any], environ: dict[str, str], told: int, enter: Callable[[], None]
) -> None:
    """Become the agent. Never returns."""
    try:
        enter()
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):  # Python changes these
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.chdir(order["directory"])
        os.execvpe(  # noqa: S606 - the agent itself
            order["command"], [order["command"], *order["arguments"]], environ
        )
    except OSError as error:
        os.write(told, f"{error.strerror}: {error.filename or order['command']}".encode())
    finally:
        os._exit(NOT_STARTED_CODE)


def _foreground(group: int) -> None:
    with suppress(OSError):
        os.tcsetpgrp(0, group)


def _terminal_modes() -> list[Any] | None:
    try:
        return termios.tcgetattr(0)
    except termios.error:
        return None


if __name__ == "__main__":
    sys.exit(Keeper(sys.argv[1]).run())
