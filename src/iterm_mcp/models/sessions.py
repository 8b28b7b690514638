"""What a terminal shows: windows, tabs, sessions, screens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        arguments: Taken as they are; `command` is then a program alone, and is not split.
        environment: Variables that the program sees besides what the terminal gives it.
        tags: Words by which the session can be found; see `services.sessions.tags`.
        size: The grid of a new window; a pane or a tab has that of where it stands.
    """

    command: str | None = None
    directory: str | None = None
    profile: str | None = None
    name: str | None = None
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    tags: tuple[str, ...] = ()
    size: Size | None = None


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a session is marked for a person; None leaves a part as it is.

    Attributes:
        badge: Large faint text behind the screen; empty takes it away.
        tab_color: As ``#rrggbb``, or ``none``.
        foreground: As ``#rrggbb``, as is `background`.
    """

    badge: str | None = None
    tab_color: str | None = None
    foreground: str | None = None
    background: str | None = None


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
