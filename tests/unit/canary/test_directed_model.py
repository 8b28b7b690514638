"""The model of the drift canary: it does what the last prompt orders, a tool a request."""

from __future__ import annotations

from typing import Any

from scripts.canary.directed_model import orders, play

from iterm_mcp.testing.fake_agent.steps import Step

TOOL = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "done"}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def user(*blocks: object) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: object) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def test_only_the_last_prompts_orders_count() -> None:
    messages = [user(text("[[work 9]]")), assistant(text("ok")), user(text("[[say hi]]"))]

    assert orders(messages) == ([Step("say", "hi")], 0)


def test_a_tools_result_brings_the_turn_one_step_on() -> None:
    messages = [user(text("[[tool Bash ls]] [[say hi]]")), assistant(TOOL), user(RESULT)]
    steps, used = orders(messages)

    assert used == 1
    assert play(steps, used) == (None, "hi", 0.0)


def test_what_was_interrupted_is_not_taken_up_again() -> None:
    interruption = text("[Request interrupted by user]")
    messages = [user(text("[[work 60]]"), interruption, text("[[say hi]]"))]

    assert orders(messages) == ([Step("say", "hi")], 0)


def test_reminders_give_no_orders() -> None:
    messages = [
        user(text("<system-reminder>\n[[work 60]]</system-reminder>")),
        {"role": "user", "content": "plain"},
    ]

    assert orders(messages) == ([], 0)


def test_the_next_tool_is_called_after_the_time_that_goes_before_it() -> None:
    steps = [Step("work", "2"), Step("tool", "Bash ls"), Step("work", "3"), Step("ask", "Q? | A")]

    first, second = play(steps, 0), play(steps, 1)

    assert first[0]
    assert (first[0][0]["name"], first[2]) == ("Bash", 2.0)
    assert second[0]
    assert (second[0][0]["name"], second[2]) == ("AskUserQuestion", 3.0)
