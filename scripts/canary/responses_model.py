"""A local stand-in for OpenAI's responses API: it does what messages order, in the time ordered."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from scripts.canary.local_model import Json, LocalModel, events, serve_local

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from iterm_mcp.testing.fake_agent.prompts import Call

USAGE = {
    "input_tokens": 1,
    "input_tokens_details": None,
    "output_tokens": 5,
    "output_tokens_details": None,
    "total_tokens": 6,
}
ADDED = ("<", "# AGENTS.md")
"""How what the program itself adds in a person's name begins."""


class ResponsesModel(LocalModel):
    """Speaks as OpenAI's responses API does."""

    def reply(self, path: str, request: Json) -> tuple[bytes, str]:
        """Return a stream of events; a request without tools asks for a title or the like."""
        del path
        said, used = read_input(request.get("input", []))
        call, text = self.play(said, used) if request.get("tools") else (None, "ok")
        lines = answer_events(text, call)
        return events([f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in lines])


def read_input(items: list[Json]) -> tuple[list[str], int]:
    """Return what persons said, and how many tools were used since the last of it."""
    said: list[str] = []
    used = 0
    for item in items:
        if item.get("type") == "function_call_output":
            used += 1
        elif item.get("role") == "user":
            text = "".join(str(block.get("text", "")) for block in item.get("content", []))
            if not text.startswith(ADDED):
                said.append(text)
                used = 0
    return said, used


def answer_events(text: str, call: Call | None = None) -> list[Json]:
    """Return the events of one answer: a text, or the call of a shell that asks first."""
    number = time.monotonic_ns()
    item: dict[str, Any] = {
        "type": "message",
        "id": f"msg_{number}",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text}],
    }
    if call is not None:
        arguments: Json = {"cmd": call.detail}
        if call.asks:
            arguments |= {"sandbox_permissions": "require_escalated", "justification": "ordered"}
        item = {
            "type": "function_call",
            "id": f"fc_{number}",
            "call_id": f"call_{number}",
            "name": "exec_command",
            "arguments": json.dumps(arguments),
        }
    return [
        {"type": "response.created", "response": {"id": f"resp_{number}"}},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"id": f"resp_{number}", "usage": USAGE}},
    ]


def serve_responses() -> AbstractContextManager[ResponsesModel]:
    """Serve it on a free loopback port for the length of the block."""
    return serve_local(ResponsesModel(), "/v1")
