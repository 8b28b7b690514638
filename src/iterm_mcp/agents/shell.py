"""The kind that every terminal has: a command line."""

import unicodedata

from iterm_mcp.errors import InvalidRequestError

TEXT_LIMIT_BYTES = 64 * 1024

ENTER = "\r"


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
        for position, character in enumerate(text):
            if character not in "\t\n" and unicodedata.category(character) in {"Cc", "Cs"}:
                raise InvalidRequestError(
                    f"control character U+{ord(character):04X} at position {position}",
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
