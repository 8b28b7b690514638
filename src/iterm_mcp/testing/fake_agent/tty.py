"""The terminal that the agent runs in: raw mode, size, keys in, rows out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import tty
from typing import TYPE_CHECKING

from iterm_mcp.testing.fake_agent.frame import cursor_in
from iterm_mcp.testing.fake_agent.keys import KeyDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterm_mcp.testing.fake_agent.keys import Key

ESCAPE_SECONDS = 0.05
"""How long an Escape waits for what may follow it."""
READ_BYTES = 1 << 16
DEFAULT_SIZE = (80, 24)

FULL_SCREEN = "\x1b[?2004h\x1b[?1004h\x1b[>5u\x1b[?1049h\x1b[2J\x1b[H\x1b[?25l"
FULL_SCREEN_END = "\x1b[?25h\x1b[?1049l\x1b[<u\x1b[?1004l\x1b[?2004l"


class Tty:
    """Standard input and output.

    Args:
        heard: Called on the event loop with keys and the monotonic time of their arrival, and
            with None when the terminal is gone.
        full_screen: Use the alternate screen, bracketed paste and kitty's keyboard protocol.
    """

    def __init__(
        self, heard: Callable[[list[Key] | None, float], None], *, full_screen: bool
    ) -> None:
        self._heard = heard
        self._full_screen = full_screen
        self._decoder = KeyDecoder()
        self._before: list[int | list[bytes | int]] | None = None
        self._rows: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin to listen."""
        with contextlib.suppress(termios.error):
            self._before = termios.tcgetattr(0)
            tty.setraw(0)
        if self._full_screen:
            self.write(FULL_SCREEN)
        asyncio.get_running_loop().add_reader(0, self._read)

    def close(self) -> None:
        """Leave the terminal as it was."""
        asyncio.get_running_loop().remove_reader(0)
        if self._full_screen:
            self.write(FULL_SCREEN_END)
        if self._before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSADRAIN, self._before)

    @property
    def size(self) -> tuple[int, int]:
        """Return columns and rows."""
        try:
            size = os.get_terminal_size(1)
        except OSError:
            return DEFAULT_SIZE
        return (size.columns or DEFAULT_SIZE[0], size.lines or DEFAULT_SIZE[1])

    def write(self, text: str | bytes) -> None:
        """Write as it is; a terminal that is gone takes nothing."""
        data = text.encode("utf-8", "replace") if isinstance(text, str) else text
        with contextlib.suppress(OSError):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def show(self, rows: Sequence[str]) -> None:
        """Show a frame; only rows that differ from the last one are written.

        The terminal's own cursor goes where the frame draws one, as with the real ones.
        """
        old = self._rows if len(self._rows) == len(rows) else []
        changed = [
            f"\x1b[{number + 1};1H\x1b[0m\x1b[K{row}\x1b[0m"
            for number, row in enumerate(rows)
            if not old or old[number] != row
        ]
        self._rows = list(rows)
        if changed:
            if (place := cursor_in(rows)) is not None:
                changed.append(f"\x1b[{place[0] + 1};{place[1] + 1}H")
            self.write("\x1b[?2026h" + "".join(changed) + "\x1b[?2026l")

    def spoilt(self) -> None:
        """Draw everything at the next frame: somebody else has written on the screen."""
        self._rows = []

    def _read(self) -> None:
        now = asyncio.get_running_loop().time()
        try:
            data = os.read(0, READ_BYTES)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(0)
            self._heard(None, now)
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._heard(self._decoder.feed(data), now)
        if self._decoder.pending:
            self._timer = asyncio.get_running_loop().call_later(ESCAPE_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        self._heard(self._decoder.flush(), asyncio.get_running_loop().time())
