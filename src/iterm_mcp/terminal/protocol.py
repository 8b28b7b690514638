"""What services may ask of a terminal, whichever one it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from iterm_mcp.models.happenings import Happening
    from iterm_mcp.models.ids import SessionId, TabId, WindowId
    from iterm_mcp.models.input import InputState
    from iterm_mcp.models.layouts import StandingNode, StandingTab
    from iterm_mcp.models.output import LineRange, OutputLines, OutputView, Prompt, PromptId
    from iterm_mcp.models.sessions import Direction, Program, Screen, SessionInfo, Size


class Watch(Protocol):
    """One watcher's view of one session, or of which sessions there are."""

    async def next(self) -> Happening:
        """Wait for what happens next. `SessionEnded` is the last, and comes again and again."""

    def waiting(self) -> bool:
        """Tell whether `next` would return at once."""


class Terminal(Protocol):
    """A terminal that can be scripted.

    Every method may raise `TerminalUnavailableError` (nothing answers),
    `TerminalTimeoutError` (no answer in time) and `TerminalRejectedError`; methods that take
    a session raise `NotFoundError` of kind ``session`` for one that does not exist. All
    waits are bounded.
    """

    async def list_sessions(self) -> tuple[SessionInfo, ...]:
        """Return every session, in the order of windows, tabs and panes."""

    async def open_session(
        self, program: Program, *, window_id: WindowId | None = None
    ) -> SessionInfo:
        """Open a session in a new tab of a window, or in a new window.

        The program's tags stand in the session's variable ``user.tags``, as a JSON list.

        Raises:
            NotFoundError: No such window (``window``) or profile (``profile``).
        """

    async def split_session(
        self, session_id: SessionId, direction: Direction, program: Program
    ) -> SessionId:
        """Split a session's pane in two and return the new session.

        Raises:
            TerminalRejectedError: The pane is too small.
        """

    async def send_text(self, session_id: SessionId, text: str) -> None:
        """Type text as it is: no newline is added or translated; Enter is a carriage return."""

    async def show_text(self, session_id: SessionId, text: str) -> None:
        """Show text as if the session's program had printed it, escape sequences included."""

    async def read_input_state(self, session_id: SessionId) -> InputState:
        """Return how what runs in a session wants to be typed to, as far as it is known."""

    async def read_screen(self, session_id: SessionId) -> Screen:
        """Return the visible screen."""

    async def rename_session(self, session_id: SessionId, name: str) -> None:
        """Give a session a name; it becomes part of its title."""

    async def resize_session(self, session_id: SessionId, size: Size) -> None:
        """Ask for a session's grid; its tab and window grow or shrink. The terminal may round.

        Raises:
            TerminalRejectedError: It cannot have this size, or not now.
        """

    async def resize_sessions(self, tab_id: TabId, sizes: Mapping[SessionId, Size]) -> None:
        """Ask for the grid of every session of a tab. The terminal may round.

        Raises:
            NotFoundError: No such tab.
            InvalidRequestError: The sessions named are not exactly those of the tab.
        """

    async def activate_session(self, session_id: SessionId) -> None:
        """Select a session, its tab and its window."""

    async def close_session(self, session_id: SessionId) -> None:
        """End a session without asking; its tab and window go with the last one."""

    # Where sessions stand.

    async def list_tabs(self) -> tuple[StandingTab, ...]:
        """Return every tab with its tree, in the order of windows and tabs."""

    async def arrange_tabs(
        self, trees: Mapping[TabId, StandingNode], closing: Collection[TabId] = ()
    ) -> None:
        """Give tabs new trees; sessions may change their tab, and none ends.

        Args:
            trees: The new tree of each tab, whose sizes are not looked at: siblings share the
                space evenly. A tab that loses or gains a session must be among them.
            closing: Tabs that lose all their sessions to `trees`, and go.

        Raises:
            TerminalRejectedError: There is no room, or something else stands by now.
        """

    async def move_session(self, session_id: SessionId, window_id: WindowId | None) -> None:
        """Give a session a tab of its own, in a window that stands or, for None, in a new one.

        Raises:
            NotFoundError: No such session, or (``window``) no such window.
        """

    async def read_program(self, session_id: SessionId) -> Program:
        """Return what a session was asked to run, as far as its profile tells.

        The profile's name is always there, if the profile is; a name that is the profile's own
        is left out.
        """

    # What a session has printed.

    async def line_range(self, session_id: SessionId) -> LineRange:
        """Return which lines a session has."""

    async def read_lines(
        self, session_id: SessionId, first: int, count: int, *, styles: bool = False
    ) -> OutputLines:
        """Return neighbouring lines, as far as they exist: lost ones, and later ones, are left out.

        Args:
            first: The absolute number of the first line wanted, 0 or more.
            count: How many, 1 or more.
            styles: Fill in `OutputLine.styles`.
        """

    async def view_output(
        self, session_id: SessionId, first: int | None, count: int, *, styles: bool = False
    ) -> OutputView:
        """Return neighbouring lines as `read_lines` does, with cursor and range: one round trip.

        Args:
            first: The absolute number of the first line wanted, or None for the newest lines,
                the rest of the screen below the cursor included.
        """

    async def read_prompt(
        self, session_id: SessionId, prompt_id: PromptId | None = None
    ) -> Prompt | None:
        """Return one of a session's prompts, or its last; None when there is no such prompt.

        There is none in a shell without shell integration, and none whose lines are lost.
        """

    async def list_prompts(self, session_id: SessionId) -> tuple[PromptId, ...]:
        """Return the prompts whose lines are still there, oldest first."""

    async def screenshot(self, session_id: SessionId) -> bytes:
        """Return a picture of the visible screen, as PNG.

        Raises:
            TerminalRejectedError: This terminal can draw none.
        """

    async def draw_session(self, session_id: SessionId, *, history: int = 0) -> str:
        """Return a drawing of the visible screen and some lines above it, as SVG.

        Raises:
            TerminalRejectedError: This terminal can draw none.
        """

    def watch(
        self, session_id: SessionId, *, typing: bool = False, keys: bool = False
    ) -> AbstractAsyncContextManager[Watch]:
        """Watch a session for the length of the block; what happened before is not told.

        It goes on when the connection to the terminal is lost and made again: the watcher is
        told of both.

        Args:
            typing: Tell also what is about to be typed through this terminal (`TextTyped`).
            keys: Tell also when a person presses a key (`KeyPressed`), and before what comes of it
                is to be seen. What other programs send is no key.

        Raises:
            NotFoundError: On entering, when there is no such session.
        """

    def watch_sessions(self) -> AbstractAsyncContextManager[Watch]:
        """Watch which sessions there are (`SessionsChanged`) for the length of the block.

        It goes on as `watch` does, and never ends by itself.
        """

    # What a session knows about itself.

    async def read_variables(self, session_id: SessionId, names: Sequence[str]) -> dict[str, Any]:
        """Return variables by name, such as ``path`` and ``jobName``; None for unknown ones."""

    async def set_variables(self, session_id: SessionId, values: Mapping[str, object]) -> None:
        """Set variables whose names begin with ``user.``; None unsets one."""

    async def set_profile(self, session_id: SessionId, values: Mapping[str, object]) -> None:
        """Change the session's own copy of its profile; None removes a key."""

    async def restart_session(self, session_id: SessionId, *, only_if_exited: bool) -> None:
        """Start the session's program again, in the same pane.

        Raises:
            TerminalRejectedError: It still runs and `only_if_exited` is set, or it has no
                program that can be started.
        """
