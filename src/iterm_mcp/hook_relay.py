"""What an agent runs on its own events: it hands the event to the daemon, and prints the answer.

An agent waits for this at every event, so it is run as a file, by an interpreter that reads
neither ``site`` nor this package, and imports little more than what the interpreter has loaded
anyway. It never disturbs: if no daemon answers it leaves the event in the spool (see
`iterm_mcp.agents.hook_spool`), prints nothing and ends with 0, as a hook that has nothing to say.
Only an event that asks for permission is worth waiting for another daemon,
while the person can answer as well.

Usage: ``python -I -S hook_relay.py STATE_FOLDER KIND < EVENT``; see `hook_command`.
"""

import os
import sys
import time
from _socket import AF_INET, SOCK_STREAM
from _socket import socket as Socket  # noqa: N812 - it is a class

MAX_BYTES = 4 << 20
MAX_SPOOLED = 1 << 15
"""Events that may wait in the spool."""
QUICK_SECONDS = 2.0
"""How long any other event than a question may take."""

AWAY_SECONDS = 600.0
"""How long a question waits while no daemon is there."""

RETRY_SECONDS = 0.5
CHUNK = 1 << 16

ASKS = b'"hook_event_name":"permissionrequest"'
"""Within a JSON text the quotes would be escaped, so nothing that anybody said looks like it."""

VARIABLES = {"agent": "ITERM_MCP_AGENT", "epoch": "ITERM_MCP_EPOCH"}
"""By which whoever started the agent says which one it is, and in which of its lives."""

SESSION_VARIABLES = ("ITERM_SESSION_ID", "TERM_SESSION_ID")


def hook_command(state: str, python: str = sys.executable) -> "tuple[str, ...]":
    """Return the command line for an agent's hooks, to which the name of its kind is added.

    Args:
        state: The daemon's state folder.
    """
    return (python, "-I", "-S", os.path.abspath(__file__), state)


def main(arguments: "list[str]") -> int:
    """Hand over one event; return 0 whatever happens."""
    state, kind = arguments
    parent = os.getppid()
    event = b""
    while len(event) <= MAX_BYTES:
        chunk = os.read(0, CHUNK)
        if not chunk:
            break
        event += chunk
    asks = ASKS in event.replace(b" ", b"").lower()
    delivery = f"{os.getpid()}-{time.time_ns()}"
    end = time.monotonic() + (AWAY_SECONDS if asks else QUICK_SECONDS)
    while len(event) <= MAX_BYTES:
        began = time.monotonic()
        answer = _post(kind, state, event, delivery, None if asks else QUICK_SECONDS)
        if answer is not None:
            os.write(1, answer)
            return 0
        end += time.monotonic() - began if asks else 0.0  # a daemon was there for so long
        if os.getppid() != parent or time.monotonic() > end:
            break
        time.sleep(RETRY_SECONDS)
    if len(event) <= MAX_BYTES:
        _leave(kind, state, event, delivery)
    return 0


def _leave(kind: str, state: str, event: bytes, delivery: str) -> None:
    """Leave an event in the spool, for the next daemon; if there is no spool nobody wants it."""
    whose = _sender_values()
    fields = [whose[name].encode() for name in ("agent", "epoch", "session")]
    head = b"\t".join([*fields, delivery.encode()])
    line = event.replace(b"\r", b" ").replace(b"\n", b" ")
    try:
        counter = os.open(f"{state}/spool/.count", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.fstat(counter).st_size >= MAX_SPOOLED:
                os.write(
                    2, b"iterm-mcp: this event is lost, because its spool or the disk is full\n"
                )
                return
            os.write(counter, b".")
        finally:
            os.close(counter)
        path = f"{state}/spool/{kind}.{delivery}"
        with open(path, "xb", buffering=0) as file:
            file.write(head + b"\n" + line + b"\n")
    except OSError:
        pass


def _post(
    kind: str, state: str, event: bytes, delivery: str, seconds: "float | None"
) -> "bytes | None":
    """Return the body of the daemon's answer; None when there is no daemon, or it has gone."""
    try:
        host, port = _address(state)
        with open(f"{state}/token", "rb") as file:
            token = file.read().strip()
    except (OSError, ValueError):
        return None
    head = [
        b"POST /v1/hooks/%s HTTP/1.1" % kind.encode(),
        b"Host: %s:%d" % (host.encode(), port),
        b"Authorization: Bearer %s" % token,
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(event),
        b"Connection: close",
        b"X-Iterm-Mcp-Delivery: %s" % delivery.encode(),
        *_sender(),
    ]
    connection = Socket(AF_INET, SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect((host, port))
        connection.sendall(b"\r\n".join(head) + b"\r\n\r\n" + event)
        return _read(connection)
    except OSError:
        return None
    finally:
        connection.close()


def _address(state: str) -> "tuple[str, int]":
    """Read where the daemon serves HTTP out of ``"http": "http://127.0.0.1:7717"``."""
    with open(f"{state}/daemon.json", encoding="utf-8") as file:
        text = file.read()
    _, found, rest = text.partition('"http://')
    host, _, port = rest.partition('"')[0].partition(":")
    if not found or not port.isdigit():
        raise ValueError(text)
    return host, int(port)


def _sender() -> "list[bytes]":
    """Return headers that say whose event it is."""
    return [
        b"X-Iterm-Mcp-%s: %s" % (name.encode(), value.encode())
        for name, value in _sender_values().items()
        if value
    ]


def _sender_values() -> "dict[str, str]":
    """Return whose event it is; empty what is not known, or could not be said in a header."""
    values = {name: os.environ.get(variable, "") for name, variable in VARIABLES.items()}
    values["session"] = next(
        (os.environ[one] for one in SESSION_VARIABLES if os.environ.get(one)), ""
    )
    return {
        name: value if value.isascii() and value.isprintable() else ""
        for name, value in values.items()
    }


def _read(connection: Socket) -> "bytes | None":
    """Return the body of an answer; None when it broke off, empty when it is an error."""
    answer = b""
    while chunk := connection.recv(CHUNK):
        answer += chunk
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return None
    words = head.split(b" ", 2)
    if len(words) > 1 and words[1] == b"503":
        return None
    return body if len(words) > 1 and words[1] == b"200" else b""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
