"""The kinds that stand in files: those that ship, and the user's own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from iterm_mcp.agents.generic import GenericKind
from iterm_mcp.agents.kinds import describing
from iterm_mcp.agents.manifest import read_manifest
from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

log = structlog.get_logger()

SHIPPED = Path(__file__).parent / "manifests"


@dataclass(frozen=True, slots=True)
class Described:
    """What stands in some folders.

    Attributes:
        kinds: By name; of two with the same name the one in the later folder.
        places: The file of each.
        problems: What is wrong with the other files; each names its file and key.
    """

    kinds: dict[str, GenericKind]
    places: dict[str, Path]
    problems: tuple[InvalidRequestError, ...]


def read_described(folders: Iterable[Path]) -> Described:
    """Read all manifests (``*.toml``) of the shipped folder and of others, in this order.

    A folder that is missing holds none. Reads files: call it in a thread.
    """
    kinds: dict[str, GenericKind] = {}
    places: dict[str, Path] = {}
    problems = []
    for folder in (SHIPPED, *folders):
        named: dict[str, Path] = {}
        for path in sorted(folder.glob("*.toml")):
            try:
                kind = GenericKind(read_manifest(path))
            except InvalidRequestError as error:
                problems.append(error)
                continue
            if kind.name in named:
                problems.append(_taken(path, kind.name, named[kind.name]))
                continue
            named[kind.name] = places[kind.name] = path
            kinds[kind.name] = kind
    return Described(kinds, places, tuple(problems))


@asynccontextmanager
async def open_described(folders: Iterable[Path]) -> AsyncIterator[None]:
    """Have these kinds found for the length of the block; what is wrong with others is logged."""
    described = await to_thread.run_sync(read_described, tuple(folders))
    for problem in described.problems:
        log.warning("kind_unusable", error=str(problem), hint=problem.hint)
    with describing(described.kinds.values()):
        yield


def _taken(path: Path, name: str, other: Path) -> InvalidRequestError:
    return InvalidRequestError(
        f"{path}: name: {name!r} is taken by {other.name} beside it",
        hint="Give it another name, or remove one of the two.",
        code="kind_manifest",
    )


def kind_folders(state: str, setting: str) -> tuple[Path, ...]:
    """Return where the user's kinds stand: the state folder's ``kinds``, and those of the setting.

    Args:
        setting: Folders with ``:`` between them.
    """
    more = (Path(part).expanduser() for part in setting.split(":") if part)
    return Path(state, "kinds"), *more
