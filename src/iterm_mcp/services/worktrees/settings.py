"""How worktrees are set up, as the user writes it: ``worktrees.toml`` in the state folder.

Nothing that a repository brings along is run: whoever can write into a repository could then have
commands run on this machine.

::

    most_gigabytes = 20

    [[repository]]
    path = "~/src/app"
    copy = [".env"]
    link = ["node_modules"]
    setup = ["uv sync --quiet"]
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from iterm_mcp.errors import InvalidRequestError

MOST_FILE_BYTES = 256 << 10
GIGABYTE = 10**9


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RepositorySettings(_Part):
    """What a repository's worktrees need besides what git keeps.

    Attributes:
        path: Of the repository, or of any folder above several.
        copy_files: Files and folders that are copied from the checkout in which one is asked for.
        link: Those that are shared with it by a symbolic link.
        setup: Commands for ``/bin/sh`` in the new worktree, one after the other.
        setup_seconds: How long all of them may take.
    """

    path: str
    copy_files: tuple[str, ...] = Field((), alias="copy")
    link: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    setup_seconds: Annotated[float, Field(gt=0, le=7200)] = 600.0

    @field_validator("copy_files", "link", "setup", mode="before")
    @classmethod
    def _lists(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("copy_files", "link")
    @classmethod
    def _inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            path = Path(one)
            if path.is_absolute() or not path.parts or ".." in path.parts or ".git" in path.parts:
                raise ValueError(f"{one!r} is no path within the repository")
        return value

    def covers(self, checkout: str) -> bool:
        """Tell whether it is about this checkout."""
        here = Path(self.path).expanduser()
        return here.is_absolute() and Path(checkout).is_relative_to(here)


class WorktreeSettings(_Part):
    """Everything that may be set.

    Attributes:
        most_gigabytes: Of all worktrees together; none is made beyond.
        least_free_gigabytes: What stays free on the disk.
        keep_salvage_days: How long what was removed can be had back.
    """

    most_gigabytes: Annotated[float, Field(gt=0, le=100_000)] = 20.0
    least_free_gigabytes: Annotated[float, Field(ge=0, le=100_000)] = 1.0
    keep_salvage_days: Annotated[int, Field(ge=1, le=3650)] = 90
    repository: tuple[RepositorySettings, ...] = ()

    @field_validator("repository", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    def of(self, checkout: str) -> RepositorySettings | None:
        """Return what is said about a checkout; the most specific path wins."""
        found = [one for one in self.repository if one.covers(checkout)]
        return max(found, key=lambda one: len(Path(one.path).expanduser().parts), default=None)


def read_settings(path: str) -> WorktreeSettings:
    """Read the user's file; without one, all is as it is by default. Reads the disk.

    Raises:
        InvalidRequestError: It cannot be understood; nothing is made by half of it.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(MOST_FILE_BYTES)
        return WorktreeSettings.model_validate(tomllib.loads(text.decode("utf-8")))
    except FileNotFoundError:
        return WorktreeSettings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(one) for one in first["loc"])
        words = f"{where}: {first['msg']}"
    except (OSError, ValueError) as error:
        words = str(error)
    raise InvalidRequestError(f"{path}: {words}", hint="Mend the file.", code="bad_worktrees_file")
