"""The scripted model says what a model would say, and sees what a model would see."""

from __future__ import annotations

from typing import Any

from scripts.acceptance.claude_code import READS, play
from scripts.acceptance.mock_model import LAST_WORDS, ScriptedModel, tool_results
from scripts.acceptance.rig import COMMAND, OUTPUT

OPENED = '{"session_id": "ABC"}'


def conversation(*results: str) -> dict[str, Any]:
    """Return a request that carries these tool results."""
    return {
        "model": "m",
        "tools": [{"name": "any"}],
        "messages": [
            {"role": "user", "content": "go"},
            *(
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "content": [{"type": "text", "text": text}]}
                    ],
                }
                for text in results
            ),
        ],
    }


def called(events: list[tuple[str, dict[str, Any]]]) -> str:
    return str(events[1][1]["content_block"].get("name", ""))


def test_it_opens_then_types_then_reads_until_the_output_is_there() -> None:
    assert play([]) == ("mcp__iterm__open_session", {"name": "acceptance"})
    assert play([OPENED]) == (
        "mcp__iterm__send_text",
        {"session_id": "ABC", "text": COMMAND},
    )
    read = ("mcp__iterm__read_screen", {"session_id": "ABC"})
    assert play([OPENED, "sent"]) == read
    assert play([OPENED, "sent", COMMAND]) == read, "the echo is not the output"
    assert play([OPENED, "sent", OUTPUT]) is None


def test_it_gives_up_when_nothing_opens_or_nothing_comes() -> None:
    assert play(["an error"]) is None
    assert play([OPENED] + ["nothing yet"] * (READS + 1)) is None


def test_a_call_is_streamed_in_the_order_that_the_api_promises() -> None:
    events = ScriptedModel(play).answer(conversation())
    assert [name for name, _ in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert called(events) == "mcp__iterm__open_session"
    assert events[4][1]["delta"]["stop_reason"] == "tool_use"


def test_what_it_is_shown_is_remembered() -> None:
    model = ScriptedModel(play)
    model.answer(conversation(OPENED, "sent", f"$ {OUTPUT}"))
    assert model.results == [OPENED, "sent", f"$ {OUTPUT}"]


def test_without_tools_it_just_says_something() -> None:
    events = ScriptedModel(play).answer({"messages": []})
    assert events[2][1]["delta"]["text"] == LAST_WORDS
    assert events[4][1]["delta"]["stop_reason"] == "end_turn"


def test_a_plain_text_result_counts_as_well() -> None:
    blocks = [{"type": "tool_result", "content": "plain"}, {"type": "text", "text": "no result"}]
    assert tool_results([{"content": blocks}, {"content": "words"}]) == ["plain"]
