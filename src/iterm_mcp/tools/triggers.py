"""Tools that have sessions watched while nobody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.triggers import Act, Trigger, TriggerId
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.locks import LockArgument, known_lock
from iterm_mcp.tools.sessions import SessionArgument
from iterm_mcp.tools.tool import ADDS, TYPES, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.services.output.output_logs import OutputLogs
    from iterm_mcp.services.output.triggers import TriggerService


class TriggerTools:
    """The tools over `TriggerService` and `OutputLogs`."""

    def __init__(self, triggers: TriggerService, logs: OutputLogs) -> None:
        self._triggers = triggers
        self._logs = logs

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(self.manage_triggers, "Manage triggers", TYPES, "when pattern react watch"),
            ToolRow(self.log_output, "Log output", ADDS, "write output to file"),
        ]

    async def manage_triggers(
        self,
        action: Annotated[Literal["list", "add", "remove"], Field(description="What to do.")],
        session_id: Annotated[str, Field(description="For add: what to watch.")] = "",
        pattern: Annotated[
            str, Field(description="For add: a regular expression (RE2) for a line.")
        ] = "",
        act: Annotated[
            Act, Field(description="Notify subscribers, type text or keys, or message an agent.")
        ] = Act.NOTIFY,
        text: Annotated[
            str, Field(description="The text or message; keys with spaces between.")
        ] = "",
        to: Annotated[
            str,
            Field(description="Another session; for message an agent, or team:NAME."),
        ] = "",
        enter: Annotated[bool, Field(description="Press Enter after text.")] = True,
        ignore_case: Annotated[bool, Field(description="Capitals match small letters.")] = False,
        per_minute: Annotated[int, Field(description="Acts at most so often.", ge=1, le=60)] = 10,
        trigger_id: Annotated[str, Field(description="For remove.")] = "",
        lock_id: LockArgument = None,
    ) -> Json:
        """Have something done whenever a session prints a pattern, also after you are gone.

        What is typed through iterm-mcp never matches. A trigger ends with its session, and
        stops when it sets itself off. list also shows what triggers did last; the resource
        iterm://triggers tells subscribers. To wait once, use wait_for.
        """
        if action == "add":
            if not session_id or not pattern:
                raise InvalidRequestError(
                    "a trigger needs session_id and pattern", hint="Give both."
                )
            added = await self._triggers.add(
                Trigger(
                    TriggerId(""),
                    SessionId(session_id),
                    pattern,
                    act,
                    to,
                    text,
                    enter=enter,
                    ignore_case=ignore_case,
                    per_minute=per_minute,
                    lock_id=known_lock(lock_id),
                )
            )
            return {"trigger_id": added.trigger_id, "session_id": added.session_id}
        if action == "remove":
            await self._triggers.remove(trigger_id)
            return {"removed": trigger_id}
        return await self._triggers.described()

    async def log_output(
        self,
        session_id: SessionArgument,
        on: Annotated[bool, Field(description="False ends it.")] = True,
    ) -> Json:
        """Write what a session prints from now on to a file, as plain lines; returns its path.

        It goes on until the session ends, also after restarts. A file of 10 MB is put aside;
        two old ones are kept.
        """
        one = await self._logs.switch(session_id, on=on)
        answer: Json = {
            "session_id": one.session_id,
            "on": on,
            "path": one.file.path,
            "lines": one.lines,
        }
        if one.problem:
            answer["problem"] = one.problem
        return answer
