"""What a person types to look for words, as the full-text index understands it. No I/O."""

from __future__ import annotations

import re
import unicodedata

from iterm_mcp.errors import InvalidRequestError, shown

MAX_WORDS = 32
MAX_CHARACTERS = 1000

_PART = re.compile(r'"([^"]*)"?(\*?)|(\S+)')


def full_text_query(words: str) -> str:
    """Return the query in the index's own language; nothing in it is an operator.

    Every word and every ``"phrase"`` must be there; ``begin*`` means words that begin so.

    Raises:
        InvalidRequestError: There is nothing to look for, or too much.
    """
    if len(words) > MAX_CHARACTERS:
        raise InvalidRequestError(
            f"{len(words)} characters of words are more than {MAX_CHARACTERS}",
            hint="Look for fewer words.",
        )
    parts = []
    for phrase, phrase_star, word in _PART.findall(words):
        text = phrase or word
        star = phrase_star
        if word.endswith("*"):
            text, star = word.rstrip("*"), "*"
        if any(map(_is_token, text)):
            # The index ends a text at a NUL, and knows a quotation mark by its double.
            parts.append('"' + text.replace("\0", " ").replace('"', '""') + '"' + star)
    if not parts:
        raise InvalidRequestError(
            f"there is no word in {shown(words)!r}",
            hint="Give letters or digits; a pattern finds other characters.",
        )
    if len(parts) > MAX_WORDS:
        raise InvalidRequestError(
            f"{len(parts)} words are more than {MAX_WORDS}", hint="Look for fewer words."
        )
    return " AND ".join(parts)


def _is_token(character: str) -> bool:
    """Tell whether the index keeps a character: letters, digits and what is privately used."""
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Co"
