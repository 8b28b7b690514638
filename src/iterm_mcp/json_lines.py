"""JSON-RPC in lines, read as little as can be. Standard library only: the relay has it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

Key = tuple[str, object]  # a request's id with its type: JSON's 1 and "1" are two ids

DAEMON_LOST = -32000


def lines_of(rest: bytearray, data: bytes) -> list[bytes]:
    """Return the lines that `data` completes; keep what follows the last one in `rest`."""
    end = data.rfind(b"\n")
    if end < 0:
        rest += data
        return []
    whole = bytes(rest) + data[:end]
    rest[:] = data[end + 1 :]
    return [line + b"\n" for line in whole.split(b"\n")]


def answered(line: bytes) -> "Key | None":
    """Return the key of the request that a daemon's line answers, or None."""
    if line.startswith(b'{"jsonrpc":"2.0","method"'):
        return None
    prefix = b'{"jsonrpc":"2.0","id":'
    if line.startswith(prefix):  # as our daemon writes them: no need to read the result
        end = line.find(b",", len(prefix))
        digits = line[len(prefix) : end]
        if digits.isdigit() and line.startswith((b',"result":', b',"error":'), end):
            return key_of(int(digits))
    for message in parse(line):
        if "method" not in message and "id" in message:
            return key_of(message["id"])
    return None


def key_of(request_id: object) -> "Key | None":
    """Tell 1 from "1", and keep both usable as keys; what can be no id has None for its key."""
    if isinstance(request_id, int | float | str):
        return (type(request_id).__name__, request_id)
    return None


def parse(line: bytes) -> list[dict[str, object]]:
    """Return the messages of a line: one, a batch, or none when it is not JSON-RPC."""
    import json

    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def write(message: dict[str, object]) -> bytes:
    """Return a message as a line, written as our daemon writes its own."""
    import json

    return json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode() + b"\n"


def refusal(request_id: object, reason: str) -> bytes:
    """Return the error that answers a request which no daemon will answer."""
    return write({"id": request_id, "error": {"code": DAEMON_LOST, "message": reason}})


def refusals(line: bytes, reason: str) -> "Iterator[bytes]":
    """Return the errors that answer the requests in a client's line."""
    for message in parse(line):
        if "method" in message and "id" in message:
            yield refusal(message["id"], reason)
