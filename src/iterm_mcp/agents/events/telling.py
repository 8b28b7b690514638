"""What every agent's records have in common. Pure."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.models.observations import Json

SUBJECT_CHARACTERS = 200

SUBJECTS = (
    "command", "file_path", "path", "notebook_path", "pattern", "query", "url", "description",
    "prompt", "name",
)  # fmt: skip
"""What a tool's input is told by, the first that is there."""


def word(record: Mapping[str, Json], name: str) -> str:
    """Return a text of a record; empty when it has none."""
    value = record.get(name)
    return value if isinstance(value, str) else ""


def table(record: Mapping[str, Json], name: str) -> dict[str, Json]:
    """Return an object of a record; empty when it has none."""
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def rows(record: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    """Return the objects of a list of a record; empty when it has none."""
    value = record.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def count(record: Mapping[str, Json], name: str) -> int:
    """Return a whole number of a record that is not below nothing; 0 when it has none."""
    value = record.get(name)
    return max(int(value), 0) if isinstance(value, (int, float)) and value == value else 0  # noqa: PLR0124 - NaN


def seconds_of(record: Mapping[str, Json], name: str) -> float | None:
    """Return milliseconds of a record in seconds; None when it has none."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e15:  # noqa: PLR2004 - no time
        return None
    return value / 1000


def time_of(text: str) -> datetime | None:
    """Return the time that a text in ISO 8601 tells, in UTC; None when it tells none."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def moment(seconds: float) -> datetime | None:
    """Return the time so many seconds after 1970; None where no calendar reaches."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def subject_of(tool: str, given: Mapping[str, Json]) -> str:
    """Return what a tool is used on, in one short line."""
    told = next((found for name in SUBJECTS if (found := word(given, name))), "")
    if not told:
        told = next((one for one in given.values() if isinstance(one, str) and one), "")
    line = told.strip().partition("\n")[0]
    return (line or tool)[:SUBJECT_CHARACTERS]


def digest(*parts: Json) -> str:
    """Return a short word that is the same for the same values."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def flat(content: Json) -> str:
    """Return the text of a message's content: as it stands, or out of its blocks."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = [word(one, "text") for one in blocks if isinstance(one, dict)]
    return "\n".join(text for text in texts if text)


def patch_lines(patch: Sequence[Mapping[str, Json]]) -> tuple[int, int]:
    """Return how many lines the hunks of a patch add and remove."""
    added = removed = 0
    for hunk in patch:
        lines = hunk.get("lines")
        for line in lines if isinstance(lines, list) else ():
            added += isinstance(line, str) and line.startswith("+")
            removed += isinstance(line, str) and line.startswith("-")
    return added, removed


def line_count(text: str) -> int:
    """Return how many lines a text has; the last counts without a newline, too."""
    return text.count("\n") + (not text.endswith("\n")) if text else 0


def byte_count(text: str) -> int:
    """Return how many bytes a text has in a file."""
    return len(text.encode("utf-8", "surrogatepass"))
