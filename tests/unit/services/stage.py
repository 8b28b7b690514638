"""A terminal with one session, set up line by line: for what a tiny shell cannot be brought to."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from anyio.lowlevel import checkpoint

from iterm_mcp.models.ids import SessionId, TabId, WindowId
from iterm_mcp.models.input import InputState
from iterm_mcp.models.output import (
    LineRange,
    OutputLine,
    OutputLines,
    OutputView,
    Place,
    Prompt,
    PromptId,
    PromptState,
    Span,
)
from iterm_mcp.models.sessions import Screen, SessionInfo, Size
from iterm_mcp.terminal.watches import Watches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.models.happenings import Happening
    from iterm_mcp.terminal.protocol import Terminal, Watch

ONE = SessionId("AAAA0000-1111-2222-3333-4444deadbeef")


def span(first: int, column: int, last: int, end: int) -> Span:
    return Span(Place(first, column), Place(last, end))


def prompt(
    state: PromptState = PromptState.RUNNING,
    command: str = "make",
    *,
    name: str = "prompt-aaaa1111",
    line: int = 0,
    output: Span | None = None,
    status: int | None = None,
) -> Prompt:
    """Return a prompt ``$ `` in a line, with a command typed behind it."""
    return Prompt(
        PromptId(name),
        state,
        command,
        exit_status=status,
        prompt=span(line, 0, line, 2),
        typed=span(line, 2, line, 2 + len(command)),
        output=output,
    )


class Stage:
    """A `Terminal`, as far as commands and readers ask it.

    Attributes:
        rows: All that was ever printed; the first `lost` of them are not kept.
        top: The first row of the screen.
        cursor: Its line and column.
        on_type: Called with what is typed.
        unread: How many bytes the program has not read, at one look after the other; `on_look`
            is called at each.
        refusal: Raised to whoever wants to watch; None lets everybody.
    """

    def __init__(self, *texts: str, height: int = 24) -> None:
        self.rows = [OutputLine(text) for text in texts]
        self.lost = 0
        self.height = height
        self.top = 0
        self.cursor = (max(0, len(texts) - 1), len(texts[-1]) if texts else 0)
        self.prompts: list[Prompt] = []
        self.variables: dict[str, Any] = {"jobName": "bash", "columns": 80, "path": "/here"}
        self.typed: list[str] = []
        self.on_type: Callable[[str], None] = lambda _text: None
        self.watches = Watches()
        self.largest_page = 10**6
        self.lose_at_reading: list[int] = []
        self.unread: list[int] = []
        self.on_look: Callable[[], None] = lambda: None
        self.refusal: ItermMcpError | None = None

    @property
    def terminal(self) -> Terminal:
        """It, as what it plays."""
        return cast("Terminal", self)

    def tell(self, *happenings: Happening) -> None:
        for one in happenings:
            self.watches.tell(ONE, one)

    async def list_sessions(self) -> tuple[SessionInfo, ...]:
        await checkpoint()
        size = Size(80, self.height)
        return (SessionInfo(ONE, WindowId("w"), TabId("t"), "it", size, active=True),)

    async def read_input_state(self, session_id: SessionId) -> InputState:
        await self._enter(session_id)
        queued = self.unread.pop(0) if self.unread else 0
        self.on_look()
        return InputState(queued=queued)

    async def line_range(self, session_id: SessionId) -> LineRange:
        await self._enter(session_id)
        return LineRange(self.lost, self.top, self.top + self.height)

    async def read_lines(
        self, session_id: SessionId, first: int, count: int, *, styles: bool = False
    ) -> OutputLines:
        del styles
        await self._enter(session_id)
        if self.lose_at_reading:
            self.lost = self.lose_at_reading.pop(0)
        end = min(first + min(count, self.largest_page), self.top + self.height)
        start = max(first, self.lost)
        rows = self.rows + [OutputLine("")] * (self.top + self.height - len(self.rows))
        return OutputLines(start, tuple(rows[start : max(start, end)]))

    async def view_output(
        self, session_id: SessionId, first: int | None, count: int, *, styles: bool = False
    ) -> OutputView:
        span = await self.line_range(session_id)
        start = max(span.first, span.end - count) if first is None else first
        lines = await self.read_lines(session_id, start, count, styles=styles)
        full_screen = bool(self.variables.get("showingAlternateScreen"))
        return OutputView(lines, span, Place(*self.cursor), full_screen)

    async def read_screen(self, session_id: SessionId) -> Screen:
        await self._enter(session_id)
        texts = [row.text for row in self.rows[self.top : self.top + self.height]]
        texts += [""] * (self.height - len(texts))
        line, column = self.cursor
        return Screen(tuple(texts), self.top, column, line - self.top, Size(80, self.height))

    async def read_prompt(
        self, session_id: SessionId, prompt_id: PromptId | None = None
    ) -> Prompt | None:
        await self._enter(session_id)
        found = [one for one in self.prompts if prompt_id in {None, one.prompt_id}]
        return found[-1] if found else None

    async def list_prompts(self, session_id: SessionId) -> tuple[PromptId, ...]:
        await self._enter(session_id)
        return tuple(one.prompt_id for one in self.prompts)

    async def read_variables(self, session_id: SessionId, names: Sequence[str]) -> dict[str, Any]:
        await self._enter(session_id)
        return {name: self.variables.get(name) for name in names}

    async def send_text(self, session_id: SessionId, text: str) -> None:
        await self._enter(session_id)
        self.watches.typed(session_id, text)
        self.typed.append(text)
        self.on_type(text)

    @asynccontextmanager
    async def watch(
        self, session_id: SessionId, *, typing: bool = False, keys: bool = False
    ) -> AsyncIterator[Watch]:
        await self._enter(session_id)
        if self.refusal is not None:
            raise self.refusal
        watch = self.watches.add(session_id, typing=typing, keys=keys)
        try:
            yield watch
        finally:
            self.watches.remove(session_id, watch)

    async def _enter(self, session_id: SessionId) -> None:
        assert session_id == ONE
        await checkpoint()
