"""Conversations that a later process takes up from what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iterm_mcp.agents.claude import Claude
from iterm_mcp.agents.claude_protocol import as_uuid, message_id_of
from iterm_mcp.agents.codex import Codex
from iterm_mcp.agents.headless import Headless
from iterm_mcp.agents.kind import Installed, StartRequest, Transport
from iterm_mcp.errors import ConflictError, InvalidRequestError
from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.agents.driver import Talk
    from iterm_mcp.models.observations import Json, Sighting

OURS = "d-0123456789abcdef"
FEATURES = frozenset({"stream_json", "app_server", "session_id", "resume", "permission_mode"})
PROGRAM = Installed("/bin/it", "1", FEATURES)


class Voice:
    """A voice that nobody hears."""

    pid = 7
    complaints = "oh"

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.finished = False

    def send(self, message: Mapping[str, Json]) -> None:
        self.sent.append(message)

    async def handed_over(self) -> None:
        pass

    async def wait_ended(self) -> None:
        pass

    def finish(self) -> None:
        self.finished = True

    async def stop(self, grace_seconds: float) -> None:
        del grace_seconds
        self.finish()


class Taken:
    """A conversation of a kind, and what it tells."""

    def __init__(self, kind: str) -> None:
        driver = (Claude() if kind == "claude" else Codex()).driver()
        self.seen: list[Sighting] = []
        self.voice = Voice()
        self.talk: Talk = driver.talk(self.seen.append, "/p", {"HOME": "/h"})
        self.talk.process = self.voice

    def told(self, fact: Fact) -> list[dict[str, Any]]:
        return [{**one.value} for one in self.seen if one.fact is fact]


def test_the_id_of_a_delivery_can_be_read_from_the_uuid_that_claude_code_is_given() -> None:
    name = as_uuid(OURS)

    assert name == "01234567-89ab-4cde-8f6d-697465726d63"
    assert message_id_of(name) == OURS
    assert message_id_of(as_uuid("another")) == as_uuid("another")


def test_claude_code_is_idle_once_it_has_answered_and_tells_of_a_former_processes_message() -> None:
    taken = Taken("claude")
    taken.talk.sent({"type": "control_request", "request_id": "opening"})
    taken.talk.take({"type": "control_response", "response": {"request_id": "opening"}})
    taken.talk.sent({"type": "user", "uuid": as_uuid(OURS), "message": {}})
    for state in ("queued", "started", "completed"):
        lifecycle = {"type": "command_lifecycle", "command_uuid": as_uuid(OURS), "state": state}
        taken.talk.take({**lifecycle})

    assert taken.told(Fact.ACTIVITY)[0] == {"is": "idle"}
    assert [one["message"] for one in taken.told(Fact.TURN)] == [OURS] * 3
    assert taken.talk.was_told(OURS)
    assert not taken.talk.was_told("d-ffffffffffffffff")


async def test_a_request_that_a_former_process_answered_waits_no_more() -> None:
    taken = Taken("claude")
    request: dict[str, Json] = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {}}
    for request_id in ("r1", "r2"):
        asked: dict[str, Json] = {
            "type": "control_request", "request_id": request_id, "request": request,
        }  # fmt: skip
        taken.talk.take(asked)
    taken.talk.sent({"type": "control_response", "response": {"request_id": "r1"}})
    taken.talk.sent({"type": "control_response", "response": {"request_id": "r1"}})

    with pytest.raises(ConflictError):
        await taken.talk.answer("r1", "allow")
    await taken.talk.answer("r2", "deny", "not here")

    assert [one.get("id") for one in taken.told(Fact.DIALOG)] == ["r1", "r2", None]
    assert taken.voice.sent[0]["response"]["response"]["message"] == "not here"


def test_where_its_transcript_stands_is_told_with_the_conversation() -> None:
    taken = Taken("claude")

    taken.talk.take({"type": "system", "subtype": "init", "session_id": "abc"})

    (told,) = taken.told(Fact.CONVERSATION)
    assert told["transcript"] == "/h/.claude/projects/-p/abc.jsonl"


def opened() -> Taken:
    """Return a Codex whose thread has been begun."""
    taken = Taken("codex")
    for message in Codex().driver().opening(StartRequest("/p")):
        taken.talk.sent(message)
    taken.talk.take({"id": "opening", "result": {}})
    taken.talk.take({"id": "thread", "result": {"thread": {"id": "t", "path": "/r"}}})
    return taken


def test_codex_is_idle_once_its_thread_has_begun() -> None:
    taken = opened()

    assert taken.told(Fact.CONVERSATION) == [{"id": "t", "transcript": "/r"}]
    assert taken.told(Fact.ACTIVITY) == [{"is": "idle"}]


@pytest.mark.parametrize("request_id", ["opening", "thread"])
def test_a_codex_that_refuses_its_opening_is_of_no_use_and_ends(request_id: str) -> None:
    taken = Taken("codex")

    taken.talk.take({"id": request_id, "error": {"code": -1, "message": "no rollout found"}})

    assert taken.told(Fact.TROUBLE) == [{"what": "refused", "text": "no rollout found"}]
    assert taken.voice.finished


def start(number: int, message_id: str) -> dict[str, Json]:
    params: dict[str, Json] = {"threadId": "t", "clientUserMessageId": message_id}
    return {"id": number, "method": "turn/start", "params": params}


def test_codex_tells_of_the_end_of_a_former_processes_message() -> None:
    taken = opened()
    taken.talk.sent(start(4, OURS))
    taken.talk.take({"id": 4, "result": {"turn": {"id": "u1"}}})
    done: dict[str, Json] = {"threadId": "t", "turn": {"id": "u1", "status": "completed"}}
    taken.talk.take({"method": "turn/completed", "params": done})

    assert taken.told(Fact.TURN)[-1] == {"phase": "ended", "prompt_id": "u1", "message": OURS}
    assert taken.talk.was_told(OURS)


def test_a_message_that_codex_refused_was_not_told() -> None:
    taken = opened()
    taken.talk.sent(start(4, OURS))
    taken.talk.take({"id": 4, "error": {"code": -32001, "message": "overloaded"}})

    assert not taken.talk.was_told(OURS)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(
        st.sampled_from(
            ["threadId", "turn", "id", "item", "type", "status", "error", "thread", "request",
             "subtype", "request_id", "message", "content", "codexErrorInfo", "clientId"]
        ),
        inner,
        max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip
words = st.sampled_from(
    ["turn/started", "turn/completed", "item/started", "item/completed", "error", "thread/started",
     "serverRequest/resolved", "thread/status/changed", "item/tool/requestUserInput",
     "item/commandExecution/requestApproval", "assistant", "system", "result", "control_request",
     "control_response", "command_lifecycle", "control_cancel_request", "opening", "thread"]
)  # fmt: skip
messages = st.dictionaries(
    st.sampled_from(
        ["method", "params", "id", "result", "error", "type", "request", "request_id", "response",
         "message", "subtype", "state", "command_uuid", "user_message_uuids", "is_error"]
    ),
    anything | words,
)  # fmt: skip


def check_is_taken(kind: str, said: list[dict[str, Json]]) -> None:
    taken = Taken(kind)
    for message in said:
        taken.talk.sent(message)
        taken.talk.take(message)
    taken.talk.gone(1)


@pytest.mark.parametrize("kind", ["claude", "codex"])
@given(st.lists(messages, max_size=4))
def test_whatever_an_agent_says_is_taken_without_harm(
    kind: str, said: list[dict[str, Json]]
) -> None:
    check_is_taken(kind, said)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["claude", "codex"])
@given(st.lists(messages, max_size=8))
@settings(max_examples=1000, deadline=None)
def test_much_that_an_agent_says_is_taken_without_harm(
    kind: str, said: list[dict[str, Json]]
) -> None:
    check_is_taken(kind, said)


async def test_of_codex_questions_a_former_answer_counts_and_numbers_go_on() -> None:
    taken = opened()
    asked: dict[str, Json] = {"threadId": "t", "command": "ls"}
    question: dict[str, Json] = {
        "id": 0, "method": "item/commandExecution/requestApproval", "params": asked,
    }  # fmt: skip
    taken.talk.take(question)
    dialog = taken.told(Fact.DIALOG)[-1]["id"]
    taken.talk.sent({"id": 0, "result": {"decision": "accept"}})
    taken.talk.sent(start(41, "m"))

    with pytest.raises(ConflictError):
        await taken.talk.answer(str(dialog), "allow")
    turn: dict[str, Json] = {"threadId": "t", "turn": {"id": "u1", "status": "inProgress"}}
    taken.talk.take({"method": "turn/started", "params": turn})
    taken.talk.gone(0)
    with pytest.raises(Exception, match="ended"):
        await taken.talk.tell("n", "more")

    assert taken.told(Fact.DIALOG)[-1] == {}
    assert taken.voice.sent[-1]["id"] == 42


@pytest.mark.parametrize("kind", [Headless(Claude()), Headless(Codex())], ids=lambda one: one.name)
def test_a_kind_without_a_screen_is_started_to_be_spoken_to(kind: Headless) -> None:
    request = StartRequest("/p", prompt="go", hook_command=("hook",), model="m")
    plan = kind.start(request, PROGRAM)

    assert kind.transports == {Transport.PROTOCOL}
    assert not plan.takes_prompt
    assert "go" not in " ".join([*plan.arguments, *plan.opening])
    assert "hook" not in " ".join(plan.arguments)
    assert kind.recognise((kind.name.partition("-")[0], *plan.arguments))
    assert not kind.recognise((kind.name.partition("-")[0],))
    assert "initialize" in plan.opening[0]
    with pytest.raises(InvalidRequestError):
        kind.start(request, Installed("/bin/it"))


def test_codex_resumes_by_an_id_and_begins_under_none() -> None:
    kind = Headless(Codex())

    resumed = kind.start(StartRequest("/p", conversation="t", resume=True), PROGRAM)

    assert "thread/resume" in resumed.opening[2]
    with pytest.raises(InvalidRequestError, match="chooses"):
        kind.start(StartRequest("/p", conversation="t"), PROGRAM)
