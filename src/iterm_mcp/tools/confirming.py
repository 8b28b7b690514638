"""A person's word before something is ended that cannot be had back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

import anyio
from mcp.shared.exceptions import MCPError
from mcp.types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

from iterm_mcp.errors import RefusedError
from iterm_mcp.services import untrusted

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

    from iterm_mcp.tools.calls import Call

ARGUMENT = "confirm"
DESCRIPTION = "True once the user agreed; only where no question reaches them."

Action = Literal["accept", "decline", "cancel"]

About = Callable[[], Awaitable[str]]

ANSWER_SECONDS = 600.0
"""Who has not answered by then was not there."""

SHOWN_CHARACTERS = 400

NOTHING_TO_FILL_IN: dict[str, Any] = {"type": "object", "properties": {}}


async def confirm(
    call: Call, context: Context[Any, Any], *, given: bool, about: About | None = None
) -> InputRequiredResult | None:
    """Have a destructive call agreed to, by the client's user where they can be asked.

    A client that shows questions is asked however the model set its argument, for the model is
    not the user. Where it showed one and nobody answered, the argument counts for that call.

    Args:
        given: Whether the model set the argument.
        about: Says what the call's arguments mean to a person; asked only if they are.

    Returns:
        None when the call may go on; otherwise the question, in the era in which the client
        calls again with its answer.

    Raises:
        RefusedError: The user said no, or nobody was asked.
        ItermMcpError: What `about` raises: what is not there need not be asked about.
    """
    client = call.client
    if call.confirm == "never":
        call.confirmed = "policy"
        return None
    question = _digest(call)
    if given and (not _shows_questions(context) or question in client.unanswered):
        call.confirmed = "argument"
        return None
    if not _shows_questions(context):
        raise RefusedError(
            f"{call.tool} cannot be undone, and this client shows its user no questions",
            hint="If the user asked for this, or agrees now, call again with confirm=true.",
            code="unconfirmed",
        )
    modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
    answer = (context.input_responses or {}).get(ARGUMENT) if modern else None
    if isinstance(answer, ElicitResult) and context.request_state == question:
        action: Action = answer.action
    else:
        request = ElicitRequestFormParams(
            message=_wording(call, "" if about is None else await about()),
            requested_schema=NOTHING_TO_FILL_IN,
        )
        if modern:
            return InputRequiredResult(
                input_requests={ARGUMENT: ElicitRequest(params=request)}, request_state=question
            )
        action = await _ask(context, request)
    if action == "accept":
        client.unanswered.pop(question, None)
        call.confirmed = "user"
        return None
    if action == "decline":
        raise RefusedError(
            f"the user was asked, and does not want {call.tool} to happen",
            hint="Leave it as it is, and ask them what they want instead.",
            code="declined",
        )
    client.note_unanswered(question)
    raise RefusedError(
        f"{call.tool} cannot be undone; the user was asked, and did not answer",
        hint="If they asked for it all the same, call again with confirm=true.",
        code="unconfirmed",
    )


def _shows_questions(context: Context[Any, Any]) -> bool:
    declared = context.client_capabilities
    asks = declared and declared.elicitation
    if not asks or (asks.url is not None and asks.form is None):
        return False
    modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
    return modern or context.session.can_send_request


async def _ask(context: Context[Any, Any], request: ElicitRequestFormParams) -> Action:
    """Ask in the era in which a server may ask; what goes wrong is no answer."""
    with anyio.move_on_after(ANSWER_SECONDS):
        try:
            answer = await context.session.elicit_form(
                request.message, request.requested_schema, related_request_id=context.request_id
            )
        except (MCPError, ValueError):
            return "cancel"
        action: Action = answer.action
        return action
    return "cancel"


def _wording(call: Call, about: str) -> str:
    """Say what would happen, in words that the model's arguments cannot turn around."""
    values = ", ".join(
        f"{name}={json.dumps(value)}" for name, value in call.arguments.items() if name != ARGUMENT
    )
    cut = values if len(values) <= SHOWN_CHARACTERS else f"{values[:SHOWN_CHARACTERS]}…"
    return untrusted.sanitise(
        f"{call.title}: {call.tool}({cut}){about and f' - {about}'}. "
        "This cannot be undone. Shall it happen?"
    )


def _digest(call: Call) -> str:
    arguments = {name: value for name, value in call.arguments.items() if name != ARGUMENT}
    text = json.dumps([call.tool, arguments], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
