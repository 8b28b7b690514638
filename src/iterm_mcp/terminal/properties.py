"""A session's variables and profile, and its program, over iTerm2's API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from iterm2 import api_pb2 as wire
from iterm2 import rpc

from iterm_mcp.terminal.requests import Requests, no_session, rejected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.models.ids import SessionId


class ItermProperties(Requests):
    """What a session knows about itself, and what may be set."""

    operations: ClassVar[tuple[str, ...]] = (
        "read_variables",
        "set_variables",
        "set_profile",
        "restart_session",
    )

    async def read_variables(self, session_id: SessionId, names: Sequence[str]) -> dict[str, Any]:
        """Return variables by name; None for those that are not set."""
        reply = await self._call(
            "read_variables",
            lambda connection: rpc.async_variable(connection, session_id, [], names),
        )
        answer = reply.variable_response
        if answer.status != wire.VariableResponse.Status.OK:
            raise no_session(session_id)
        values = [json.loads(value) for value in answer.values]
        return dict(zip(names, values, strict=True))

    async def set_variables(self, session_id: SessionId, values: Mapping[str, object]) -> None:
        """Set variables whose names begin with ``user.``; None unsets one."""
        sets = [(name, json.dumps(value)) for name, value in values.items()]
        reply = await self._call(
            "set_variables", lambda connection: rpc.async_variable(connection, session_id, sets)
        )
        status = wire.VariableResponse.Status
        match reply.variable_response.status:
            case status.OK:
                return
            case status.SESSION_NOT_FOUND:
                raise no_session(session_id)
            case other:
                raise rejected("set variables", status.Name(other))

    async def set_profile(self, session_id: SessionId, values: Mapping[str, object]) -> None:
        """Change the session's own copy of its profile; None removes a key."""
        assignments = [(key, json.dumps(value)) for key, value in values.items()]
        reply = await self._call(
            "set_profile",
            lambda connection: rpc.async_set_profile_properties_json(
                connection, session_id, assignments
            ),
        )
        status = wire.SetProfilePropertyResponse.Status
        match reply.set_profile_property_response.status:
            case status.OK:
                return
            case status.SESSION_NOT_FOUND:
                raise no_session(session_id)
            case other:
                raise rejected("change the session's profile", status.Name(other))

    async def restart_session(self, session_id: SessionId, *, only_if_exited: bool) -> None:
        """Start the session's program again, in the same pane."""
        reply = await self._call(
            "restart_session",
            lambda connection: rpc.async_restart_session(connection, session_id, only_if_exited),
        )
        status = wire.RestartSessionResponse.Status
        match reply.restart_session_response.status:
            case status.OK:
                return
            case status.SESSION_NOT_FOUND:
                raise no_session(session_id)
            case other:
                raise rejected(
                    "restart the session",
                    status.Name(other),
                    "It still runs, or has no program that could be started again.",
                )
