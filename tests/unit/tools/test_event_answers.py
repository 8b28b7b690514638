from __future__ import annotations

from iterm_mcp.tools import event_answers


def test_the_kind_of_an_agent_is_not_taken_for_the_kind_of_an_event() -> None:
    links = {"kind": "claude", "agent": "ada"}
    told = {
        "number": 1, "at": "now", "kind": "ToolEnded", "subject": "", "text": "x",
        "links": links, "payload": {},
    }  # fmt: skip
    assert event_answers.event(told) == {
        "number": 1, "at": "now", "kind": "ToolEnded", "text": "x", "agent_kind": "claude",
        "agent": "ada",
    }  # fmt: skip
