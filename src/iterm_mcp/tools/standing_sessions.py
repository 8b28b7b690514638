"""Tools for one session that stands: describe it, change it, restart it, close it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.sessions import Appearance
from iterm_mcp.services.sessions.changes import SessionChange
from iterm_mcp.services.sessions.ending import GRACE_SECONDS, LONGEST_GRACE_SECONDS
from iterm_mcp.tools import session_answers
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.locks import LockArgument, known_lock
from iterm_mcp.tools.sessions import SessionArgument, size_of
from iterm_mcp.tools.tool import ADDS, ENDS, READS, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.services.sessions.changes import SessionChanger
    from iterm_mcp.services.sessions.details import SessionDescriber
    from iterm_mcp.services.sessions.ending import SessionEnder
    from iterm_mcp.services.sessions.locks import LockService

ConfirmArgument = Annotated[bool, Field(description="The user agreed, whatever runs there.")]
ColorArgument = Annotated[str | None, Field(description="#rrggbb.")]


class StandingSessionTools:
    """The tools over the services that describe, change and end sessions."""

    def __init__(
        self,
        describer: SessionDescriber,
        changer: SessionChanger,
        ender: SessionEnder,
        locks: LockService,
    ) -> None:
        self._describer = describer
        self._locks = locks
        self._changer = changer
        self._ender = ender

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(
                self.describe_session,
                "Describe session",
                READS,
                "processes cpu memory directory last command tree",
            ),
            ToolRow(
                self.change_session,
                "Change session",
                ADDS,
                "rename title badge color tag resize focus activate suspend resume pause",
            ),
            ToolRow(
                self.restart_session,
                "Restart session",
                ENDS,
                "relaunch shell program again",
                about=self._about,
            ),
            ToolRow(
                self.close_session,
                "Close session",
                ENDS,
                "end kill terminal pane",
                about=self._about,
            ),
        ]

    async def _about(self, values: dict[str, Any]) -> str:
        target = await self._describer.find(values["session_id"])
        try:
            return session_answers.in_words(await self._describer.listed(target))
        except NotFoundError:
            return "a session that stands in no window"

    async def describe_session(self, session_id: SessionArgument) -> Json:
        """Tell of a session: directory, prompt, last command with exit code, lock, processes.

        Processes come as a tree with CPU, memory and state. Use read_output for what it printed.
        """
        found = await self._describer.describe(session_id)
        locks = await self._locks.standing()
        return session_answers.details(found, locks.get(found.listed.info.session_id))

    async def change_session(
        self,
        session_id: SessionArgument,
        name: Annotated[str | None, Field(description="New name.")] = None,
        tags: Annotated[
            list[str] | None, Field(description="All tags it shall have; [] for none.")
        ] = None,
        badge: Annotated[str | None, Field(description="Badge text; '' for none.")] = None,
        tab_color: Annotated[str | None, Field(description="#rrggbb or 'none'.")] = None,
        foreground: ColorArgument = None,
        background: ColorArgument = None,
        columns: Annotated[int | None, Field(description="With rows: resize.")] = None,
        rows: Annotated[int | None, Field(description="With columns.")] = None,
        focus: Annotated[bool, Field(description="Make it the active session.")] = False,
        job: Annotated[
            Literal["suspend", "resume"] | None,
            Field(description="Stop what runs in front with SIGSTOP, or let it go on."),
        ] = None,
        lock_id: LockArgument = None,
    ) -> Json:
        """Rename, tag, mark, resize or focus a session, or suspend or resume its job.

        A shell whose job is suspended shows its prompt; resumed, the job goes on in the
        background there (in_background): type fg to bring it to the front.
        """
        changed = await self._changer.change(
            session_id,
            SessionChange(
                name=name,
                look=Appearance(badge, tab_color, foreground, background),
                tags=None if tags is None else tuple(tags),
                size=size_of(columns, rows),
                focus=focus,
                job=job,
            ),
            lock_id=known_lock(lock_id),
        )
        answer: Json = {"session_id": changed.session_id, "changed": list(changed.changed)}
        if changed.size is not None:
            answer |= {"columns": changed.size.columns, "rows": changed.size.rows}
        if changed.in_background:
            answer["in_background"] = True
        return answer

    async def restart_session(
        self,
        session_id: SessionArgument,
        only_if_ended: Annotated[bool, Field(description="Only if its program has ended.")] = False,
        confirm: ConfirmArgument = False,
        lock_id: LockArgument = None,
    ) -> Json:
        """Start a session's program again in its pane; what runs there is ended.

        Its output stays above. Returns the session_id from now on.
        """
        restarted = await self._ender.restart(
            session_id,
            confirm=confirm,
            only_if_ended=only_if_ended,
            lock_id=known_lock(lock_id),
        )
        return {"restarted": True, "session_id": restarted}

    async def close_session(
        self,
        session_id: SessionArgument,
        confirm: ConfirmArgument = False,
        grace_seconds: Annotated[
            float,
            Field(
                description="How long programs may take to end before they are killed.",
                ge=0,
                le=LONGEST_GRACE_SECONDS,
            ),
        ] = GRACE_SECONDS,
        lock_id: LockArgument = None,
    ) -> Json:
        """End a session and what runs in it; its pane disappears. This cannot be undone.

        Returns a summary with its last command and lines. An agent registered for it stays
        registered, without a session.
        """
        return session_answers.closed(
            await self._ender.close(
                session_id,
                confirm=confirm,
                grace_seconds=grace_seconds,
                lock_id=known_lock(lock_id),
            )
        )
