"""What a local stand-in for Gemini's API understands, and answers."""

from __future__ import annotations

import json

from scripts.canary.gemini_model import GeminiModel, answer, read_contents

from iterm_mcp.testing.fake_agent.prompts import make_call

CONTEXT = {"text": "<session_context>\nToday is Saturday."}


def test_the_first_order_stands_beside_the_context_and_results_are_counted() -> None:
    first = {"role": "user", "parts": [CONTEXT, {"text": "[[say hi]]"}]}
    result = {"role": "user", "parts": [{"functionResponse": {"name": "run_shell_command"}}]}

    assert read_contents([first]) == (["[[say hi]]"], 0)
    assert read_contents([first, {"role": "model", "parts": []}, result]) == (["[[say hi]]"], 1)


def test_a_tool_is_a_shell_and_a_text_is_a_text() -> None:
    call = answer("", make_call("Bash make"))["candidates"][0]["content"]["parts"][0]

    assert call["functionCall"]["args"]["command"] == "make"
    assert answer("hi")["candidates"][0]["content"]["parts"] == [{"text": "hi"}]


def test_side_questions_are_no_prompts() -> None:
    model = GeminiModel()
    request = {"contents": [{"role": "user", "parts": [{"text": "[[say hi]]"}]}]}

    tokens = model.reply("/v1/models/x:countTokens", request)[0]
    model.reply("/v1/models/x:generateContent", request)
    before = list(model.prompts)
    streamed = model.reply("/v1/models/x:streamGenerateContent?alt=sse", request)

    assert json.loads(tokens) == {"totalTokens": 6}
    assert (before, model.prompts) == ([], ["[[say hi]]"])
    assert streamed[1] == "text/event-stream"
