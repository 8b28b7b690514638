"""How what runs in a session wants to be typed to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InputState:
    """What somebody who types must know.

    Attributes:
        application_cursor: Cursor keys send their application codes (DECCKM).
        bracketed_paste: Pasted text is put between marks, so that it is not taken for commands.
        reads_lines: The system hands the program whole lines, each of a few thousand bytes at
            most; None when the terminal cannot tell.
        queued: Bytes that the terminal has taken and the program has not; None when the
            terminal cannot tell.
    """

    application_cursor: bool = False
    bracketed_paste: bool = False
    reads_lines: bool | None = None
    queued: int | None = None
