"""The kind that every terminal has: a command line."""

import re

from iterm_mcp.errors import InvalidRequestError

TEXT_LIMIT_BYTES = 64 * 1024

ENTER = "\r"

UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters (Unicode's Cc) other than tab and newline, and surrogates (Cs)."""


class Shell:
    """A shell takes a message as command lines, typed one after the other."""

    name = "shell"

    def compose(self, text: str) -> str:
        r"""Return the text with Enter after each line, and exactly one at its end.

        Tabs and newlines are the only control characters let through: typed into a line
        editor, an escape byte is a command of its own, and ``\x03`` ends what runs.

        Raises:
            InvalidRequestError: Another control character, a character that UTF-8 has no
                bytes for, or more than 64 KiB.
        """
        unfit = UNFIT.search(text)
        if unfit is not None:
            raise InvalidRequestError(
                f"control character U+{ord(unfit[0]):04X} at position {unfit.start()}",
                hint="Send plain text; only tabs and newlines may stand in it.",
                code="control_character",
            )
        size = len(text.encode())
        if size > TEXT_LIMIT_BYTES:
            raise InvalidRequestError(
                f"the text has {size} bytes, and at most {TEXT_LIMIT_BYTES} can be typed at once",
                hint="Write it to a file, and send the path.",
                code="text_too_long",
            )
        return text.rstrip("\n").replace("\n", ENTER) + ENTER
