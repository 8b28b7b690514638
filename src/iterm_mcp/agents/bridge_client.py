"""One daemon at a bridge's socket: what it asks for, and the journal that it is given.

Standard library only: the bridge runs it. Lines of JSON go in; out go one line of JSON, and then
the journal from the place on that the client has named.
"""

from __future__ import annotations

import json

from iterm_mcp.agents.line_buffer import LineBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from iterm_mcp.agents.bridge_journal import Journal

READ_BYTES = 1 << 16
MESSAGE_BYTES = 16 << 20
"""A message to the agent that is longer ends the connection."""


class BridgeClient:
    """A connection. What is read from it and written to it never waits.

    Args:
        greeting: The first line, which says what there is to be had.
        ask: Takes each thing that the client asks for.

    Attributes:
        place: Up to where it was given the journal; None while it has not said from where.
        since: When the client itself was started: the newest one is served.
        closed: It is gone, or was sent away.
    """

    def __init__(
        self,
        connection: socket.socket,
        journal: Journal,
        greeting: dict[str, Any],
        ask: Callable[[BridgeClient, dict[str, Any]], None],
    ) -> None:
        connection.setblocking(False)  # noqa: FBT003 - its own signature
        self.place: int | None = None
        self.since = 0.0
        self.closed = False
        self._connection = connection
        self._journal = journal
        self._ask = ask
        self._lines = LineBuffer(MESSAGE_BYTES)
        self._owed = json.dumps(greeting).encode() + b"\n"

    @property
    def waits(self) -> bool:
        """Tell whether there is something to be written to it."""
        return bool(self._owed) or (self.place is not None and self.place < self._journal.end)

    def fileno(self) -> int:
        """Return what can be waited for."""
        return self._connection.fileno()

    def give_from(self, place: int) -> None:
        """Write the journal from a place on; from its beginning if that is gone."""
        self.place = min(max(place, self._journal.base), self._journal.end)
        self._owed += json.dumps({"at": self.place}).encode() + b"\n"

    def refuse(self, why: str) -> None:
        """Say why it is not served, if it can be said at once, and close."""
        self._owed += json.dumps({"refused": why}).encode() + b"\n"
        self.write()
        self.close()

    def read(self) -> None:
        """Take what it has written."""
        try:
            data = self._connection.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # half a line is no message
            self.close()
            return
        for line in self._lines.feed(data):
            try:
                asked = json.loads(line)
            except (ValueError, RecursionError):
                asked = None
            if not isinstance(asked, dict):
                self.close()
            if self.closed:
                return
            self._ask(self, asked)
        if self._lines.left_out:
            self.close()

    def write(self) -> None:
        """Write what it takes now."""
        if self.closed:
            return
        try:
            if self._owed:
                self._owed = self._owed[self._connection.send(self._owed) :]
            elif self.place is not None:
                data = self._journal.read(self.place, READ_BYTES)
                if not data and self.place < self._journal.base:
                    self.close()  # it was too slow; it may come again and be told so
                self.place += self._connection.send(data) if data else 0
        except BlockingIOError:
            return
        except OSError:
            self.close()

    def close(self) -> None:
        """Be done with it."""
        self.closed = True
        self._connection.close()
