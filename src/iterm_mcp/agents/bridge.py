"""A keeper for an agent without a screen: holds its pipes, and the journal of all that was said.

It is run as a file of its own, by the bare interpreter: standard library only. It is a keeper, see
`iterm_mcp.agents.keeper`, but the agent has pipes in place of the terminal, in a session of its
own. Every line of its protocol is appended to a journal (`bridge_journal`), and printed for a
person to read along (`account`). The daemon connects to the socket ``talk`` in the folder and reads
the journal from where it left off, so its death loses nothing and ends nothing. It says:

- ``{"from": place, "since": seconds}`` first: give me the journal from there on. Of several that do
  so the one that was started last is served.
- ``{"say": line, "life": token}``: a line for the agent. It is in the journal before it is written
  to the agent. A line for another life is dropped, and half a line is no line.
- ``{"taken": place}``: up to there nothing need be told again; a later daemon is told so.
- ``{"finish": token}``: close the agent's input once all is written.

Keys that are typed in the pane mean nothing to the agent, and the pane says so.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from contextlib import suppress
from functools import partial

if __name__ == "__main__":  # run as a file, it finds its parts, and nothing else of ours
    sys.path.append(__file__.rpartition("/iterm_mcp/")[0])

from iterm_mcp.agents.account import account_said, account_told, cleaned
from iterm_mcp.agents.bridge_client import BridgeClient
from iterm_mcp.agents.bridge_journal import COMPLAINED, NOTED, SAID, TOLD, Journal
from iterm_mcp.agents.bridge_pane import BridgePane, quieten_terminal
from iterm_mcp.agents.keeper import POLL_SECONDS, WAITED, Keeper
from iterm_mcp.agents.line_buffer import LineBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SOCKET = "talk"
LINE_BYTES = 8 << 20
"""A line of the agent's that is longer is left out."""
UNREAD_BYTES = 8 << 20
"""When so much waits for the agent to read it, no more is taken from the daemon."""
CLIENTS_MOST = 8
READ_BYTES = 1 << 16
LAST_WORDS_SECONDS = 0.5
HINT_SECONDS = 10.0
CTRL_C = b"\x03"
PLACES = ("HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME")
"""Variables that lead to an agent's files."""

HINT = (
    "this agent is spoken to by messages, and keys mean nothing to it: "
    "the tool cascade_message sends them, `iterm-mcp approvals` answers what it asks"
)


class Bridge(Keeper):
    """A keeper whose agent has pipes."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self._signals: deque[int] = deque()
        self._attending = False
        self._bell, self._ring = os.pipe()
        self._journal: Journal | None = None
        self._door: socket.socket | None = None
        self._clients: list[BridgeClient] = []
        self._taken = 0
        self._life_at = 0
        self._pipes: dict[bytes, int] = {}  # by mark: stdout, stderr, and our end of stdin
        self._childs: tuple[int, ...] = ()
        self._lines: dict[bytes, LineBuffer] = {}
        self._unread = bytearray()
        self._finishing = False
        self._pane = BridgePane()
        self._hinted_at = 0.0

    # What a keeper does, otherwise.

    def _start(self, order: dict[str, Any]) -> None:
        pairs = [os.pipe() for _ in range(3)]
        (child_in, ours_in), (ours_out, child_out), (ours_err, child_err) = pairs
        self._pipes = {TOLD: ours_in, SAID: ours_out, COMPLAINED: ours_err}
        self._childs = (child_in, child_out, child_err)
        self._lines = {SAID: LineBuffer(LINE_BYTES), COMPLAINED: LineBuffer(LINE_BYTES)}
        self._unread.clear()
        self._finishing = False
        self._open_door()
        super()._start(order)

    def _enter(self) -> None:
        os.setsid()
        for number, pipe in enumerate(self._childs):
            os.dup2(pipe, number)

    def _started(self, order: dict[str, Any], pid: int) -> None:
        for pipe in self._childs:
            os.close(pipe)
        for pipe in self._pipes.values():
            os.set_blocking(pipe, False)
        environ = {**os.environ, **order["environment"]}
        start = {
            "life": order["life"],
            "epoch": order["epoch"],
            "pid": pid,
            "directory": order["directory"],
            "environment": {name: environ[name] for name in PLACES if name in environ},
        }
        self._life_at = self._journal.end if self._journal else 0
        self._note(start)
        for line in order.get("opening", ()):
            self._tell(line.encode())

    def _take_back(self, code: int) -> None:
        deadline = time.monotonic() + LAST_WORDS_SECONDS  # others may hold the pipes, and write
        for mark in (SAID, COMPLAINED):
            while self._read_agent(mark) and time.monotonic() < deadline:
                pass
            rest = self._lines[mark].rest()
            if rest:
                self._take(mark, rest)
        for pipe in self._pipes.values():
            os.close(pipe)
        self._pipes.clear()
        self._note({"ended": {"signal": -code} if code < 0 else {"code": code}})

    def _show_again(self) -> None:
        self._put("\r\n")

    def _refuse_keys(self) -> None:
        if time.monotonic() - self._hinted_at > HINT_SECONDS or not self._hinted_at:
            self._hinted_at = time.monotonic()
            self._say(HINT)

    def _leave(self, number: signal.Signals) -> int:
        code = super()._leave(number)
        status = self._status
        if self._pid and status["state"] != "ended":
            with suppress(OSError):  # nobody could see or tell it anything any more
                os.killpg(self._pid, signal.SIGKILL)
        if self._pipes:
            self._take_back(status.get("code", -status.get("signal", signal.SIGKILL)))
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        while time.monotonic() < deadline and any(one.waits for one in self._clients):
            self._round(POLL_SECONDS)
        return code

    def _put(self, text: str) -> None:
        self._pane.put(text)

    def _pause(self) -> None:
        until = time.monotonic() + POLL_SECONDS
        while (left := until - time.monotonic()) > 0:
            self._round(left)

    def _next_signal(self) -> int:
        self._attend()
        while not self._signals:
            self._round(None)
        return self._signals.popleft()

    def _attend(self) -> None:
        """From now on signals ring a bell; before, they only wait."""
        if self._attending:
            return
        self._attending = True
        for pipe in (self._bell, self._ring):
            os.set_blocking(pipe, False)
        signal.set_wakeup_fd(self._ring, warn_on_full_buffer=False)
        for number in WAITED:
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITED)

    # The loop.

    def _round(self, seconds: float | None) -> None:
        """Wait until somebody has something to say or to hear, and see to it."""
        reads, writes = self._reads(), self._writes()
        ready = select.select(list(reads), list(writes), [], seconds)
        for number in ready[1]:
            writes[number]()
        for number in ready[0]:
            reads[number]()
        self._clients = [one for one in self._clients if not one.closed]

    def _reads(self) -> dict[int, Callable[[], object]]:
        """Return what may have something for us, and who takes it."""
        reads: dict[int, Callable[[], object]] = {self._bell: self._hear_bell}
        if self._pane.typed_into:
            reads[0] = self._read_keys
        for mark in (SAID, COMPLAINED):
            if mark in self._pipes:
                reads[self._pipes[mark]] = partial(self._read_agent, mark)
        if self._door is not None:
            reads[self._door.fileno()] = self._answer_door
        if len(self._unread) < UNREAD_BYTES:
            reads |= {one.fileno(): one.read for one in self._clients}
        return reads

    def _writes(self) -> dict[int, Callable[[], object]]:
        """Return what we have something for, and who gives it."""
        writes: dict[int, Callable[[], object]] = {
            one.fileno(): one.write for one in self._clients if one.waits
        }
        if self._pane.waits:
            writes[1] = self._pane.show
        if TOLD in self._pipes and (self._unread or self._finishing):
            writes[self._pipes[TOLD]] = self._write_agent
        return writes

    def _hear_bell(self) -> None:
        with suppress(BlockingIOError):
            self._signals.extend(os.read(self._bell, READ_BYTES))

    # The agent.

    def _read_agent(self, mark: bytes) -> bool:
        """Take what the agent wrote; tell whether there may be more."""
        pipe = self._pipes.get(mark)
        if pipe is None:
            return False
        try:
            data = os.read(pipe, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            os.close(self._pipes.pop(mark))
            return False
        lines = self._lines[mark]
        before = lines.left_out
        for line in lines.feed(data):
            self._take(mark, line)
        if lines.left_out > before:
            self._note({"left_out": lines.left_out - before})
            self._say(f"a line of more than {LINE_BYTES >> 20} MiB was left out")
        return True

    def _take(self, mark: bytes, line: bytes) -> None:
        """Keep a line of the agent's, and show what it tells."""
        if not line.strip():
            return
        self._keep(mark, line)
        if mark == COMPLAINED:
            self._tell_person([f"! {line.decode('utf-8', 'replace')}"])
        else:
            self._tell_person(_read(account_said, line))

    def _tell(self, line: bytes) -> None:
        """Write a line to the agent, once it is in the journal."""
        if TOLD not in self._pipes or self._finishing or not self._keep(TOLD, line):
            return
        self._tell_person(_read(account_told, line))
        self._unread += line + b"\n"
        self._write_agent()

    def _write_agent(self) -> None:
        pipe = self._pipes.get(TOLD)
        if pipe is None:
            return
        try:
            if self._unread:
                del self._unread[: os.write(pipe, self._unread[:READ_BYTES])]
        except BlockingIOError:
            return
        except OSError:  # it reads no more
            self._unread.clear()
            self._finishing = True
        if self._finishing and not self._unread:
            os.close(self._pipes.pop(TOLD))

    def _note(self, what: dict[str, Any]) -> None:
        self._keep(NOTED, json.dumps(what).encode())

    def _keep(self, mark: bytes, line: bytes) -> bool:
        """Append to the journal; tell whether that could be done."""
        if self._journal is None:
            return False
        now = time.time()  # noqa: TID251 - nobody could give it another clock
        try:
            self._journal.append(mark, line.replace(b"\n", b" "), now)
        except OSError as error:
            self._say(f"the journal cannot be written: {error.strerror}")
            return False
        return True

    # Daemons.

    def _open_door(self) -> None:
        """Begin the journal, and offer the socket; a folder's path may be too long for one."""
        if self._door is not None:
            return
        self._journal = Journal(self._folder)
        here = os.getcwd()  # noqa: PTH109 - no pathlib here
        os.chdir(self._folder)
        try:
            with suppress(FileNotFoundError):
                os.unlink(SOCKET)  # noqa: PTH108
            door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            door.setblocking(False)  # noqa: FBT003
            door.bind(SOCKET)
            door.listen(CLIENTS_MOST)
        finally:
            os.chdir(here)
        self._door = door

    def _answer_door(self) -> None:
        if self._door is None or self._journal is None:
            return
        try:
            connection, _ = self._door.accept()
        except OSError:
            return
        greeting = {
            "base": self._journal.base,
            "end": self._journal.end,
            "taken": self._taken,
            "life_at": self._life_at,
        }
        silent = [one for one in self._clients if one.place is None]
        if len(self._clients) >= CLIENTS_MOST and silent:
            silent[0].close()
        self._clients.append(BridgeClient(connection, self._journal, greeting, self._asked))

    def _asked(self, client: BridgeClient, asked: dict[str, Any]) -> None:
        """Do what a daemon asks for; what is not understood ends its connection."""
        match asked:
            case {"from": int(place), "since": int() | float() as since}:
                self._serve(client, place, since)
            case {"say": str(line), "life": str(life)} if client.place is not None:
                if life == self._status["life"]:
                    self._tell(line.encode("utf-8", "replace"))
            case {"taken": int(place)} if client.place is not None:
                self._taken = max(self._taken, place)
            case {"finish": str(life)} if client.place is not None:
                if life == self._status["life"]:
                    self._finishing = True
                    self._write_agent()
            case _:
                client.close()

    def _serve(self, client: BridgeClient, place: int, since: float) -> None:
        served = [one for one in self._clients if one.place is not None and not one.closed]
        if any(one.since > since for one in served):
            client.refuse("a newer daemon is connected")
            return
        for one in served:
            one.close()
        client.since = since
        client.give_from(place)

    # The pane.

    def _tell_person(self, lines: list[str]) -> None:
        if lines:
            self._put("".join(f"{cleaned(one)}\r\n" for one in lines))

    def _read_keys(self) -> None:
        """Take what a person types: ctrl-C closes the pane when the agent has ended."""
        typed = self._pane.read_keys()
        if typed and self._pid:
            self._refuse_keys()
        elif CTRL_C in typed:
            self._signals.append(signal.SIGINT)


def _read(account: Callable[[dict[str, Any]], list[str]], line: bytes) -> list[str]:
    """Return what a line tells a person; what is no message is shown as it is."""
    try:
        message = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return [line.decode("utf-8", "replace")]
    return account(message) if isinstance(message, dict) else []


if __name__ == "__main__":
    quieten_terminal()
    sys.exit(Bridge(sys.argv[1]).run())
