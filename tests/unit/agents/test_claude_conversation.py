"""What a conversation in stream-json tells on, from the messages that come."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from iterm_mcp.agents.claude_protocol import ClaudeConversation
from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.observations import Json, Sighting


class Pipe:
    """Takes what is sent, in place of a process."""

    complaints = ""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Json]] = []

    def send(self, message: Mapping[str, Json]) -> None:
        self.sent.append(message)

    async def handed_over(self) -> None:
        pass


class Talk:
    """A conversation without a process."""

    def __init__(self) -> None:
        self.seen: list[Sighting] = []
        self.pipe = Pipe()
        self.talk = ClaudeConversation(self.seen.append)
        self.talk.process = self.pipe  # type: ignore[assignment]

    def told(self, fact: Fact) -> list[dict[str, Any]]:
        return [{**one.value} for one in self.seen if one.fact is fact]

    def asks(self, request_id: str, command: str) -> None:
        request: dict[str, Json] = {
            "subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": command},
        }  # fmt: skip
        self.talk.take({"type": "control_request", "request_id": request_id, "request": request})


async def test_two_requests_at_once_are_shown_one_after_the_other() -> None:
    talk = Talk()
    talk.asks("r1", "one")
    talk.asks("r2", "two")

    await talk.talk.answer("r2", "allow")
    await talk.talk.answer("r1", "deny")

    assert [one.get("id") for one in talk.told(Fact.DIALOG)] == ["r1", "r2", "r1", None]
    assert talk.told(Fact.ACTIVITY)[-1] == {"is": "busy"}


def test_a_request_that_the_agent_takes_back_stands_no_more() -> None:
    talk = Talk()
    talk.asks("r1", "one")

    talk.talk.take({"type": "control_cancel_request", "request_id": "r1"})
    talk.talk.take({"type": "control_cancel_request", "request_id": "unknown"})

    assert talk.told(Fact.DIALOG)[-1] == {}
    assert len(talk.told(Fact.DIALOG)) == 2  # a level is told when it changes


def test_the_end_of_a_turn_ends_its_requests() -> None:
    talk = Talk()
    talk.asks("r1", "one")

    talk.talk.take({"type": "result", "subtype": "error_during_execution", "is_error": True})

    assert talk.told(Fact.DIALOG)[-1] == {}
    assert talk.told(Fact.ACTIVITY)[-1] == {"is": "idle"}


async def test_a_message_keeps_the_senders_id_whatever_form_it_has() -> None:
    talk = Talk()
    own = str(uuid.uuid4())
    await talk.talk.tell("delivery-7", "hello")
    await talk.talk.tell(own, "hello")

    sent = [str(one["uuid"]) for one in talk.pipe.sent]
    for name in sent:
        talk.talk.take({"type": "command_lifecycle", "command_uuid": name, "state": "queued"})

    assert sent[1] == own
    assert str(uuid.UUID(sent[0])) == sent[0]
    assert [one["message"] for one in talk.told(Fact.TURN)] == ["delivery-7", own]


async def test_of_very_many_messages_the_oldest_ids_are_forgotten() -> None:
    talk = Talk()
    for number in range(1100):
        await talk.talk.tell(f"m{number}", "hello")

    for sent in (talk.pipe.sent[0], talk.pipe.sent[-1]):
        talk.talk.take(
            {"type": "command_lifecycle", "command_uuid": sent["uuid"], "state": "started"}
        )

    assert [one["message"] for one in talk.told(Fact.TURN)] == [talk.pipe.sent[0]["uuid"], "m1099"]


@pytest.mark.parametrize("text", ["/compact", "!ls", "", "a\x1b"])
async def test_a_text_that_is_no_order_is_not_sent(text: str) -> None:
    talk = Talk()

    with pytest.raises(InvalidRequestError):
        await talk.talk.tell("m", text)

    assert talk.pipe.sent == []


def test_messages_of_no_form_are_passed_over() -> None:
    talk = Talk()
    messages: list[dict[str, Any]] = [
        {"type": "control_response"}, {"type": "control_response", "response": {"request_id": "?"}},
        {"type": "control_request", "request_id": 7, "request": {"subtype": "can_use_tool"}},
        {"type": "control_request", "request": {"subtype": "hook_callback"}},
    ]  # fmt: skip

    for message in messages:
        talk.talk.take(message)

    assert talk.told(Fact.TURN) == []
