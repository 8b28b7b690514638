"""A Redis server of the tests' own, with its data in a temporary folder."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

START_SECONDS = 30.0


class Redis:
    """A server that can be killed and started again; it keeps its data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]

    @property
    def url(self) -> str:
        """Its URL."""
        return f"redis://127.0.0.1:{self._port}"

    @staticmethod
    def is_installed() -> bool:
        """Tell whether there is such a server."""
        return shutil.which("redis-server") is not None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = ["redis-server", "--port", str(self._port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self._folder), "--appendonly", "yes", "--save", ""]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        began = monotonic()
        while not self._answers():
            if monotonic() - began > START_SECONDS or self._process.poll() is not None:
                raise AssertionError((self._folder / "log").read_text("utf-8")[-2000:])
            sleep(0.05)

    def stop(self) -> None:
        """End it in order, if it runs."""
        self._end(signal.SIGTERM)

    def forget(self) -> None:
        """Lose all its data; it must not run."""
        shutil.rmtree(self._folder / "appendonlydir", ignore_errors=True)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
