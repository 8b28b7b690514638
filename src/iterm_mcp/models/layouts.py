"""A declared tree of splits: what should stand, not what does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterm_mcp.models.sessions import Program

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId, TabId, WindowId


@dataclass(frozen=True, slots=True)
class Pane:
    """A leaf: one session to be opened.

    Attributes:
        program: What it runs, and under which name.
        weight: Its share among its siblings; any positive number.
    """

    program: Program = field(default_factory=Program)
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Splitter:
    """An inner node: its children side by side, or one below the other.

    Attributes:
        vertical: As iTerm2 means it: the divider is vertical, the children stand side by side.
        children: At least two, in reading order.
        weight: Its share among its own siblings.
    """

    vertical: bool
    children: tuple[Pane | Splitter, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class AppliedPane:
    """A pane of a layout and the session that now stands for it."""

    name: str | None
    session_id: SessionId


@dataclass(frozen=True, slots=True)
class AppliedLayout:
    """A layout after it was opened; panes in reading order."""

    window_id: WindowId
    tab_id: TabId
    panes: tuple[AppliedPane, ...]
