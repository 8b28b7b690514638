"""A temporary home in which a client finds our server, and the words for what became of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.cli.demo_home import end_programs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SERVER = str(Path(sys.executable).with_name("iterm-mcp"))
CLIENT_SECONDS = 90
END_SECONDS = 10

OFFLINE = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "GEMINI_TELEMETRY_ENABLED": "false",
    "NO_UPDATE_NOTIFIER": "1",
}
"""Keeps clients from asking for updates and from reporting home."""

COMMAND = "echo computed $((6 * 7))"
OUTPUT = "computed 42"
"""What the command prints, and what nobody can have typed."""

UP = '"daemon_up"'
"""The event in the daemon's log when it serves."""


class FailedError(Exception):
    """A check failed; the text says how."""


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table."""

    client: str
    version: str
    check: str
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rig:
    """A home of its own for client, daemon and host.

    Attributes:
        folder: The home folder; its ``project`` is where clients are started.
        environ: What they are started with.
    """

    folder: Path
    environ: dict[str, str]

    @property
    def project(self) -> Path:
        """Return the folder that clients work in."""
        return self.folder / "project"

    @property
    def server_environ(self) -> dict[str, str]:
        """Return what the server needs when a client passes on nothing of its own."""
        return {key: self.environ[key] for key in self.environ if key.startswith("ITERM_MCP_")}

    def pairs(self, flag: str) -> list[str]:
        """Return the same as words of a command line: ``flag KEY=VALUE`` each."""
        return [word for pair in self.server_environ.items() for word in (flag, "=".join(pair))]

    def find(self, program: str) -> str | None:
        """Return where a client's program is installed."""
        return shutil.which(program, path=self.environ["PATH"])

    @contextmanager
    def start(
        self, command: Sequence[str], *, stdin: int, stderr: int, **more: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Run a client for the length of the block; what it has started ends with it."""
        with subprocess.Popen(
            command,
            cwd=self.project,
            env={**self.environ, **more},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
            start_new_session=True,  # npm's programs are wrappers, whose child is the client
        ) as process:
            try:
                yield process
            finally:
                _end_group(process)

    def run(self, command: Sequence[str], **more: str) -> str:
        """Run a client to its end; return what it printed.

        Raises:
            FailedError: It took too long.
        """
        return self.judge(command, **more)[1]

    def judge(self, command: Sequence[str], **more: str) -> tuple[int, str]:
        """Run a client to its end; return its exit code, and what it printed.

        Raises:
            FailedError: It took too long.
        """
        with self.start(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, **more
        ) as process:
            try:
                printed = process.communicate(timeout=CLIENT_SECONDS)[0]
            except subprocess.TimeoutExpired as error:
                raise FailedError(f"no end after {error.timeout:.0f} s") from None
            return process.returncode, printed

    def expect_daemon_unharmed(self) -> None:
        """End the daemon; it must be the first one still, and must end in order.

        A client that takes the daemon down when it leaves has seen nothing but good answers. A
        check that needs no daemon has none to harm.

        Raises:
            FailedError: The daemon's log tells otherwise.
        """
        end_programs(self.environ["ITERM_MCP_HOME"])
        said = self.daemon_said()
        expect(not said or lived_through(said), "the daemon did not live through it", said)

    def daemon_said(self) -> str:
        """Return the daemon's log; nothing where none was started."""
        log = Path(self.environ["ITERM_MCP_HOME"], "logs", "daemon.log")
        return log.read_text("utf-8", errors="replace") if log.exists() else ""

    def version(self, program: str) -> str:
        """Return the version that a client names."""
        words = self.run([program, "--version"]).split()
        return next((word for word in words if word[:1].isdigit()), "?")


def expect(condition: object, what: str, seen: Any = "") -> None:  # noqa: ANN401
    """Fail a check unless the condition holds."""
    if not condition:
        raise FailedError(f"{what}; got: {str(seen).strip()[-300:]}")


def lived_through(log: str) -> bool:
    """Tell from a daemon's log that one daemon started, and that it ended when it was told to."""
    once = log.count(UP) == 1 and log.count('"daemon_drained"') == 1
    return once and "Traceback" not in log


def _end_group(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):  # macOS: nobody but zombies is left
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)


@contextmanager
def open_rig(programs: Sequence[Path]) -> Iterator[Rig]:
    """Make a home; end daemon and host in it, by pid, and remove it.

    Args:
        programs: Folders in which clients are looked for, before PATH.
    """
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-"))
    path = os.pathsep.join([*map(str, programs), os.environ.get("PATH", "")])
    environ = {
        **OFFLINE,
        "HOME": str(folder),
        "PATH": path,
        "TERM": "dumb",
        "LANG": "C.UTF-8",
        "ITERM_MCP_HOME": str(folder / "state"),
        "ITERM_MCP_TERMINAL": "headless",
        "ITERM_MCP_HTTP_PORT": "0",
        "ITERM_MCP_DRAIN_SECONDS": "1",
    }
    rig = Rig(folder, environ)
    rig.project.mkdir()
    try:
        yield rig
    finally:
        end_programs(environ["ITERM_MCP_HOME"])
        shutil.rmtree(folder, ignore_errors=True)
