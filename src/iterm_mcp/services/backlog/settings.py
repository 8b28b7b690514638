"""What counts as backlog, as the user writes it: ``backlog.toml`` in the state folder.

::

    tags = ["TODO", "FIXME", "HACK", "XXX"]
    where = ["comment", "text"]
    exclude = ["vendor/*", "*.min.js"]

    [[repository]]
    path = "~/src/app"
    tests = ["make check"]
    template = "careful"
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.backlog import Where
from iterm_mcp.services.backlog.finding import DEFAULT_TAGS, Finder

MOST_FILE_BYTES = 256 << 10
TAG = re.compile(r"@?[A-Za-z][\w.-]{0,39}")
EXCLUDED = (
    "vendor/*", "*/vendor/*", "third_party/*", "*/third_party/*", "node_modules/*",
    "*/node_modules/*", "*.min.js", "*.min.css", "*.lock", "*-lock.json", "*.map", "*.svg",
)  # fmt: skip
"""Others' work, and what programs wrote. ``*`` stands for slashes, too."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _tuples(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value


class RepositoryBacklog(_Part):
    """What is said of one repository.

    Attributes:
        path: Of the repository, or of any folder above several.
        tests: Commands that must pass before and after; found by convention without it.
        kind: Of the agents that work on it.
        template: Of the agents.
    """

    path: str
    tests: tuple[str, ...] | None = None
    kind: str = ""
    template: str = ""
    exclude: tuple[str, ...] = ()

    def covers(self, checkout: str) -> bool:
        """Tell whether it is about this checkout."""
        here = Path(self.path).expanduser()
        return here.is_absolute() and Path(checkout).is_relative_to(here)


class BacklogSettings(_Part):
    """Everything that may be set.

    Attributes:
        anywhere: A tag counts wherever it stands in a comment, and not only at its beginning or
            with a ``:``, ``(`` or ``[`` behind it.
        exclude: Paths that are not looked at, instead of the usual ones.
        most_marks: That are kept of one scan.
        most_file_bytes: A larger file is not looked at.
        blame_seconds: How long it may take to find out who wrote all marks.
    """

    tags: Annotated[tuple[str, ...], Field(min_length=1, max_length=50)] = DEFAULT_TAGS
    where: Annotated[tuple[Where, ...], Field(min_length=1)] = (Where.COMMENT, Where.TEXT)
    ignore_case: bool = False
    anywhere: bool = False
    exclude: Annotated[tuple[str, ...], Field(max_length=500)] = EXCLUDED
    most_marks: Annotated[int, Field(ge=1, le=100_000)] = 5000
    most_file_bytes: Annotated[int, Field(ge=1000, le=16 << 20)] = 1 << 20
    blame_seconds: Annotated[float, Field(ge=0, le=3600)] = 120.0
    repository: tuple[RepositoryBacklog, ...] = ()

    @field_validator("tags")
    @classmethod
    def _words(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not TAG.fullmatch(one):
                raise ValueError(f"{one!r} is no word of letters, digits, dots and hyphens")
        return value

    @property
    def finder(self) -> Finder:
        """What counts as a mark."""
        return Finder(self.tags, frozenset(self.where), self.ignore_case, self.anywhere)

    def of(self, checkout: str) -> RepositoryBacklog | None:
        """Return what is said about a checkout; the most specific path wins."""
        found = [one for one in self.repository if one.covers(checkout)]
        return max(found, key=lambda one: len(Path(one.path).expanduser().parts), default=None)


def read_settings(path: str) -> BacklogSettings:
    """Read the user's file; without one, all is as it is by default. Reads the disk.

    Raises:
        InvalidRequestError: It cannot be understood.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_FILE_BYTES + 1)
        if len(data) > MOST_FILE_BYTES:
            raise ValueError(f"it has more than {MOST_FILE_BYTES} bytes")  # noqa: TRY301
        stored: dict[str, Any] = tomllib.loads(data.decode("utf-8"))
        return BacklogSettings.model_validate(stored)
    except FileNotFoundError:
        return BacklogSettings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        words = f"{'.'.join(str(one) for one in first['loc'])}: {first['msg']}"
    except (OSError, ValueError) as error:
        words = str(error)
    raise InvalidRequestError(f"{path}: {words}", hint="Mend the file.", code="bad_backlog_file")
