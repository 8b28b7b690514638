"""An emulator's whole inside as bytes, and an emulator made of such bytes.

The bytes are the library's own format, with its version and checksums in them: bytes of another
version, or damaged ones, are refused. Not among them is what the program that uses the library
has set: callbacks, limits and default colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host.ghostty import check, ffi, lib

if TYPE_CHECKING:
    from iterm_mcp.host.ghostty import CData

MAX_PENDING_BYTES = 2 << 20
"""Of a sequence so long that is half received, the beginning is kept."""


def encode(terminal: CData) -> bytes:
    """Return all that a terminal holds, what is half received included.

    Raises:
        EmulatorError: It is in the middle of a sequence longer than `MAX_PENDING_BYTES`.
    """
    return _taken(lib.ghostty_snapshot_encode_alloc, terminal, "be copied")


def pending(terminal: CData) -> bytes:
    """Return the beginning of what is half received."""
    return _taken(lib.ghostty_terminal_continuation_alloc, terminal, "say what is half received")


def decode(copy: bytes) -> CData:
    """Return a new terminal like the one that was encoded.

    Raises:
        EmulatorError: These are no such bytes, or not of this version of the library.
    """
    decoder, terminal = ffi.new("GhosttySnapshotDecoder*"), ffi.new("GhosttyTerminal*")
    source = ffi.from_buffer("uint8_t[]", copy)
    check(lib.ghostty_snapshot_decoder_new_buf(ffi.NULL, decoder, source, len(copy)), "read a copy")
    try:
        for option, value in (
            ("MAX_CONTINUATION_BYTES", ffi.new("size_t*", MAX_PENDING_BYTES)),
            ("RETAIN_CONTINUATION", ffi.new("bool*", True)),  # noqa: FBT003 - a C value
        ):
            key = getattr(lib, f"GHOSTTY_SNAPSHOT_DECODER_OPT_{option}")
            check(lib.ghostty_snapshot_decoder_set(decoder[0], key, value), f"set {option}")
        check(lib.ghostty_snapshot_decoder_decode(decoder[0], terminal), "read a copy")
    finally:
        lib.ghostty_snapshot_decoder_free(decoder[0])
    return terminal[0]


def _taken(call: CData, terminal: CData, what: str) -> bytes:
    """Return what a function of the library's puts into memory that it takes itself."""
    data, size = ffi.new("uint8_t**"), ffi.new("size_t*")
    check(call(terminal, ffi.NULL, data, size), what)
    try:
        return bytes(ffi.buffer(data[0], size[0])) if size[0] else b""
    finally:
        lib.ghostty_free(ffi.NULL, data[0], size[0])
