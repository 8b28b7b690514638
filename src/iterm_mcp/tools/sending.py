"""Tools that type into sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field

from iterm_mcp.errors import InvalidRequestError, shown
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.commands import in_each
from iterm_mcp.tools.locks import LockArgument, known_lock
from iterm_mcp.tools.sessions import SessionArgument
from iterm_mcp.tools.tool import TYPES, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.services.sessions.pasting import Pasted, Progress
    from iterm_mcp.services.sessions.sending import SendingService

MAX_SESSIONS = 100


class SendingTools:
    """The tools over `SendingService`."""

    def __init__(self, sending: SendingService) -> None:
        self._sending = sending

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(
                self.send_text,
                "Send text",
                TYPES,
                "type paste input answer several sessions",
                always_load=True,
            ),
            ToolRow(self.send_keys, "Send keys", TYPES, "press ctrl-c enter arrows escape"),
        ]

    async def send_text(
        self,
        session_id: SessionArgument,
        text: Annotated[str, Field(description="Typed as it is; newlines are typed as Enter.")],
        enter: Annotated[bool, Field(description="Press Enter after the text.")] = True,
        also: Annotated[
            dict[str, str],
            Field(
                description="More sessions, each with its own text, typed at the same time.",
                max_length=MAX_SESSIONS,
            ),
        ] = {},
        paste: Annotated[
            bool,
            Field(description="Paste: up to 10 MB, not taken for commands where programs can."),
        ] = False,
        lock_id: LockArgument = None,
        context: Context[Any, Any] | None = None,
    ) -> Json:
        """Type text into a session as if at its keyboard, then press Enter.

        Returns as soon as it is typed, a paste when the program has read it. See what came of
        it with read_screen, or wait_for with the cursor as since; the echo matches too. For a
        shell command use run_command; for special keys send_keys; to reach registered agents
        cascade_message.
        """
        tell = _teller(context) if paste else None
        if not also:
            return await self._send(
                session_id, text, enter=enter, paste=paste, lock_id=lock_id, tell=tell
            )
        if session_id in also:
            raise InvalidRequestError(
                f"session {shown(session_id)!r} is given twice",
                hint="Give each session one text: text is for session_id, also for others.",
            )
        texts = {session_id: text, **also}

        async def send_to(one: str) -> Json:
            return await self._send(
                one, texts[one], enter=enter, paste=paste, lock_id=lock_id, tell=None
            )

        return {"results": await in_each(list(texts), send_to)}

    async def send_keys(
        self,
        session_id: SessionArgument,
        keys: Annotated[
            list[str],
            Field(
                description="Key names in order: enter, tab, escape, up, down, page-up, home, "
                "backspace, delete, f1..f12, ctrl-c, alt-b, shift-tab, or single characters.",
                min_length=1,
                max_length=1000,
            ),
        ],
        lock_id: LockArgument = None,
    ) -> Json:
        """Press keys in a session, for instance in a menu or an editor.

        Nothing is pressed unless every name is known. Returns a cursor for wait_for. For text
        use send_text; to stop what runs interrupt_session.
        """
        typed = await self._sending.send_keys(session_id, keys, lock_id=known_lock(lock_id))
        return {"pressed": len(keys), "session_id": typed.session_id, "cursor": str(typed.cursor)}

    async def _send(
        self,
        session_id: str,
        text: str,
        *,
        enter: bool,
        paste: bool,
        lock_id: str | None,
        tell: Progress | None,
    ) -> Json:
        holding = known_lock(lock_id)
        if not paste:
            typed = await self._sending.send_text(session_id, text, enter=enter, lock_id=holding)
            return {
                "typed": True, "session_id": typed.session_id, "cursor": str(typed.cursor)
            }  # fmt: skip
        pasted = await self._sending.paste(
            session_id, text, enter=enter, lock_id=holding, on_progress=tell
        )
        return _paste_answer(pasted)


def _paste_answer(pasted: Pasted) -> Json:
    answer: Json = {
        "typed": True,
        "session_id": pasted.session_id,
        "bytes": pasted.size,
        "bracketed": pasted.bracketed,
    }
    if pasted.cursor is not None:
        answer["cursor"] = str(pasted.cursor)
    if pasted.marks:
        answer["paste_marks_removed"] = pasted.marks
    if pasted.cut_lines:
        answer["warning"] = (
            f"{pasted.cut_lines} lines are so long that a program that reads whole lines (cat, "
            "read) may have got only their beginnings"
        )
    return answer


def _teller(context: Context[Any, Any] | None) -> Progress | None:
    """Return what tells the client's user how far a paste is."""
    if context is None:
        return None

    async def tell(done: float, total: float) -> None:
        await context.report_progress(done, total, "pasting")

    return tell
