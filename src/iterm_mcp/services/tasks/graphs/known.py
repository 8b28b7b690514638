"""What a graph's document may name that is there already."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def why_no_directory(path: str) -> str:
    """Say why nothing can work in a directory; empty when it can. It looks at the disk."""
    if not os.path.isdir(path):  # noqa: PTH112 - one call
        return "there is no such directory"
    return "" if os.access(path, os.R_OK | os.X_OK) else "it may not be entered"


@dataclass(frozen=True, slots=True)
class Known:
    """What is there.

    Attributes:
        kinds: Of agents; None is not to look at them.
        templates: With the kind of each; None is not to look at them.
        why_no_directory: Says why nothing can work in one; it is asked for absolute ones alone.
    """

    kinds: frozenset[str] | None = None
    templates: Mapping[str, str] | None = None
    why_no_directory: Callable[[str], str] = field(default=why_no_directory)


NOTHING_KNOWN = Known(why_no_directory=lambda _: "")
"""To look at a document alone, which may be for another machine."""


def why_no_place(path: str, known: Known) -> str:
    """Say why a task cannot work in a directory; empty when it can."""
    if "${" in path:  # a variable without a value, which is told of
        return ""
    if not path:
        return "it does not say where it works"
    if "\0" in path or not PurePath(path).is_absolute():
        return f"{path[:80]!r} is no absolute path"
    why = known.why_no_directory(path)
    return f"{path[:80]}: {why}" if why else ""
