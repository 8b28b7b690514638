"""What a daemon hears before a client's own lines. Standard library only: the relay has it.

What a client may do, its handshake and its subscriptions stand with its connection. A daemon that
comes after another knows nothing of them, so it is told again, and what it answers to that is not
the client's.
"""

from iterm_mcp.access import CONNECT, Access
from iterm_mcp.json_lines import Key, key_of, parse, write

SUBSCRIBE, UNSUBSCRIBE = "resources/subscribe", "resources/unsubscribe"

ACCESS_KEY = ("str", CONNECT)
AGAIN = "iterm-mcp/subscribe/"
"""How the ids begin of the requests by which we subscribe for the client."""

HEAD_BYTES = 400
"""So much of an answer tells whether a subscription stands: its result is empty."""


class AccessDeniedError(Exception):
    """The daemon does not serve the client as its user limits it; the text says why."""


class Greeting:
    """Remembers what the client said that each daemon has to hear, and says it in order.

    First what the client may do, then its ``initialize``, each when the one before was answered;
    its own lines wait for the end of that. Its subscriptions follow, and nobody waits for them.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._initialize = b""
        self._initialized = b""
        self._uris: dict[str, None] = {}
        self._asked: dict[Key, tuple[str, str]] = {}  # of subscriptions, and not answered
        self._step: Key | None = None  # what the next step waits for
        self._again: dict[Key, str] = {}  # our own subscribing, not answered

    @property
    def under_way(self) -> bool:
        """Tell whether the client's own lines have to wait."""
        return self._step is not None

    @property
    def subscribes(self) -> bool:
        """Tell whether the client waits for word that only a daemon can give."""
        return bool(self._uris)

    def note(self, message: "dict[str, object]", line: bytes, *, alone: bool) -> None:
        """Look at a message of the client that went to a daemon.

        Args:
            alone: It is all that stands in its line.
        """
        method, key = message.get("method"), key_of(message.get("id"))
        if method == "notifications/initialized":
            self._initialized = line
        elif key is None:
            return
        elif method == "initialize" and alone:
            self._initialize = line
        elif method in {SUBSCRIBE, UNSUBSCRIBE}:
            params = message.get("params")
            uri = params.get("uri") if isinstance(params, dict) else None
            if isinstance(uri, str):
                self._asked[key] = (str(method), uri)

    def settle(self, key: Key, answer: bytes) -> None:
        """Look at the beginning of a daemon's answer to the client; `HEAD_BYTES` are enough."""
        method, uri = self._asked.pop(key, ("", ""))
        if method and any("result" in one for one in parse(answer)):
            if method == SUBSCRIBE:
                self._uris[uri] = None
            else:
                self._uris.pop(uri, None)

    def begin(self) -> bytes:
        """Return what a daemon hears first; nothing, if the client's lines are the first."""
        if self._access:
            self._step = ACCESS_KEY
            return write({"id": CONNECT, "method": CONNECT, "params": self._access.values()})
        return self._introduce()

    def awaits(self, key: Key) -> bool:
        """Tell whether this answer is ours."""
        return key == self._step or key in self._again

    def go_on(self, key: Key, line: bytes) -> tuple[bytes, bytes]:
        """Take an answer that is ours; return what to tell the daemon, and what the client.

        Raises:
            AccessDeniedError: Nothing of the client may pass.
        """
        uri = self._again.pop(key, None)
        if uri is not None:  # also when it is no more: whoever reads it then learns that
            if not any("result" in one for one in parse(line)):
                self._uris.pop(uri, None)
            return b"", write({"method": "notifications/resources/updated", "params": {"uri": uri}})
        if key == ACCESS_KEY:
            for message in parse(line):
                if "result" not in message:
                    self._step = None
                    error = message.get("error")
                    raise AccessDeniedError(error.get("message") if isinstance(error, dict) else "")
            return self._introduce(), b""
        self._step = None
        return self._initialized + self._subscribe(), b""

    def lose(self) -> None:
        """Forget what the daemon that is lost was asked."""
        self._step = None
        self._again.clear()
        self._asked.clear()

    def _introduce(self) -> bytes:
        self._step = key_of(parse(self._initialize)[0]["id"]) if self._initialize else None
        return self._initialize

    def _subscribe(self) -> bytes:
        lines = b""
        for number, uri in enumerate(self._uris):
            self._again["str", f"{AGAIN}{number}"] = uri
            request: dict[str, object] = {
                "id": f"{AGAIN}{number}",
                "method": SUBSCRIBE,
                "params": {"uri": uri},
            }
            lines += write(request)
        return lines
