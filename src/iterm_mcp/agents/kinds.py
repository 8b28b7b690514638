"""The registry of agent kinds."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from iterm_mcp.agents.claude import Claude
from iterm_mcp.agents.codex import Codex
from iterm_mcp.agents.gemini import Gemini
from iterm_mcp.agents.headless import Headless
from iterm_mcp.agents.shell import Shell
from iterm_mcp.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from iterm_mcp.agents.kind import AgentKind

BUILT_IN: tuple[AgentKind, ...] = (
    Shell(),
    Claude(),
    Codex(),
    Gemini(),
    Headless(Claude()),
    Headless(Codex()),
)
"""The kinds that are modules. A new one is one module and one element here."""

_described: dict[str, AgentKind] = {}
"""The user's kinds, which stand in files; one process has one set of them, see `describing`."""


@contextmanager
def describing(kinds: Iterable[AgentKind]) -> Iterator[None]:
    """Have kinds found besides the built-in ones for the length of the block.

    One that has the name of a built-in kind takes its place.
    """
    before = dict(_described)
    _described.clear()
    _described.update((kind.name, kind) for kind in kinds)
    try:
        yield
    finally:
        _described.clear()
        _described.update(before)


def all_kinds() -> Mapping[str, AgentKind]:
    """Return every kind there is, by name."""
    return {**{kind.name: kind for kind in BUILT_IN}, **_described}


def find_kind(name: str) -> AgentKind:
    """Return a kind by its name.

    Raises:
        NotFoundError: No such kind; the hint lists those that there are.
    """
    kinds = all_kinds()
    kind = kinds.get(name)
    if kind is None:
        raise NotFoundError("kind", name, hint=f"Use one of: {', '.join(sorted(kinds))}.")
    return kind
