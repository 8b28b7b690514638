"""Answering a dialog by keystrokes: only the very dialog that was meant, and seen to work.

A stroke into the wrong dialog allows what nobody allowed, and a stroke into no dialog becomes a
draft. So while nobody else may type, the screen is read, and the strokes follow at once if it shows
the dialog that was meant; then the dialog must go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.agents.screen_rows import is_scrolled
from iterm_mcp.errors import AgentError, ConflictError, RefusedError
from iterm_mcp.models.happenings import SessionEnded
from iterm_mcp.models.observations import Fact
from iterm_mcp.services.approvals.dialogs import read_dialog, same

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from iterm_mcp.agents.kind import AgentKind, Stroke
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.approvals import Approval
    from iterm_mcp.models.ids import LockId, SessionId
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.deliveries.leases import Leases
    from iterm_mcp.services.sessions.writers import SessionWriters
    from iterm_mcp.terminal.protocol import Terminal, Watch

    Value = Mapping[str, Json]

APPEAR_SECONDS = 3.0
"""How long a dialog that a hook told of may take to be drawn."""

GO_SECONDS = 5.0
"""How long it may take to go once it was answered."""

LOOK_SECONDS = 0.25
"""A look at least so often, should the terminal not tell of a change."""

PASTE_BEGIN, PASTE_END = "\x1b[200~", "\x1b[201~"


class KeyAnswerer:
    """Types answers into dialogs.

    Args:
        leases: Keep other processes from typing meanwhile.
    """

    def __init__(
        self,
        terminal: Terminal,
        writers: SessionWriters,
        leases: Leases,
        kind_of: Callable[[str], AgentKind] = find_kind,
        *,
        appear_seconds: float = APPEAR_SECONDS,
        go_seconds: float = GO_SECONDS,
    ) -> None:
        self._terminal = terminal
        self._writers = writers
        self._leases = leases
        self._kind_of = kind_of
        self._appear_seconds = appear_seconds
        self._go_seconds = go_seconds

    async def answer(
        self,
        agent: Agent,
        approval: Approval,
        choice: str,
        *,
        then: Callable[[], Awaitable[None]],
        lock_id: LockId | None = None,
    ) -> None:
        """Choose an option of a dialog on an agent's screen, and see the dialog go.

        Once something is typed it is typed whole, also when the caller is cancelled.

        Args:
            then: Awaited when the dialog has gone, also when the caller is cancelled.

        Raises:
            InvalidRequestError: The dialog has no such option.
            ConflictError: Its screen does not show this dialog (``dialog_gone``).
            RefusedError: Somebody else types, has locked the session, or scrolls in it.
            AgentError: The dialog still stands after it was answered (``answer_not_taken``).
            TerminalError: The terminal does not answer.
        """
        target, kind = agent.session_id, self._kind_of(agent.kind)
        async with (
            self._writers.hold(target, lock_id),
            self._leases.hold(target),
            self._terminal.watch(target) as watch,
        ):
            value = await self._await(watch, target, kind, approval)
            if is_scrolled(await self._terminal.read_screen(target)):
                raise RefusedError(
                    f"somebody scrolls in the tmux of {approval.agent}, whose copy mode takes all"
                    " keys",
                    hint="Answer again once it is left.",
                    code="scrolled",
                )
            strokes = kind.answer(value, choice)
            with anyio.CancelScope(shield=True):  # bounded by the strokes' and the look's times
                await self._type(target, kind, approval, strokes)
                await self._see_it_go(watch, target, kind, approval)
                await then()

    async def _await(
        self, watch: Watch, target: SessionId, kind: AgentKind, approval: Approval
    ) -> Value:
        """Return the dialog as the screen shows it, as soon as it does."""
        value: Value = {}
        with anyio.move_on_after(self._appear_seconds):
            while True:
                value = await self._look(target, kind)
                if value and same(approval, read_dialog(value, asks=approval.asks)):
                    return value
                await _change(watch)
        what = "another dialog" if value else "no dialog"
        raise ConflictError(
            f"the screen of {approval.agent} shows {what}, so nothing was typed",
            hint="Call list_approvals to see what is asked now, or read_screen.",
            code="dialog_gone",
        )

    async def _type(
        self, target: SessionId, kind: AgentKind, approval: Approval, strokes: tuple[Stroke, ...]
    ) -> None:
        for number, stroke in enumerate(strokes):
            if number:
                value = await self._look(target, kind)
                if not value or not same(approval, read_dialog(value, asks=approval.asks)):
                    return  # what has been typed was enough, or the dialog is another by now
            text = f"{PASTE_BEGIN}{stroke.text}{PASTE_END}" if stroke.paste else stroke.text
            await self._terminal.send_text(target, text)
            if stroke.pause_seconds:
                await anyio.sleep(stroke.pause_seconds)

    async def _see_it_go(
        self, watch: Watch, target: SessionId, kind: AgentKind, approval: Approval
    ) -> None:
        with anyio.move_on_after(self._go_seconds):
            while True:
                value = await self._look(target, kind)
                if not value or not same(approval, read_dialog(value, asks=approval.asks)):
                    return
                await _change(watch)
        raise AgentError(
            f"{approval.agent} was sent the answer, and its dialog still stands",
            hint="Look at its screen with read_screen before you answer again.",
            code="answer_not_taken",
        )

    async def _look(self, target: SessionId, kind: AgentKind) -> Value:
        """Return the dialog on the screen; empty when none is to be seen."""
        screen = await self._terminal.read_screen(target)
        for one in kind.see(screen, ""):
            if one.fact is Fact.DIALOG:
                return one.value
        return {}


async def _change(watch: Watch) -> None:
    """Wait for a change, or a little while; the end of a session shows at the next look."""
    with anyio.move_on_after(LOOK_SECONDS):
        ended = isinstance(await watch.next(), SessionEnded)
        while watch.waiting() and not ended:  # what has gathered is one change
            ended = isinstance(await watch.next(), SessionEnded)
