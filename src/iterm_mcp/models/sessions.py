"""What a terminal shows: windows, tabs, sessions, screens."""

from dataclasses import dataclass
from enum import StrEnum

from iterm_mcp.models.ids import SessionId, TabId, WindowId


@dataclass(frozen=True, slots=True)
class Size:
    """A grid in cells."""

    columns: int
    rows: int


class Direction(StrEnum):
    """Where a new session goes, seen from the one that is split."""

    RIGHT = "right"
    LEFT = "left"
    BELOW = "below"
    ABOVE = "above"


@dataclass(frozen=True, slots=True)
class Program:
    """What a new session runs.

    Attributes:
        command: A program and its arguments, quoted as for a shell but run without one;
            None is the profile's login shell.
        directory: Where it starts; None is the profile's choice.
        profile: The profile's name; None is the default profile.
        name: The session's name; None leaves the naming to the terminal.
    """

    command: str | None = None
    directory: str | None = None
    profile: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One session and where it stands.

    Attributes:
        title: What the terminal calls it now; it may change and need not be unique.
        active: True for the active session of the selected tab of the current window.
    """

    session_id: SessionId
    window_id: WindowId
    tab_id: TabId
    title: str
    size: Size
    active: bool = False


@dataclass(frozen=True, slots=True)
class Screen:
    """The visible screen of a session.

    Attributes:
        lines: The rows from top to bottom as text; cells never written are spaces, and
            trailing ones are dropped.
        first_line: The absolute number of the top row: it grows as output scrolls by.
        cursor_column: 0-based; equals the width while a wrap is pending.
        cursor_row: 0-based, from the top of the screen.
        size: The grid.
    """

    lines: tuple[str, ...]
    first_line: int
    cursor_column: int
    cursor_row: int
    size: Size
