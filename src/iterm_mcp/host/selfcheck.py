"""What a host makes sure of before anybody can reach it: that its emulator does what it should.

A build of the emulator that fits no longer would corrupt memory, or show text that nobody has
printed. So its layout is compared with ours, and a short text is fed and read back.
"""

from __future__ import annotations

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.host.engine import Engine
from iterm_mcp.host.ghostty import EmulatorError, check_layout
from iterm_mcp.host.lines import Color, Line, Style, StyleRun

_COLUMNS, _ROWS, _SCROLLBACK = 10, 4, 100
_HINT = "Install iterm-mcp anew, with the versions that it was released with."

_UNFIT = (EmulatorError, AttributeError, LookupError, TypeError, ValueError)
"""What a build may raise that lacks what is asked for, or answers with something else."""

_TEXT = (
    b"first\r\n"
    b"a\x1b[1;31mred\x1b[0m\xe6\xbc\xa2\r\n"
    b"0123456789wrap\r\n"
    b"\x1b]8;;https://example.org/\x1b\\link\x1b]8;;\x1b\\\r\n"
    b"\x1b[38;2;1;2;3;3;7mlook\x1b[0m"
    b"\x1b[6n"
)
_PLAIN = Style()
_EXPECTED = [
    Line("first", ((1, 5),), (StyleRun(_PLAIN, 5),)),
    Line(
        "ared漢",
        ((1, 5), (0, 1)),
        (
            StyleRun(_PLAIN, 1),
            StyleRun(Style(foreground=Color("palette", 1), bold=True), 3),
            StyleRun(_PLAIN, 2),
        ),
    ),
    Line("0123456789", ((1, 10),), (StyleRun(_PLAIN, 10),), soft_wrapped=True),
    Line("wrap", ((1, 4),), (StyleRun(_PLAIN, 4),)),
    Line("link", ((1, 4),), (StyleRun(Style(url="https://example.org/"), 4),)),
    Line(
        "look",
        ((1, 4),),
        (StyleRun(Style(foreground=Color("rgb", 0x010203), italic=True, inverse=True), 4),),
    ),
]
_REPLY = b"\x1b[4;5R"


class SelfCheckError(ItermMcpError):
    """The emulator does not do what it should; the message says how."""

    default_code = "self_check_failed"


def check_emulator() -> None:
    """Hold the emulator against what this package relies on; takes some milliseconds.

    Raises:
        SelfCheckError: It is laid out differently, or does not show what it was fed.
    """
    try:
        check_layout()
        faults = _find_faults()
    except _UNFIT as error:
        reason = str(error) if isinstance(error, EmulatorError) else repr(error)
        raise SelfCheckError(
            f"the terminal emulator cannot be used: {reason}", hint=_HINT
        ) from None
    if faults:
        raise SelfCheckError(
            f"the terminal emulator does not show what it is fed: {'; '.join(faults)}", hint=_HINT
        )


def _find_faults() -> list[str]:
    """Feed a text, read it back, and return how what is read differs."""
    engine = Engine(_COLUMNS, _ROWS, scrollback=_SCROLLBACK, on_osc=lambda _event: None)
    try:
        engine.feed(_TEXT)
        found = engine.lines(0, len(_EXPECTED) + 1, styles=True)
        told = {
            "history": (engine.history, len(_EXPECTED) - _ROWS),
            "cursor": (engine.cursor, (4, len(_EXPECTED) - 1)),
            "reply": (engine.take_replies(), _REPLY),
            "lines": (len(found), len(_EXPECTED)),
        }
    finally:
        engine.close()
    told |= {
        f"line {number}": pair for number, pair in enumerate(zip(found, _EXPECTED, strict=False))
    }
    return [f"{name} is {is_}, not {due}" for name, (is_, due) in told.items() if is_ != due]
