"""A local stand-in for Gemini's API: it does what messages order, in the time ordered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scripts.canary.local_model import Json, LocalModel, events, serve_local

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from iterm_mcp.testing.fake_agent.prompts import Call

USAGE = {"promptTokenCount": 1, "candidatesTokenCount": 5, "totalTokenCount": 6}
ADDED = "<session_context>"
"""How what the program itself adds in a person's name begins."""


class GeminiModel(LocalModel):
    """Speaks as Gemini's API does."""

    def reply(self, path: str, request: Json) -> tuple[bytes, str]:
        """Return an answer, as a stream where one is asked for."""
        if "countTokens" in path:
            return b'{"totalTokens": 6}', "application/json"
        if "alt=sse" not in path:  # a side question, such as which model should answer
            return json.dumps(answer("{}")).encode(), "application/json"
        call, text = self.play(*read_contents(request.get("contents", [])))
        return events([f"data: {json.dumps(answer(text, call))}\r\n\r\n"])


def read_contents(contents: list[Json]) -> tuple[list[str], int]:
    """Return what persons said, and how many tools were used since the last of it."""
    said: list[str] = []
    used = 0
    for one in contents:
        if one.get("role") != "user":
            continue
        parts = one.get("parts", [])
        used += sum("functionResponse" in part for part in parts)
        texts = [str(part.get("text", "")) for part in parts]
        if text := "".join(one for one in texts if not one.startswith(ADDED)):
            said.append(text)
            used = 0
    return said, used


def answer(text: str, call: Call | None = None) -> Json:
    """Return an answer of the model: a text, or the call of a shell."""
    part: Json = {"text": text}
    if call is not None:
        arguments = {"command": call.detail, "description": "as ordered"}
        part = {"functionCall": {"name": "run_shell_command", "args": arguments}}
    return {
        "candidates": [
            {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": USAGE,
        "modelVersion": "scripted",
    }


def serve_gemini() -> AbstractContextManager[GeminiModel]:
    """Serve it on a free loopback port for the length of the block."""
    return serve_local(GeminiModel())
