from __future__ import annotations

from scripts.canary.responses_model import answer_events, last_text


def test_only_what_the_person_said_last_is_answered() -> None:
    request = {
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "[[work 9]]"}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "ok"}]},
            {"role": "user", "content": [{"type": "input_text", "text": "[[say hi]]"}]},
        ]
    }

    assert last_text(request) == "[[say hi]]"
    assert last_text({}) == ""


def test_an_answer_comes_whole_and_ends() -> None:
    events = answer_events("hi")

    assert [one["type"] for one in events][::2] == ["response.created", "response.completed"]
    assert events[1]["item"]["content"][0]["text"] == "hi"
    assert events[0]["response"]["id"] == events[2]["response"]["id"]
