"""Tools that keep others from typing into a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.ids import LockId
from iterm_mcp.services.sessions.locks import OWNER_CHARACTERS
from iterm_mcp.tools import session_answers
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.sessions import SessionArgument
from iterm_mcp.tools.tool import ADDS, TYPES, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.models.locks import Lock
    from iterm_mcp.services.sessions.locks import LockService

LockArgument = Annotated[str | None, Field(description="Your lock.")]


class LockTools:
    """The tools over `LockService`."""

    def __init__(self, locks: LockService) -> None:
        self._locks = locks

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(self.lock_session, "Lock session", ADDS, "reserve exclusive keep others out"),
            ToolRow(self.unlock_session, "Unlock session", TYPES, "release break lock"),
        ]

    async def lock_session(
        self,
        session_id: SessionArgument,
        ttl_seconds: Annotated[
            float, Field(description="It ends by itself after this; 1 to 86400.")
        ] = 300,
        note: Annotated[str, Field(description="What for; others are told.")] = "",
        owner: Annotated[str, Field(description="Who you are; others are told.")] = "",
        lock_id: Annotated[
            str | None,
            Field(description="Your lock, to prolong it or to hold this session under it too."),
        ] = None,
        context: Context[Any, Any] | None = None,
    ) -> Json:
        """Keep all others from typing into a session, and return the lock_id that lets you.

        Give it to every call that types there. Others, persons at the keyboard aside, are told
        who holds the lock and until when. It survives restarts and ends with the session.
        """
        lock = await self._locks.lock(
            session_id,
            owner=owner or ("" if lock_id else _client(context)),
            note=note,
            ttl_seconds=ttl_seconds,
            lock_id=known_lock(lock_id),
        )
        return {"lock_id": lock.lock_id} | lock_answer(lock)

    async def unlock_session(
        self,
        session_id: SessionArgument,
        lock_id: LockArgument = None,
        break_reason: Annotated[
            str | None,
            Field(description="Break another's lock, and say why; only when a person wants it."),
        ] = None,
        context: Context[Any, Any] | None = None,
    ) -> Json:
        """End your lock of a session, or break another's, which is recorded with the reason."""
        if (lock_id is None) == (break_reason is None):
            raise InvalidRequestError(
                "either lock_id or break_reason is needed",
                hint="Give the lock_id of your own lock, or break_reason to break another's.",
            )
        if lock_id is not None:
            return {"unlocked": True, "session_id": await self._locks.unlock(
                session_id, LockId(lock_id)
            )}  # fmt: skip
        broken = await self._locks.break_lock(
            session_id, by=_client(context), reason=break_reason or ""
        )
        return {"unlocked": True, "session_id": broken.session_id, "owner": broken.owner}


def known_lock(given: str | None) -> LockId | None:
    """Return the lock that a caller shows."""
    return None if given is None else LockId(given)


def lock_answer(lock: Lock) -> Json:
    """Return what anybody may know of a lock."""
    return {"session_id": lock.session_id} | session_answers.held(lock)


def _client(context: Context[Any, Any] | None) -> str:
    """Return what the client calls itself; empty when it does not say."""
    params = None if context is None else context.session.client_params
    name = "" if params is None else params.client_info.name
    return name if len(name) <= OWNER_CHARACTERS and name.isprintable() else ""
