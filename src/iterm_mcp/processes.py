"""One instance of a thing, and starting it in the background. Standard library only."""

import fcntl
import os
import sys
from types import TracebackType
from typing import Self, TypeVar

from iterm_mcp.paths import HOME_VARIABLE, find_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PAUSE_SECONDS = 0.005
HOLDER_BYTES = 32
"""Of what a locked file says."""

AGENT_MARKS = (
    "ITERM_MCP_AGENT", "ITERM_MCP_TEAM", "ITERM_MCP_EPOCH", "ITERM_MCP_ORIGIN",
    "ITERM_MCP_TASK", "ITERM_MCP_ATTEMPT", "ITERM_MCP_RESULT", "ITERM_MCP_INPUTS",
)  # fmt: skip
"""Variables by which an agent's and a task's own processes are known; see
`services.agents.environment` and `services.tasks.prompts`."""


class AlreadyRunningError(Exception):
    """Another process holds the lock.

    Attributes:
        pid: The holder's process id, or 0 when it has not written it yet.
    """

    def __init__(self, path: str, pid: int) -> None:
        super().__init__(f"{path} is held by process {pid}")
        self.pid = pid


class InstanceLock:
    """An exclusive ``flock`` on a file, held until `release` or the end of the process.

    The file keeps the holder's process id. It is never removed: removing a locked file would
    let two processes each hold "the" lock.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1

    @classmethod
    def inherited(cls, path: str, fd: int) -> Self:
        """Return a lock that this process took when it was another program."""
        lock = cls(path)
        lock._fd = fd
        return lock

    @property
    def descriptor(self) -> int:
        """The locked file's, or -1: while it is open anywhere, the lock is held."""
        return self._fd

    def acquire(self, *, wait: bool = False) -> Self:
        """Take the lock.

        Args:
            wait: Block until it is free, instead of raising.

        Raises:
            AlreadyRunningError: Another process holds it and `wait` is false.
            OSError: It cannot be written to.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._lock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            _write_holder(fd, f"{os.getpid()}\n")
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return self

    def _lock(self, fd: int, operation: int) -> None:
        """Lock the file; `lock_holder` looks by sharing the lock for a moment, and is no holder."""
        while not _try_flock(fd, operation):
            if not _try_flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB):
                raise AlreadyRunningError(self._path, _parse_pid(os.pread(fd, HOLDER_BYTES, 0)))
            fcntl.flock(fd, fcntl.LOCK_UN)

    def try_acquire(self) -> bool:
        """Take the lock if it is free; tell whether it was."""
        try:
            self.acquire()
        except AlreadyRunningError:
            return False
        return True

    def release(self) -> None:
        """Give the lock back. Harmless when it is not held."""
        if self._fd >= 0:
            try:
                _write_holder(self._fd, "\n")
            finally:
                os.close(self._fd)
                self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def lock_holder(path: str) -> int | None:
    """Return the process id that holds the lock at `path`, or None when nobody does.

    0 means that it is held but the holder has not written its id yet.
    """
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _parse_pid(os.pread(fd, HOLDER_BYTES, 0))
    finally:
        os.close(fd)
    return None


def _try_flock(fd: int, operation: int) -> bool:
    try:
        fcntl.flock(fd, operation)
    except BlockingIOError:
        return False
    return True


def spawn_detached(arguments: list[str], log: str) -> int:
    """Start ``iterm-mcp <arguments>`` in the background, as nobody's child.

    It outlives the caller and the caller's terminal, and leaves the caller no zombie; its
    output is appended to `log`. Takes some 20 ms; returns before the program has imported
    anything, so what it offers must be waited for.

    Returns:
        A pipe to be closed by the caller; it reads as ended once the program has.

    Raises:
        OSError: It could not be started, or the log could not be opened.
    """
    import subprocess  # noqa: PLC0415 - milliseconds that only the starter of a daemon should pay

    # An agent's client may be what starts it; it must not be taken for one of the agent's own.
    environ = {name: value for name, value in os.environ.items() if name not in AGENT_MARKS}
    if environ.get(HOME_VARIABLE):  # relative, it would name another folder where it runs
        environ[HOME_VARIABLE] = find_paths(environ).state
    os.makedirs(os.path.dirname(log), mode=0o700, exist_ok=True)
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    alive, held = os.pipe()  # the program inherits the one end, and holds it all its life
    os.set_blocking(alive, False)
    try:
        subprocess.run(
            [sys.executable, "-m", "iterm_mcp", "--detached", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=fd,
            stderr=fd,
            start_new_session=True,
            cwd="/",
            env=environ,
            pass_fds=[held],
            check=True,
            timeout=30,
        )
    except subprocess.SubprocessError as error:
        os.close(alive)
        raise OSError(f"could not start iterm-mcp {' '.join(arguments)}: {error}") from None
    finally:
        os.close(fd)
        os.close(held)
    return alive


def _has_ended(alive: int) -> bool:
    try:
        return not os.read(alive, 1)
    except BlockingIOError:
        return False


def start_once(
    probe: "Callable[[], T | None]",
    *,
    lock: str,
    spawn_lock: str,
    arguments: list[str],
    log: str,
    within_seconds: float,
) -> "T | None":
    """Start ``iterm-mcp <arguments>`` in the background unless it runs, and wait until it answers.

    However many ask at once, one starts it and the others wait. Blocks.

    Args:
        probe: Returns what the caller is after, or None while nothing answers.
        lock: Held by the program for as long as it lives.
        spawn_lock: Held by the one that starts it.

    Returns:
        What `probe` gave, or None when the program ended or did not answer in time.

    Raises:
        OSError: It could not be started, or a lock could not be opened.
    """
    from time import monotonic, sleep  # noqa: PLC0415 - the relay need not know the time

    starter = InstanceLock(spawn_lock)
    mine = False
    spawned = -1
    began = monotonic()
    try:
        while monotonic() - began < within_seconds:
            found = probe()
            if found is not None:
                return found
            if spawned >= 0:
                if _has_ended(spawned) and lock_holder(lock) is None:
                    break
            elif not mine:
                mine = starter.try_acquire()
            elif lock_holder(lock) is None:  # else one is coming up, or one is going down
                spawned = spawn_detached(arguments, log)
            sleep(PAUSE_SECONDS)
    finally:
        starter.release()
        if spawned >= 0:
            os.close(spawned)
    return None


def log_size(log: str) -> int:
    """Return how long a log is; 0 when there is none."""
    try:
        return os.path.getsize(log)
    except OSError:
        return 0


def last_words(log: str, since: int) -> str:
    """Return the last line in plain words that was added to a log; empty when there is none.

    A program that cannot start says so in plain words; what it logs is JSON, or a traceback.

    Args:
        since: How long the log was before (`log_size`).
    """
    try:
        with open(log, "rb") as file:
            file.seek(since)
            added = file.read(1 << 16).decode(errors="replace")
    except OSError:
        return ""
    lines = [line for line in added.splitlines() if line.strip() and not line.startswith("{")]
    return "" if "Traceback" in added or not lines else lines[-1].strip()


def detach() -> None:
    """Go on in a child process whose parent has ended. Call it before any thread starts."""
    if os.fork():
        os._exit(0)


def _write_holder(fd: int, text: str) -> None:
    """Write over what is there: a file that is never cut needs no room on a disk that is full."""
    os.pwrite(fd, text.rjust(HOLDER_BYTES).encode(), 0)


def _parse_pid(text: bytes) -> int:
    digits = text.strip()
    return int(digits) if digits.isdigit() else 0
