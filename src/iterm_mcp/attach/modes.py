"""What the session that is typed into wants of the terminal it is shown in. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_SWITCHES = (
    ("application_cursor", "\x1b[?1h", "\x1b[?1l"),
    ("application_keypad", "\x1b=", "\x1b>"),
    ("bracketed_paste", "\x1b[?2004h", "\x1b[?2004l"),
)


@dataclass(frozen=True, slots=True)
class Modes:
    """Modes that change what keys and pastes send, and whether there is a cursor to be seen."""

    application_cursor: bool = False
    application_keypad: bool = False
    bracketed_paste: bool = False
    shows_cursor: bool = True


def switch(old: Modes, new: Modes) -> bytes:
    """Return what makes the terminal send what the session's program expects."""
    return "".join(
        on if getattr(new, name) else off
        for name, on, off in _SWITCHES
        if getattr(old, name) != getattr(new, name)
    ).encode()
