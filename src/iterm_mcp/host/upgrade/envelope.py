r"""How a host's whole state is written down. Pure: values in, bytes out.

First the words ``iterm-mcp host state <version>\n``, then a line of JSON: the sizes of all that
follows and its checksum. Then the body, as JSON, and binary pieces without anything between them,
to which the body refers by number.

`VERSION` changes when an older reader would go wrong. A reader takes its own and older versions,
and refuses others, so that the host that asked goes on.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

VERSION = 1

_MAGIC = b"iterm-mcp host state "


class StateError(Exception):
    """A state cannot be read; the text says why."""


class Pieces:
    """The binary pieces of a state.

    Attributes:
        kept: Them all.
    """

    def __init__(self, kept: list[bytes] | None = None) -> None:
        self.kept: list[bytes] = [] if kept is None else kept

    def add(self, piece: bytes) -> int:
        """Keep a piece; return its number."""
        self.kept.append(piece)
        return len(self.kept) - 1

    def __getitem__(self, number: int) -> bytes:
        return self.kept[number]


def pack(body: dict[str, Any], pieces: Pieces) -> bytes:
    """Return a state as bytes."""
    return b"".join(seal(json.dumps(body).encode(), pieces))


def seal(body: bytes, pieces: Pieces) -> list[bytes]:
    """Return a state in parts that follow each other; `body` is JSON already.

    For a thread: however large the pieces are, other threads go on meanwhile.
    """
    parts = [body, *pieces.kept]
    checksum = 0
    for one in parts:
        checksum = zlib.crc32(one, checksum)
    head = json.dumps({"sizes": [len(one) for one in parts], "checksum": checksum})
    return [b"%s%d\n%s\n" % (_MAGIC, VERSION, head.encode()), *parts]


def unpack(data: bytes) -> tuple[dict[str, Any], Pieces]:
    """Return a state's body and pieces.

    Raises:
        StateError: It is none, is damaged, or has a version that is not known here.
    """
    first, _, data = data.partition(b"\n")
    version = first.removeprefix(_MAGIC)
    if not (first.startswith(_MAGIC) and version.isdigit()):
        raise StateError("this is no state of a host")
    if not 1 <= int(version) <= VERSION:
        raise StateError(f"the state has version {int(version)}, and only {VERSION} is known here")
    line, _, rest = data.partition(b"\n")
    try:
        head = json.loads(line)
        if head["checksum"] != zlib.crc32(rest) or sum(head["sizes"]) != len(rest):
            raise StateError("the state is damaged")
        parts = []
        at = 0
        for size in head["sizes"]:
            parts.append(rest[at : at + size])
            at += size
        return json.loads(parts[0]), Pieces(parts[1:])
    except (ValueError, LookupError, TypeError) as error:
        raise StateError(f"the state is damaged: {error!r}") from None
