"""Where sessions stand, and moving them, over iTerm2's API."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, ClassVar

from iterm2 import api_pb2 as wire
from iterm2 import rpc
from iterm2.util import invocation_string

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.layouts import StandingPane
from iterm_mcp.models.sessions import Program
from iterm_mcp.terminal import wire_values
from iterm_mcp.terminal.requests import LIST_HINT, Requests, no_session, rejected

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from iterm_mcp.models.ids import SessionId, TabId, WindowId
    from iterm_mcp.models.layouts import StandingNode, StandingTab

ARRANGE_HINT = "Ask for fewer or larger panes; export_layout shows what stands."

PROGRAM_KEYS = (
    "Guid", "Original Guid", "Name", "Custom Command", "Command",
    "Custom Directory", "Working Directory",
)  # fmt: skip


class ItermArranging(Requests):
    """Tabs as trees of sessions."""

    operations: ClassVar[tuple[str, ...]] = (
        "list_tabs", "arrange_tabs", "move_session", "read_program"
    )  # fmt: skip

    async def list_tabs(self) -> tuple[StandingTab, ...]:
        """Return every tab with its tree, in the order of windows and tabs."""
        listing = await self._call("list_tabs", rpc.async_list_sessions)
        return wire_values.tabs(listing.list_sessions_response)

    async def arrange_tabs(
        self, trees: Mapping[TabId, StandingNode], closing: Collection[TabId] = ()
    ) -> None:
        """Give tabs these trees, and let tabs go that lose their last session by it."""
        spec = {
            "tabs": [{"tab_id": tab_id, "root": _node(root)} for tab_id, root in trees.items()],
            "close_tabs": list(closing),
        }
        # In base64, because iTerm2 cannot read a quoted quotation mark within a text.
        encoded = base64.b64encode(json.dumps(spec).encode()).decode()
        reason = await self._invoke(
            "arrange_tabs", "iterm2.apply_layout", {"spec_json_b64": encoded}
        )
        if reason is not None:
            raise rejected("arrange the panes", reason, ARRANGE_HINT)

    async def move_session(self, session_id: SessionId, window_id: WindowId | None) -> None:
        """Give a session a tab of its own, in a window that stands or in a new one."""
        arguments: dict[str, str] = {"session": session_id}
        function = "iterm2.move_session_to_new_window"
        if window_id is not None:
            arguments["window_id"] = window_id
            function = "iterm2.move_session_to_new_tab"
        reason = await self._invoke("move_session", function, arguments)
        if reason is None:
            return
        listing = (await self._call("list_tabs", rpc.async_list_sessions)).list_sessions_response
        if session_id not in wire_values.session_ids(listing):
            raise no_session(session_id)
        if window_id is not None and window_id not in {one.window_id for one in listing.windows}:
            raise NotFoundError("window", window_id, hint=LIST_HINT)
        raise rejected("move the session", reason)

    async def read_program(self, session_id: SessionId) -> Program:
        """Return what a session was asked to run, as far as its profile tells."""
        reply = await self._call(
            "read_program",
            lambda connection: rpc.async_get_profile(connection, session_id, PROGRAM_KEYS),
        )
        answer = reply.get_profile_property_response
        if answer.status != wire.GetProfilePropertyResponse.Status.OK:
            raise no_session(session_id)
        profile = {one.key: json.loads(one.json_value) for one in answer.properties}
        shared = await self._profile_name(profile.get("Original Guid") or profile.get("Guid"))
        name = str(profile.get("Name") or "").replace("\\\u200b(", "\\(")
        return Program(
            command=_given(profile, "Custom Command", "Command"),
            directory=_given(profile, "Custom Directory", "Working Directory"),
            profile=shared,
            name=None if name in {"", shared} else name,
        )

    async def _profile_name(self, guid: str | None) -> str | None:
        """Return what a shared profile is called; None when there is no such one any more."""
        if guid is None:
            return None
        reply = await self._call(
            "read_program",
            lambda connection: rpc.async_list_profiles(connection, [guid], ["Name"]),
        )
        names = (
            str(json.loads(one.json_value))
            for profile in reply.list_profiles_response.profiles
            for one in profile.properties
        )
        return next(names, None)

    async def _invoke(self, operation: str, function: str, arguments: dict[str, str]) -> str | None:
        """Call one of the terminal's functions; return why it failed, or None."""
        invocation = invocation_string(function, dict(arguments))
        reply = await self._call(
            operation,
            lambda connection: rpc.async_invoke_function(
                connection, invocation, timeout=self._timeout_seconds
            ),
        )
        answer = reply.invoke_function_response
        return answer.error.error_reason if answer.HasField("error") else None


def _node(node: StandingNode) -> dict[str, Any]:
    if isinstance(node, StandingPane):
        return {"session_id": node.session_id}
    return {"vertical": node.vertical, "children": [_node(child) for child in node.children]}


def _given(profile: Mapping[str, Any], switch: str, key: str) -> str | None:
    value = profile.get(key)
    return str(value) if profile.get(switch) == "Yes" and value else None
