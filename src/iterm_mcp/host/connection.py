"""A WebSocket that sends at once what can leave at once."""

from __future__ import annotations

from websockets.asyncio.server import ServerConnection
from websockets.protocol import State

AT_ONCE_BYTES = 1 << 18
"""What is longer waits its turn, so that it is seen how long its reader takes."""


class Connection(ServerConnection):
    """A client's end of the API.

    Attributes:
        arrivals: How often something has been read from the client.
    """

    arrivals = 0

    def data_received(self, data: bytes) -> None:
        """Take what has been read (`asyncio.Protocol`)."""
        self.arrivals += 1
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
        self.protocol.send_binary(data)
        self.transport.write(b"".join(self.protocol.data_to_send()))
        return True
