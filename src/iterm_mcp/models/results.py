"""What agents have found out or made, for others to read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.models.ids import TeamName


class Form(StrEnum):
    """What a result is."""

    TEXT = "text"
    JSON = "json"
    FILE = "file"
    """A path; the file itself is not copied."""


@dataclass(frozen=True, slots=True)
class Result:
    """Something that was published.

    Attributes:
        number: Grows with every result and is never used twice; 0 until stored.
        author: The agent, or the client, that published it.
        content: The text, JSON as text, or an absolute path.
        team: Only agents of it and of the teams below it see this; None for everybody.
        size: Bytes: of the content, or of the file as it was.
        modified_at: When the file had been changed last; None for what is no file.
    """

    number: int
    author: str
    name: str
    form: Form
    content: str
    team: TeamName | None
    size: int
    created_at: datetime
    modified_at: datetime | None = None


class FileState(StrEnum):
    """What has become of the file of a result."""

    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"
