"""What an MCP client starts: a byte pump between its stdio and the daemon's socket.

It imports the standard library only, and as little of it as it can: a client waits for it at
every start, and ten clients keep ten of them. Nothing lives here, so clients may kill it.

Lines go through whole and in order. It remembers three things, which it needs when the daemon
dies under it: the requests still in flight (they get an error), what a new daemon has to hear
again (see `greeting`), and what the client wrote meanwhile. A new daemon is started when the
client next says something. A client that subscribes to something may say nothing more, so for it
a daemon that has crashed is replaced at once, and one that was stopped is waited for. What the
client's user allows it (``--tier``, ``--tools``) each daemon hears first, and nothing passes
before it agrees.
"""

import os
import select
import sys

# The socket and signal modules build enums of all their constants, which takes longer than
# everything else here together; the C modules under them do not.
from _signal import SIGINT, SIGTERM  # type: ignore[import-not-found]  # not in typeshed
from _signal import signal as on_signal
from _socket import AF_UNIX, SOCK_STREAM
from _socket import socket as Socket  # noqa: N812 - it is a class

from iterm_mcp.access import Access, AccessError, take_access
from iterm_mcp.greeting import HEAD_BYTES, AccessDeniedError, Greeting
from iterm_mcp.json_lines import Key, answered, key_of, lines_of, parse, refusal, refusals
from iterm_mcp.paths import Paths, find_paths, make_private_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 1 << 16
PIPE_CHUNK = 4096
"""A pipe that polls writable takes this much without blocking (PIPE_BUF on Linux)."""

HIGH_WATER = 4 << 20
"""Above this many waiting bytes in one direction, its source is not read."""

IDLE_MILLISECONDS = 20
UNREAD_LINES = 64
"""Reading JSON waits for a quiet moment, so that no request waits for it, nor for its import."""

START_SECONDS = 20.0
RETRY_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0
"""A daemon is looked for on behalf of a silent client at most so seldom."""

LINGER_SECONDS = 10.0
"""How long answers may still come after the client closed its end."""

MESSAGE_LOST = (
    "the iterm-mcp daemon stopped while this request was in flight; "
    "it may or may not have taken effect: look before you repeat it"
)

MAX_LOSSES = 3
"""So many daemons may end without a word before what waits for one is refused."""


class Relay:
    """The pump. `run` returns the exit code."""

    def __init__(
        self,
        paths: Paths,
        stdin: int = 0,
        stdout: int = 1,
        *,
        access: Access | None = None,
        dial: "Callable[[str], Socket | None] | None" = None,
        start: "Callable[[Paths], Socket | None] | None" = None,
    ) -> None:
        self._paths = paths
        self._greeting = Greeting(access or Access())
        self._forbidden = ""  # why no daemon may serve this client
        self._dial = dial or _dial
        self._start = start or _start_daemon
        self._stdin = stdin
        self._stdout = stdout
        self._daemon: Socket | None = None
        self._from_client = bytearray()
        self._from_daemon = bytearray()
        self._to_client = bytearray()
        self._to_daemon = bytearray()
        self._held: list[bytes] = []  # client lines that wait for the handshake's replay
        self._unread: list[bytes] = []  # forwarded, not yet looked at
        self._unsent: list[bytes] = []  # at the end of `_to_daemon`: nothing of them has left
        self._unsent_bytes = 0
        self._losses = 0  # of daemons, since one last said something
        self._answered: list[tuple[Key, bytes]] = []  # how answers begin, since the last look
        self._in_flight: dict[Key, str] = {}
        self._no_start_before = 0.0  # what arrives right after a failed start is refused
        self._look_at = 0.0  # when to look for a daemon though the client says nothing
        self._pause = RETRY_SECONDS
        self._open = True  # the client's end

    def run(self) -> int:
        """Pump until the client closes its end and has its answers."""
        self._connect()
        poll = select.poll()
        deadline = 0.0
        while True:
            if not self._open:
                deadline = deadline or _now() + LINGER_SECONDS
                if self._daemon is None or not self._awaited() or _now() > deadline:
                    return self._finish()
            self._look()
            self._watch(poll)
            ready = poll.poll(IDLE_MILLISECONDS if self._unread else 1000)
            if not ready or len(self._unread) > UNREAD_LINES:
                self._catch_up()
            for fd, events in ready:
                if fd == self._stdin:
                    self._read_client()
                elif fd == self._stdout:
                    if not self._write_client(events):
                        return 0
                elif self._daemon is not None and fd == self._daemon.fileno():
                    self._serve_daemon(events)

    # The client's side.

    def _read_client(self) -> None:
        data = os.read(self._stdin, CHUNK)
        if not data:
            self._open = False
            return
        self._pause = RETRY_SECONDS
        for line in lines_of(self._from_client, data):
            self._take(line)

    def _take(self, line: bytes) -> None:
        """Send a client's line to a daemon, now or after the handshake's replay, or refuse it."""
        if self._forbidden or (self._daemon is None and not self._connect()):
            self._refuse(line)
        elif self._greeting.under_way:
            self._held.append(line)
        else:
            self._forward(line)

    def _forward(self, line: bytes) -> None:
        """Send a client's line on its way; `_catch_up` looks at it in a quiet moment."""
        self._to_daemon += line
        self._unsent.append(line)
        self._unsent_bytes += len(line)
        self._flush_daemon()
        self._unread.append(line)

    def _catch_up(self) -> None:
        """Learn from the lines that went through which requests are in flight."""
        lines, self._unread = self._unread, []
        for line in lines:
            for message in (messages := parse(line)):
                method, key = message.get("method"), key_of(message.get("id"))
                self._greeting.note(message, line, alone=len(messages) == 1)
                if method is not None and key is not None:
                    self._in_flight[key] = str(method)
        for key, answer in self._answered:
            self._in_flight.pop(key, None)
            self._greeting.settle(key, answer)
        self._answered.clear()

    def _refuse(self, line: bytes) -> None:
        reason = self._forbidden or (
            f"the iterm-mcp daemon did not start; its log is {self._paths.logs}/daemon.log, "
            "and `iterm-mcp daemon run` shows what stops it"
        )
        for one in refusals(line, reason):
            self._to_client += one

    def _write_client(self, events: int) -> bool:
        if events & (select.POLLERR | select.POLLNVAL):
            return False
        try:
            sent = os.write(self._stdout, self._to_client[:PIPE_CHUNK])
        except BrokenPipeError:
            return False
        del self._to_client[:sent]
        return True

    # The daemon's side.

    def _look(self) -> None:
        """Find a daemon, if there is none, for a client that says nothing and waits for word.

        One that was stopped took its socket with it: whoever stopped it starts the next one.
        """
        if self._daemon is not None or not (self._open and self._greeting.subscribes):
            return
        if _now() < self._look_at:
            return
        self._look_at = _now() + self._pause
        self._pause = min(2 * self._pause, MAX_PAUSE_SECONDS)
        self._connect(start=os.path.exists(self._paths.daemon_socket))

    def _connect(self, *, start: bool = True) -> bool:
        """Connect to the daemon; start it if there is none. False when that failed."""
        daemon = self._dial(self._paths.daemon_socket)
        if daemon is None and start and _now() >= self._no_start_before:
            daemon = self._start(self._paths)
        if daemon is None:
            self._no_start_before = _now() + RETRY_SECONDS
            return False
        daemon.settimeout(0)
        self._daemon = daemon
        self._to_daemon += self._greeting.begin()
        return True

    def _serve_daemon(self, events: int) -> None:
        try:
            if events & select.POLLOUT:
                self._flush_daemon()
            if events & (select.POLLIN | select.POLLHUP | select.POLLERR):
                self._read_daemon()
        except (ConnectionError, EOFError):
            self._lose_daemon()

    def _read_daemon(self) -> None:
        if self._daemon is None:
            return
        try:
            data = self._daemon.recv(CHUNK)
        except BlockingIOError:
            return
        if not data:
            raise EOFError
        self._losses = 0
        for line in lines_of(self._from_daemon, data):
            key = answered(line)
            if key is not None and self._greeting.awaits(key):
                self._go_on(key, line)
                continue
            self._to_client += line
            if key is not None:
                self._answered.append((key, line[:HEAD_BYTES]))

    def _go_on(self, key: Key, line: bytes) -> None:
        """Say what comes next after an answer that is not the client's."""
        try:
            to_daemon, to_client = self._greeting.go_on(key, line)
        except AccessDeniedError as error:  # a daemon that sets no limits is not used
            self._forbidden = (
                "the iterm-mcp daemon does not serve --tier and --tools as they are given: "
                f"{error}; mend them, or run `iterm-mcp daemon stop` if it is an older one"
            )
        else:
            self._to_daemon += to_daemon
            self._to_client += to_client
            if self._greeting.under_way:
                return
        held, self._held = self._held, []
        for one in held:
            if self._forbidden:
                self._refuse(one)
            else:
                self._forward(one)

    def _flush_daemon(self) -> None:
        if self._daemon is None or not self._to_daemon:
            return
        try:
            sent = self._daemon.send(self._to_daemon)
        except (BlockingIOError, ConnectionError):
            return  # the read that follows sees a lost connection's end, and answers
        del self._to_daemon[:sent]
        begun = 0
        while self._unsent_bytes > len(self._to_daemon):
            self._unsent_bytes -= len(self._unsent[begun])
            begun += 1
        del self._unsent[:begun]

    def _lose_daemon(self) -> None:
        """Answer what was in flight; the next line of the client starts a new daemon."""
        self._catch_up()
        if self._daemon is not None:
            self._daemon.close()
        self._daemon = None
        self._greeting.lose()
        self._look_at = 0.0
        self._from_daemon.clear()
        self._to_daemon.clear()
        # Nothing of these has left. A dying daemon may still take a connection, so more than once.
        waiting = self._unsent + self._held
        self._unsent, self._unsent_bytes, self._held = [], 0, []
        for line in waiting:
            for message in parse(line):
                if (key := key_of(message.get("id"))) is not None:
                    self._in_flight.pop(key, None)
        for _, request_id in self._in_flight:
            self._to_client += refusal(request_id, MESSAGE_LOST)
        self._in_flight.clear()
        self._losses += 1
        for line in waiting:
            if self._losses <= MAX_LOSSES:
                self._take(line)
            else:
                self._refuse(line)

    # The loop.

    def _watch(self, poll: select.poll) -> None:
        """Register what can make progress now."""
        want = select.POLLIN if self._open and len(self._to_daemon) < HIGH_WATER else 0
        _register(poll, self._stdin, want)
        _register(poll, self._stdout, select.POLLOUT if self._to_client else 0)
        if self._daemon is not None:
            want = select.POLLIN if len(self._to_client) < HIGH_WATER else 0
            want |= select.POLLOUT if self._to_daemon else 0
            poll.register(self._daemon.fileno(), want)

    def _awaited(self) -> bool:
        """Tell whether an answer is still to come; a subscription has no end to wait for."""
        self._catch_up()
        waiting = any(method != "subscriptions/listen" for method in self._in_flight.values())
        return waiting or bool(self._to_client) or bool(self._held)

    def _finish(self) -> int:
        if self._daemon is not None:
            self._daemon.close()
        while self._to_client and self._write_client(0):
            pass
        return 0


def main(arguments: list[str]) -> int:
    """Relay stdin and stdout until the client is gone."""
    try:
        access = take_access(arguments, os.environ)
    except AccessError as error:
        sys.stderr.write(f"iterm-mcp: {error}\n")
        return 2
    for number in (SIGINT, SIGTERM):
        on_signal(number, lambda *_: os._exit(0))  # nothing lives here: ending is clean
    return Relay(find_paths(), access=access).run()


def _dial(path: str) -> Socket | None:
    daemon = Socket(AF_UNIX, SOCK_STREAM)
    try:
        daemon.connect(path)
    except OSError:
        daemon.close()
        return None
    return daemon


def _start_daemon(paths: Paths) -> Socket | None:
    """Start a daemon, or wait for the one that another relay is starting."""
    from iterm_mcp.processes import start_once

    try:
        make_private_folder(paths.state)
        return start_once(
            lambda: _dial(paths.daemon_socket),
            lock=paths.daemon_lock,
            spawn_lock=paths.daemon_spawn_lock,
            arguments=["daemon", "run"],
            log=f"{paths.logs}/daemon.log",
            within_seconds=START_SECONDS,
        )
    except OSError as error:
        sys.stderr.write(f"iterm-mcp: {error}\n")
    return None


def _register(poll: select.poll, fd: int, want: int) -> None:
    if want:
        poll.register(fd, want)
    else:
        try:  # noqa: SIM105 - contextlib would have to be imported for it
            poll.unregister(fd)
        except KeyError:
            pass


def _now() -> float:
    from time import monotonic

    return monotonic()
