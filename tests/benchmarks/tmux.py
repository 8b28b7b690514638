"""tmux as a baseline: a server of its own, spoken to in control mode."""

from __future__ import annotations

import os
import re
import select
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 60.0
COLUMNS, ROWS = 80, 24
SIZE = ["-x", str(COLUMNS), "-y", str(ROWS)]

_ANSWER_END = re.compile(rb"^%(?:end|error) .*\n", re.MULTILINE)


class Tmux:
    """One control-mode client. Commands are answered in order."""

    def __init__(self, words: list[str], client: subprocess.Popen[bytes]) -> None:
        assert client.stdin is not None
        assert client.stdout is not None
        self._words = words
        self._in, self._out = client.stdin.fileno(), client.stdout.fileno()
        self._rest = b""

    def run(self, *words: str) -> str:
        """Run a command as a process of its own; return what it prints."""
        done = subprocess.run(
            [*self._words, *words], check=True, timeout=SECONDS, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def write(self, command: str) -> None:
        """Send a command without waiting for its answer."""
        os.write(self._in, command.encode() + b"\n")

    def line(self) -> bytes:
        """Return the next line that the client prints."""
        while b"\n" not in self._rest:
            self._read()
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def ask(self, command: str) -> list[bytes]:
        """Return the lines of a command's answer."""
        self.drain()
        self.write(command)
        while not self.line().startswith(b"%begin"):
            pass
        while (found := _ANSWER_END.search(self._rest)) is None:
            self._read()
        lines = self._rest[: found.start()].split(b"\n")[:-1]
        self._rest = self._rest[found.end() :]
        return lines

    def wait_for(self, prefix: bytes) -> None:
        """Read until a line begins so."""
        while not self.line().startswith(prefix):
            pass

    def _read(self) -> None:
        ready, _, _ = select.select([self._out], [], [], SECONDS)
        assert ready, "tmux says nothing"
        self._rest += os.read(self._out, 1 << 16)

    def drain(self) -> None:
        """Throw away what has come in."""
        self._rest = b""
        while select.select([self._out], [], [], 0)[0]:
            if not os.read(self._out, 1 << 16):
                return

    def pid(self) -> int:
        """Return the server's."""
        return int(self.run("display-message", "-p", "#{pid}"))


@contextmanager
def open_tmux(shell: str, *, history: int = 10_000) -> Iterator[Tmux]:
    """Start a server with one window; end it at the end."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="im-tmux-") as folder:
        config = Path(folder) / "conf"
        config.write_text(f"set -g history-limit {history}\nset -g status off\n")
        words = ["tmux", "-S", str(Path(folder) / "s"), "-f", str(config)]
        subprocess.run([*words, "new-session", "-d", *SIZE, shell], check=True, timeout=SECONDS)
        client = subprocess.Popen(
            [*words, "-C", "attach-session"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        try:
            tmux = Tmux(words, client)
            tmux.wait_for(b"%session-changed")  # the attachment's own answer comes before it
            yield tmux
        finally:
            subprocess.run([*words, "kill-server"], check=False, timeout=SECONDS)
            client.wait(SECONDS)
            for end in (client.stdin, client.stdout):
                assert end is not None
                end.close()
