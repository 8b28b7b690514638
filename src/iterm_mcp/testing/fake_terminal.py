"""A terminal in memory, for tests of what stands above one."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from anyio.lowlevel import checkpoint

from iterm_mcp.errors import TerminalRejectedError, TerminalUnavailableError
from iterm_mcp.models.happenings import SessionEnded, SessionsChanged
from iterm_mcp.models.output import OutputView, Place
from iterm_mcp.models.sessions import Size
from iterm_mcp.terminal.quoting import NAME_VARIABLE
from iterm_mcp.terminal.watches import QueuedWatch, Watches
from iterm_mcp.testing.fake_windows import FakeWindows
from iterm_mcp.testing.gate import Gate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.models.happenings import Happening
    from iterm_mcp.models.ids import SessionId, TabId, WindowId
    from iterm_mcp.models.input import InputState
    from iterm_mcp.models.layouts import StandingNode, StandingTab
    from iterm_mcp.models.output import LineRange, OutputLines, Prompt, PromptId
    from iterm_mcp.models.sessions import Direction, Program, Screen, SessionInfo
    from iterm_mcp.terminal.protocol import Watch
    from iterm_mcp.testing.fake_shell import FakeShell

DEFAULT_SIZE = Size(80, 24)
_OSC = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


class FakeTerminal:
    """A `Terminal` of windows, tabs, splits and tiny shells.

    Every session runs a `FakeShell`, whatever command it was opened with. Every method gives
    others a turn before it does its work, which it then does at once.

    Args:
        size: The grid of a new tab.

    Attributes:
        png: What a picture of any session is, once a test has set it.
        svg: The same for a drawing.
    """

    def __init__(self, size: Size = DEFAULT_SIZE) -> None:
        self._windows = FakeWindows(size, self._told)
        self._watches = Watches()
        self.png: bytes | None = None
        self.svg: str | None = None
        self._lost = False
        self.told: list[tuple[SessionId, str]] = []
        self._failures: defaultdict[str, deque[ItermMcpError]] = defaultdict(deque)
        self._gates: dict[str, Gate] = {}

    # What only a test may do.

    def watched(self) -> int:
        """Return how many sessions are watched; the list of sessions counts as one."""
        return len(self._watches.sessions()) + bool(self._watches.of_all)

    def lose(self) -> None:
        """Go away: every method raises `TerminalUnavailableError` until `recover`."""
        self._lost = True
        self._watches.lost()

    def recover(self) -> None:
        """Answer again; the sessions are still there."""
        self._lost = False
        self._watches.back(one.session_id for one in self._windows.infos())

    def fail_next(self, method: str, error: ItermMcpError) -> None:
        """Let the next call of a method raise this error and do nothing else.

        Errors given for the same method wait in line.
        """
        self._check_method(method)
        self._failures[method].append(error)

    def hold(self, method: str) -> Gate:
        """Stop all calls of a method, before they do anything, until the gate is opened."""
        self._check_method(method)
        gate = self._gates[method] = Gate()
        return gate

    def typed(self, session_id: SessionId) -> str:
        """Return everything that was typed into a session that still stands."""
        return self._windows.find(session_id).shell.typed

    def program(self, session_id: SessionId) -> Program:
        """Return what a session that still stands was asked to run."""
        return self._windows.find(session_id).program

    def shell(self, session_id: SessionId) -> FakeShell:
        """Return the shell of a session that still stands."""
        return self._windows.find(session_id).shell

    def set_fact(self, session_id: SessionId, name: str, value: object) -> None:
        """Let a session that still stands know a variable, such as ``pid``, with this value."""
        self._windows.find(session_id).facts[name] = value

    def profile(self, session_id: SessionId) -> dict[str, Any]:
        """Return what was changed in the profile of a session that still stands."""
        return self._windows.find(session_id).profile

    def end(self, session_id: SessionId) -> None:
        """Let the program of a session end by itself."""
        self._end(session_id)

    def replace_session(self, session_id: SessionId) -> SessionId:
        """Give a session another id and return that, as iTerm2 does when it restarts one."""
        return self._windows.replace(session_id)

    # What every terminal does.

    async def list_sessions(self) -> tuple[SessionInfo, ...]:
        """Return every session, in the order of windows, tabs and panes."""
        await self._enter("list_sessions")
        return self._windows.infos()

    async def open_session(
        self, program: Program, *, window_id: WindowId | None = None
    ) -> SessionInfo:
        """Open a session in a new tab of a window, or in a new window, and activate it."""
        await self._enter("open_session")
        opened = self._windows.open(program, window_id)
        self._watches.tell_all(SessionsChanged())
        return opened

    async def split_session(
        self, session_id: SessionId, direction: Direction, program: Program
    ) -> SessionId:
        """Split a session's pane in two, activate the new one and return it."""
        await self._enter("split_session")
        opened = self._windows.split(session_id, direction, program)
        self._watches.tell_all(SessionsChanged())
        return opened

    async def send_text(self, session_id: SessionId, text: str) -> None:
        """Type text as it is."""
        await self._enter("send_text")
        shell = self._windows.find(session_id).shell
        self._watches.typed(session_id, text)
        shell.type(text)
        if not shell.running:
            self._end(session_id)

    async def show_text(self, session_id: SessionId, text: str) -> None:
        """Print what is left of the text without its OSC sequences, which are kept in `told`."""
        await self._enter("show_text")
        shell = self._windows.find(session_id).shell
        self.told += [(session_id, one) for one in _OSC.findall(text)]
        if visible := _OSC.sub("", text).strip("\r\n"):
            shell.print(visible)

    async def read_input_state(self, session_id: SessionId) -> InputState:
        """Return how a session's shell wants its input, which a test may set."""
        await self._enter("read_input_state")
        return self.shell(session_id).input

    async def read_screen(self, session_id: SessionId) -> Screen:
        """Return the visible screen."""
        await self._enter("read_screen")
        return self._windows.find(session_id).shell.screen()

    async def rename_session(self, session_id: SessionId, name: str) -> None:
        """Give a session a name, which is its title from now on."""
        await self._enter("rename_session")
        session = self._windows.find(session_id)
        session.title = name
        session.user[NAME_VARIABLE] = name

    async def resize_session(self, session_id: SessionId, size: Size) -> None:
        """Give one session its grid, exactly as asked for, and its neighbours what they have."""
        await self._enter("resize_session")
        self._windows.resize_one(session_id, size)

    async def resize_sessions(self, tab_id: TabId, sizes: Mapping[SessionId, Size]) -> None:
        """Give every session of a tab its grid, exactly as asked for."""
        await self._enter("resize_sessions")
        self._windows.resize(tab_id, sizes)

    async def activate_session(self, session_id: SessionId) -> None:
        """Select a session, its tab and its window."""
        await self._enter("activate_session")
        self._windows.activate(session_id)

    async def close_session(self, session_id: SessionId) -> None:
        """End a session; its tab and window go with the last one."""
        await self._enter("close_session")
        self._end(session_id)

    async def list_tabs(self) -> tuple[StandingTab, ...]:
        """Return every tab with its tree, in the order of windows and tabs."""
        await self._enter("list_tabs")
        return self._windows.standing()

    async def arrange_tabs(
        self, trees: Mapping[TabId, StandingNode], closing: Collection[TabId] = ()
    ) -> None:
        """Give tabs new trees, whose siblings share the space evenly."""
        await self._enter("arrange_tabs")
        self._windows.arrange(trees, closing)

    async def move_session(self, session_id: SessionId, window_id: WindowId | None) -> None:
        """Give a session a tab of its own, and activate it."""
        await self._enter("move_session")
        self._windows.move(session_id, window_id)

    async def read_program(self, session_id: SessionId) -> Program:
        """Return what a session was asked to run, under the name that it has now."""
        await self._enter("read_program")
        return self._windows.given(session_id)

    async def line_range(self, session_id: SessionId) -> LineRange:
        """Return which lines a session has."""
        await self._enter("line_range")
        return self.shell(session_id).line_range()

    async def read_lines(
        self, session_id: SessionId, first: int, count: int, *, styles: bool = False
    ) -> OutputLines:
        """Return neighbouring lines, as far as they exist; this shell has no styles."""
        del styles
        await self._enter("read_lines")
        return self.shell(session_id).lines(first, count)

    async def view_output(
        self, session_id: SessionId, first: int | None, count: int, *, styles: bool = False
    ) -> OutputView:
        """Return neighbouring lines, or the newest, with cursor and range."""
        del styles
        await self._enter("view_output")
        shell = self.shell(session_id)
        span, screen = shell.line_range(), shell.screen()
        start = max(span.first, span.end - count) if first is None else first
        cursor = Place(screen.first_line + screen.cursor_row, screen.cursor_column)
        return OutputView(shell.lines(start, count), span, cursor, full_screen=False)

    async def read_prompt(
        self, session_id: SessionId, prompt_id: PromptId | None = None
    ) -> Prompt | None:
        """Return one of a session's prompts, or its last; None when there is no such prompt."""
        await self._enter("read_prompt")
        return self.shell(session_id).prompt(prompt_id)

    async def list_prompts(self, session_id: SessionId) -> tuple[PromptId, ...]:
        """Return the prompts of a session, oldest first."""
        await self._enter("list_prompts")
        return self.shell(session_id).prompt_ids()

    async def screenshot(self, session_id: SessionId) -> bytes:
        """Return the bytes in `png`; with none, this terminal draws no pictures."""
        await self._enter("screenshot")
        self._windows.find(session_id)
        if self.png is None:
            raise TerminalRejectedError("this terminal draws no pictures", hint="Ask for text.")
        return self.png

    async def draw_session(self, session_id: SessionId, *, history: int = 0) -> str:
        """Return the text in `svg`, whatever the session shows; with none, refuse."""
        del history
        await self._enter("draw_session")
        self._windows.find(session_id)
        if self.svg is None:
            raise TerminalRejectedError("this terminal draws no SVG", hint="Ask for text.")
        return self.svg

    @asynccontextmanager
    async def watch(
        self, session_id: SessionId, *, typing: bool = False, keys: bool = False
    ) -> AsyncIterator[Watch]:
        """Watch a session for the length of the block."""
        await self._enter("watch")
        self._windows.find(session_id)
        watch = self._watches.add(session_id, typing=typing, keys=keys)
        try:
            yield watch
        finally:
            self._watches.remove(session_id, watch)

    @asynccontextmanager
    async def watch_sessions(self) -> AsyncIterator[Watch]:
        """Watch which sessions there are for the length of the block."""
        await self._enter("watch_sessions")
        watch = QueuedWatch()
        self._watches.of_all.add(watch)
        try:
            yield watch
        finally:
            self._watches.of_all.discard(watch)

    def press_key(self, session_id: SessionId) -> None:
        """Have a person press a key in a session; what it types is not of concern here."""
        self._watches.key_pressed(session_id)

    async def read_variables(self, session_id: SessionId, names: Sequence[str]) -> dict[str, Any]:
        """Return variables by name; None for unknown ones."""
        await self._enter("read_variables")
        variables = self._windows.variables(session_id)
        return {name: variables.get(name) for name in names}

    async def set_variables(self, session_id: SessionId, values: Mapping[str, object]) -> None:
        """Set variables whose names begin with ``user.``; None unsets one."""
        await self._enter("set_variables")
        session = self._windows.find(session_id)
        if not all(name.startswith("user.") for name in values):
            raise TerminalRejectedError("the terminal would not set variables: INVALID_NAME")
        session.user.update(values)

    async def set_profile(self, session_id: SessionId, values: Mapping[str, object]) -> None:
        """Change the session's own copy of its profile."""
        await self._enter("set_profile")
        self._windows.find(session_id).profile.update(values)

    async def restart_session(self, session_id: SessionId, *, only_if_exited: bool) -> None:
        """Start the shell again; one that was left is gone, so it always still runs."""
        await self._enter("restart_session")
        session = self._windows.find_or_former(session_id)
        if only_if_exited:
            raise TerminalRejectedError("the terminal would not restart the session: it still runs")
        self._windows.restart(session)

    def _end(self, session_id: SessionId) -> None:
        self._windows.end(session_id)
        self._watches.tell(session_id, SessionEnded())
        self._watches.tell_all(SessionsChanged())

    def _told(self, session_id: SessionId, happening: Happening) -> None:
        if not self._lost:
            self._watches.tell(session_id, happening)

    # What stands between a call and its effect.

    async def _enter(self, method: str) -> None:
        await checkpoint()
        gate = self._gates.get(method)
        if gate is not None:
            await gate.wait_opened()
        if self._lost:
            raise TerminalUnavailableError("the terminal is away", hint="Wait for it.")
        if self._failures[method]:
            raise self._failures[method].popleft()

    def _check_method(self, method: str) -> None:
        if method.startswith("_") or not hasattr(self, method):
            raise AttributeError(f"a terminal has no method {method!r}")
