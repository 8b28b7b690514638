"""Trees of splits: declared ones, which should stand, and those that do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterm_mcp.models.sessions import Program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from iterm_mcp.models.agent_lives import AgentOrder
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import AgentName, SessionId, TabId, TeamName, WindowId
    from iterm_mcp.models.sessions import Size


@dataclass(frozen=True, slots=True)
class PaneAgent:
    """The agent that lives in a pane.

    Attributes:
        kind: A kind of agent, or ``template:`` and the name of a template.
        teams: Teams that it joins; those that are missing are created.
        prompt: Its first order, if it is started.
        order: What it was started with when this was written down; None when it was not
            started by us, or is not written down yet.
        conversation: What it goes on with, if it has to be started again, as does `transcript`.
    """

    name: AgentName
    kind: str = "shell"
    role: str = ""
    teams: tuple[TeamName, ...] = ()
    prompt: str = ""
    order: AgentOrder | None = None
    conversation: str = ""
    transcript: str = ""


@dataclass(frozen=True, slots=True)
class Pane:
    """A leaf: one session, opened for it or placed there.

    Attributes:
        program: What it runs, and under which name.
        weight: Its share of what siblings of a fixed size leave; any positive number.
        cells: Its fixed columns or rows, along its parent's direction.
        session_id: A session that stands and is to stand here.
    """

    program: Program = field(default_factory=Program)
    weight: float = 1.0
    cells: int | None = None
    session_id: SessionId | None = None
    agent: PaneAgent | None = None


@dataclass(frozen=True, slots=True)
class Splitter:
    """An inner node: its children side by side, or one below the other.

    Attributes:
        vertical: As iTerm2 means it: the divider is vertical, the children stand side by side.
        children: At least two, in reading order, one of them without fixed cells.
        weight: Its share among its own siblings; `cells` as for a pane.
    """

    vertical: bool
    children: tuple[Node, ...]
    weight: float = 1.0
    cells: int | None = None


Node = Pane | Splitter


@dataclass(frozen=True, slots=True)
class StandingPane:
    """A session in its place."""

    session_id: SessionId
    size: Size

    def panes(self) -> Iterator[StandingPane]:
        """Yield this pane."""
        yield self


@dataclass(frozen=True, slots=True)
class StandingSplitter:
    """What splits a tab now; no splitter stands in one of its own kind."""

    vertical: bool
    children: tuple[StandingNode, ...]

    def panes(self) -> Iterator[StandingPane]:
        """Yield the panes in reading order."""
        for child in self.children:
            yield from child.panes()


StandingNode = StandingPane | StandingSplitter


@dataclass(frozen=True, slots=True)
class StandingTab:
    """A tab and its tree; a tab with one session has no splitter."""

    window_id: WindowId
    tab_id: TabId
    root: StandingNode

    def session_ids(self) -> list[SessionId]:
        """Return its sessions in reading order."""
        return [pane.session_id for pane in self.root.panes()]


@dataclass(frozen=True, slots=True)
class PaneStart:
    """What became of an agent that was started in a pane.

    Attributes:
        new: It never lived before.
        resumed: It goes on with a conversation of its.
        view: Its state; None while nobody has looked, and when it could not be started.
        problem: Why it could not be started, and what to do (`hint`); else empty.
    """

    new: bool = False
    resumed: bool = False
    view: StateView | None = None
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class AppliedPane:
    """A pane of a layout and the session that now stands for it.

    Attributes:
        opened: False for a session that stood before.
        start: What became of its agent; None when none had to be started.
    """

    name: str | None
    session_id: SessionId
    agent: AgentName | None = None
    opened: bool = True
    start: PaneStart | None = None


@dataclass(frozen=True, slots=True)
class AppliedLayout:
    """A layout as it stands; panes in reading order.

    Attributes:
        moved_out: Sessions of the tab that the layout has no place for. They share a tab.
    """

    window_id: WindowId
    tab_id: TabId
    panes: tuple[AppliedPane, ...]
    moved_out: tuple[SessionId, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportedTab:
    """A tab as a layout that would build it again."""

    tab: StandingTab
    root: Node


@dataclass(frozen=True, slots=True)
class SavedTeam:
    """A team that agents of a saved layout stand in, or one above it."""

    name: TeamName
    parent: TeamName | None
    description: str


@dataclass(frozen=True, slots=True)
class SavedLayout:
    """Layouts kept under a name.

    Attributes:
        windows: For each window its tabs.
        teams: Each after the one above it.
    """

    name: str
    windows: tuple[tuple[Node, ...], ...]
    teams: tuple[SavedTeam, ...]
    saved_at: datetime
