"""Tags: words by which sessions are found. Pure.

They stand in the session itself, in the variable ``user.tags`` as the text of a JSON list: so they
live as long as the session does, other scripts see them, and a later daemon does too. A program in
the session can set them as well, so they are checked when they are read.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 32
"""Tags that one session may have."""

_TAG = re.compile(r"[\w.:/@+=-]{1,64}")


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags as they are kept: each once, in the order in which they came.

    Raises:
        InvalidRequestError: One has other characters or is too long, or there are too many.
    """
    kept = tuple(dict.fromkeys(tags))
    for tag in kept:
        if not _TAG.fullmatch(tag):
            raise InvalidRequestError(
                f"{shown(tag)!r} cannot be a tag",
                hint="Use 1 to 64 letters, digits and . : / @ + = _ -",
            )
    if len(kept) > MOST:
        raise InvalidRequestError(
            f"{len(kept)} tags are more than the {MOST} that a session may have",
            hint="Drop those that are not needed to find it.",
        )
    return kept


def read_tags(value: object) -> tuple[str, ...]:
    """Return the tags that a session's variable holds; what are none is passed over."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return ()
    if not isinstance(value, list):
        return ()
    found = [one for one in value if isinstance(one, str) and _TAG.fullmatch(one)]
    return tuple(dict.fromkeys(found))[:MOST]
