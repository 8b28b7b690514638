"""The pane of an agent without a screen: what is shown there, and what a person types there.

Part of `iterm_mcp.agents.bridge`, which runs on the standard library alone. Nothing waits: a
terminal that stands still is shown less.
"""

from __future__ import annotations

import os
import termios
from contextlib import suppress

UNSHOWN_BYTES = 256 << 10
"""What a terminal that stands still has yet to show; what is more is not shown."""
PIECE_BYTES = 1 << 16


class BridgePane:
    """The terminal that the bridge stands in.

    Attributes:
        typed_into: False once nobody can type there any more.
    """

    def __init__(self) -> None:
        self._unshown = bytearray()
        self.typed_into = True

    @property
    def waits(self) -> bool:
        """Whether there is something that the terminal has not taken yet."""
        return bool(self._unshown)

    def put(self, text: str) -> None:
        """Show a text, now or as soon as the terminal takes it."""
        self._unshown += text.encode("utf-8", "replace")
        del self._unshown[UNSHOWN_BYTES:]
        self.show()

    def show(self) -> None:
        """Show as much of what waits as the terminal takes."""
        try:
            while self._unshown:
                del self._unshown[: os.write(1, self._unshown[:PIECE_BYTES])]
        except BlockingIOError:
            return
        except OSError:  # nobody looks any more
            self._unshown.clear()

    def read_keys(self) -> bytes:
        """Return what a person has typed."""
        try:
            typed = os.read(0, PIECE_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            typed = b""
        self.typed_into = bool(typed)
        return typed


def quieten_terminal() -> None:
    """Have keys come one by one, shown by nobody and sent as no signals."""
    for number in (0, 1):
        with suppress(OSError):
            os.set_blocking(number, False)
    with suppress(termios.error):
        modes = termios.tcgetattr(0)
        modes[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
        termios.tcsetattr(0, termios.TCSANOW, modes)
