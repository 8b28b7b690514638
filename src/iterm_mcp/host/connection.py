"""A WebSocket that loses no time: what can be taken up or sent at once is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from websockets.asyncio.server import ServerConnection
from websockets.protocol import State

from iterm_mcp.host.frame_edges import FrameEdges, frame_of, whole_message

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE_BYTES = 1 << 18
"""What is longer waits its turn, so that it is seen how long its reader takes."""

_HANDSHAKE_END = b"\r\n\r\n"


class Connection(ServerConnection):
    """A client's end of the API.

    Attributes:
        arrivals: How often something has been read from the client.
        taker: Offered a message that came whole, without a turn of the event loop; it tells
            whether it has taken it. Whoever reads messages sets this while he waits for the next
            and has none before it. It is None again once he is handed something.
    """

    arrivals = 0
    taker: Callable[[bytes], bool] | None = None
    _edges: FrameEdges | None = None  # unless it is not known where the first frame began

    def data_received(self, data: bytes) -> None:
        """Take what has been read (`asyncio.Protocol`)."""
        self.arrivals += 1
        if self.protocol.state is not State.OPEN:
            # A client that does not wait for the handshake's end is read by the library alone.
            self._edges = FrameEdges() if data.endswith(_HANDSHAKE_END) else None
        elif self._edges is not None:
            if self.taker is not None and self._edges.between:
                message = whole_message(data)
                if message is not None and self.taker(message):
                    return
            self._edges.follow(data)
        self.taker = None
        super().data_received(data)

    def send_now(self, data: bytes) -> bool:
        """Send a message without a turn of the event loop; False if something is in the way.

        That is another message that its reader has not taken, or that this one is long, or the
        connection's end.
        """
        if (
            len(data) > AT_ONCE_BYTES
            or self.transport.get_write_buffer_size()
            or self.transport.is_closing()
            or self.protocol.state is not State.OPEN
        ):
            return False
        self.transport.write(frame_of(data))
        return True
