"""A model that does what messages order, in the fake agent's own grammar."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.acceptance.mock_model import ScriptedModel, message_events, serve_model

from iterm_mcp.testing.fake_agent.prompts import Question, make_call
from iterm_mcp.testing.fake_agent.steps import Step, in_message

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from scripts.acceptance.mock_model import Event

    from iterm_mcp.testing.fake_agent.prompts import Call

INTERRUPTED = "[Request interrupted by user"
TOOL_VERBS = {"tool", "ask", "background"}
REMINDER = "<system-reminder>"


@dataclass
class DirectedModel(ScriptedModel):
    """Plays the orders of the prompt that came last, a tool a request."""

    def answer(self, request: dict[str, Any]) -> list[Event]:
        """Return the events of the next answer, after the time that was ordered."""
        model = str(request.get("model", "scripted"))
        call, text = None, "ok"
        if request.get("tools"):
            steps, used = orders(request.get("messages", []))
            call, text, seconds = play(steps, used)
            time.sleep(seconds)
        if call is None:
            words = {"type": "text_delta", "text": text}
            return message_events(model, {"type": "text", "text": ""}, words, "end_turn")
        return message_events(model, *call, "tool_use")


def orders(messages: list[dict[str, Any]]) -> tuple[list[Step], int]:
    """Return the orders of what was asked last, and how many tools were used since."""
    text, used = "", 0
    for message in messages:
        content = message.get("content")
        blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
        if message.get("role") == "assistant":
            calls = [one for one in blocks if one.get("type") == "tool_use"]
            text, used = (text, used) if calls else ("", 0)
        elif message.get("role") == "user":
            for block in blocks:
                used += block.get("type") == "tool_result"
                said = str(block.get("text") or "")
                if said.startswith(INTERRUPTED):
                    text, used = "", 0
                elif not said.startswith(REMINDER):
                    text += said
    return in_message(text), used


def play(
    steps: list[Step], used: int
) -> tuple[tuple[dict[str, Any], dict[str, Any]] | None, str, float]:
    """Return the next tool call, or what is said, and the seconds that go before it."""
    call, text, seconds = next_order(steps, used)
    if call is None:
        return None, text, seconds
    call_id = f"toolu_{time.monotonic_ns()}_{used}"
    block = {"type": "tool_use", "id": call_id, "name": call.tool, "input": {}}
    delta = {"type": "input_json_delta", "partial_json": json.dumps(call.input)}
    return (block, delta), text, seconds


def next_order(steps: list[Step], used: int) -> tuple[Call | None, str, float]:
    """Return the call of the next tool, or what is said, and the seconds that go before it."""
    text, seconds, tools = "ok", 0.0, 0
    for step in steps:
        if step.verb in TOOL_VERBS:
            tools += 1
            if tools > used:
                return _call(step), "", seconds
            seconds = 0.0
        elif step.verb == "work":
            seconds += step.number(1.0)
        elif step.verb == "say":
            text = step.argument
    return None, text, seconds


def _call(step: Step) -> Call:
    if step.verb == "ask":
        words, *choices = [part.strip() for part in step.argument.split("|")]
        return Question(words, choices).call
    if step.verb == "background":
        call = make_call(f"Bash {step.rest()}")
        call.input["run_in_background"] = True
        return call
    return make_call(step.argument)


def serve() -> AbstractContextManager[DirectedModel]:
    """Serve it on a free loopback port for the length of the block."""
    return serve_model(DirectedModel(lambda _results: None))
