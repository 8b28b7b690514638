"""A Postgres server of the tests' own, with its data in a temporary folder."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 60.0
PLACES = ("usr/lib/postgresql/*/bin", "opt/homebrew/opt/postgresql*/bin", "usr/local/bin")


def programs() -> Path | None:
    """Return the folder of the server's programs; None where it is not installed."""
    found = [one for place in PLACES for one in sorted(Path("/").glob(place), reverse=True)]
    found += [Path(one).parent for one in [shutil.which("initdb")] if one]
    return next((one for one in found if (one / "initdb").exists()), None)


class Postgres:
    """A server that can be killed and started again."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder = folder
        self._binaries = binaries
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]

    @property
    def url(self) -> str:
        """The URL of its database."""
        return f"postgresql://tests@127.0.0.1:{self._port}/postgres"

    def new_database(self) -> str:
        """Make an empty database, and return its URL."""
        name = f"d{secrets.token_hex(4)}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", "tests", name)
        return f"postgresql://tests@127.0.0.1:{self._port}/{name}"

    def make(self) -> None:
        """Make its data."""
        self._run(
            "initdb", "-D", f"{self._folder}/data", "-U", "tests", "--auth=trust", "-E", "UTF8",
            "--locale=C", "--no-sync",
        )  # fmt: skip

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": "200",
        }
        command = [str(self._binaries / "postgres"), "-D", f"{self._folder}/data"]
        command += ["-p", str(self._port)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                _unprivileged(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
            )
        began = monotonic()
        while not self._answers():
            if monotonic() - began > START_SECONDS or self._process.poll() is not None:
                raise AssertionError((self._folder / "log").read_text("utf-8")[-2000:])
            sleep(0.05)

    def processes(self) -> list[int]:
        """Return the ids of its processes, its own first."""
        if self._process is None:
            return []
        children = psutil.Process(self._process.pid).children(recursive=True)
        return [self._process.pid, *(one.pid for one in children)]

    def kill(self) -> None:
        """Have it fall at once, with all its connections."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """End it in order, if it runs."""
        self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def _answers(self) -> bool:
        asked = [str(self._binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        return subprocess.run(asked, check=False, timeout=30).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        command = _unprivileged([str(self._binaries / program), *arguments])
        subprocess.run(command, check=True, capture_output=True, timeout=120, cwd="/")


def _unprivileged(command: list[str]) -> list[str]:
    """Return a command as one that is not the super-user's: the server refuses to be."""
    if os.getuid() != 0:
        return command
    nobody = pwd.getpwnam("nobody")
    user = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    return [*user, *command]


@contextmanager
def open_postgres(binaries: Path) -> Iterator[Postgres]:
    """Run a server for the block."""
    folder = Path(tempfile.mkdtemp(prefix="im-pg-"))
    try:
        folder.chmod(0o755)
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        server = Postgres(folder, binaries)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
