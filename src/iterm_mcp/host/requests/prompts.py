"""GetPrompt and ListPrompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host import prompt_messages, wire

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows


async def get_prompt(context: Context, request: wire.GetPromptRequest) -> wire.GetPromptResponse:
    """Return the last prompt, or the one of an id."""
    status = wire.GetPromptResponse.Status
    found = context.world.select(request.session)
    if not found:
        return wire.GetPromptResponse(status=status.SESSION_NOT_FOUND)
    prompts = found[0].prompts()
    if request.HasField("unique_prompt_id"):
        prompts = [one for one in prompts if one.prompt_id == request.unique_prompt_id]
    if not prompts:
        return wire.GetPromptResponse(status=status.PROMPT_UNAVAILABLE)
    return prompt_messages.describe(found[0], prompts[-1])


async def list_prompts(
    context: Context, request: wire.ListPromptsRequest
) -> wire.ListPromptsResponse:
    """Return the ids of the prompts from one to another, oldest first.

    An unknown first one has none after it; after an unknown last one come all.
    """
    status = wire.ListPromptsResponse.Status
    found = context.world.select(request.session)
    if not found:
        return wire.ListPromptsResponse(status=status.SESSION_NOT_FOUND)
    ids = [one.prompt_id for one in found[0].prompts()]
    if request.HasField("first_unique_id"):
        first = request.first_unique_id
        ids = ids[ids.index(first) :] if first in ids else []
    if request.HasField("last_unique_id") and request.last_unique_id in ids:
        ids = ids[: ids.index(request.last_unique_id) + 1]
    return wire.ListPromptsResponse(status=status.OK, unique_prompt_id=ids)


ROWS: Rows = {"get_prompt_request": get_prompt, "list_prompts_request": list_prompts}
