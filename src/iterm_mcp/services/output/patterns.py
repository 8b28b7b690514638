"""Patterns that callers give: texts and regular expressions, in time linear in what is searched.

The syntax is RE2's: Perl's without look-around and back-references.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.patterns import compile_pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PATTERNS = 20


@dataclass(frozen=True, slots=True)
class Match:
    """Where a pattern was found.

    Attributes:
        index: Which of the patterns, from 0.
        text: All that it matched; `groups` are its parts in order, None where one took no part.
    """

    index: int
    text: str
    start: int
    end: int
    groups: tuple[str | None, ...] = ()


class Patterns:
    """Several patterns at once.

    Args:
        texts: Each a regular expression, or the very text when `literal` is set.

    Raises:
        InvalidRequestError: There is none, there are too many, or one is none.
    """

    def __init__(
        self, texts: Sequence[str], *, literal: bool = False, ignore_case: bool = False
    ) -> None:
        if not texts or not all(texts):
            raise InvalidRequestError("there is no pattern to look for", hint="Give a pattern.")
        if len(texts) > MAX_PATTERNS:
            raise InvalidRequestError(
                f"{len(texts)} patterns are more than {MAX_PATTERNS}",
                hint="Join some of them with | into one.",
            )
        self._compiled = [
            compile_pattern(one, literal=literal, ignore_case=ignore_case) for one in texts
        ]

    def first(self, text: str, start: int = 0) -> Match | None:
        """Return the match that begins first; of those that begin together the first pattern's."""
        best: Match | None = None
        for index, compiled in enumerate(self._compiled):
            found = compiled.search(text, start)
            if found is not None and (best is None or found.start() < best.start):
                best = Match(index, found.group(0), found.start(), found.end(), found.groups())
        return best
