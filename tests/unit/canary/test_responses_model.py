"""What a local stand-in for OpenAI's responses API understands, and answers."""

from __future__ import annotations

import json

from scripts.canary.responses_model import ResponsesModel, answer_events, read_input

from iterm_mcp.testing.fake_agent.prompts import make_call


def person(text: str) -> dict[str, object]:
    return {"role": "user", "content": [{"type": "input_text", "text": text}]}


SAID = {"role": "assistant", "content": [{"type": "output_text", "text": "ok"}]}
USED = {"type": "function_call_output", "output": "done"}


def test_what_persons_said_is_told_from_what_the_program_adds_and_used_tools_are_counted() -> None:
    added = person("<environment_context>\n</environment_context>")

    assert read_input([added, person("first"), SAID, person("second"), USED]) == (
        ["first", "second"], 1
    )  # fmt: skip
    assert read_input([person("first"), USED, person("second")]) == (["first", "second"], 0)
    assert read_input([]) == ([], 0)


def test_an_answer_comes_whole_and_ends() -> None:
    events = answer_events("hi")

    assert [one["type"] for one in events][::2] == ["response.created", "response.completed"]
    assert events[1]["item"]["content"][0]["text"] == "hi"
    assert events[0]["response"]["id"] == events[2]["response"]["id"]


def test_a_tool_is_a_command_that_asks() -> None:
    item = answer_events("", make_call("Bash touch x"))[1]["item"]

    arguments = json.loads(item["arguments"])
    assert (item["name"], arguments["cmd"]) == ("exec_command", "touch x")
    assert arguments["sandbox_permissions"] == "require_escalated"


def test_what_it_was_told_is_kept_once_for_each_time_it_was_said() -> None:
    model = ResponsesModel()
    first = {"input": [person("one [[say hi]]")], "tools": [{}]}
    second = {"input": [person("one [[say hi]]"), SAID, person("[[tool Bash make]]")], "tools": [1]}

    answers = [model.reply("/responses", one)[0].decode() for one in (first, second, second)]

    assert model.prompts == ["one [[say hi]]", "[[tool Bash make]]"]
    assert '"hi"' in answers[0]
    assert "exec_command" in answers[1]
    assert "exec_command" not in model.reply("/responses", {"input": second["input"]})[0].decode()
