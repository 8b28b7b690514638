"""What the host answers: one handler a request, one row a handler.

To answer another request: write the handler, add its row, add a contract test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host.requests import (
    arrangements,
    broadcasts,
    buffers,
    color_presets,
    focus,
    functions,
    negatives,
    notifications,
    opening,
    preferences,
    profiles,
    prompts,
    properties,
    restart,
    rpc,
    screenshots,
    selections,
    sessions,
    tabs,
    transactions,
    variables,
)

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import AtOnce, Rows

HANDLERS: Rows = {
    **arrangements.ROWS,
    **broadcasts.ROWS,
    **buffers.ROWS,
    **color_presets.ROWS,
    **focus.ROWS,
    **functions.ROWS,
    **negatives.ROWS,
    **notifications.ROWS,
    **opening.ROWS,
    **preferences.ROWS,
    **profiles.ROWS,
    **prompts.ROWS,
    **properties.ROWS,
    **restart.ROWS,
    **rpc.ROWS,
    **screenshots.ROWS,
    **selections.ROWS,
    **sessions.ROWS,
    **tabs.ROWS,
    **transactions.ROWS,
    **variables.ROWS,
}
"""By the name of the request's field in ClientOriginatedMessage."""

AT_ONCE: AtOnce = {**buffers.AT_ONCE, **sessions.AT_ONCE}
"""Requests that are answered as they are read, where that takes a moment and no waiting."""
