"""A talk with an app-server that does what is hard to have a real one do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from iterm_mcp.agents import agent_requests
from iterm_mcp.agents.account import lines_of
from iterm_mcp.agents.codex_protocol import ENDED_TURNS, METHOD_NOT_FOUND, AppServerTalk
from iterm_mcp.agents.kind import StartRequest
from iterm_mcp.errors import AgentError, AgentGoneError
from iterm_mcp.models.observations import Fact, Json, Sighting

if TYPE_CHECKING:
    from collections.abc import Mapping

THREAD = "t1"


class Server:
    """Answers by a table: method to result, error, or a function of the parameters."""

    complaints = "its last words"
    pid = 1

    def __init__(self, **answers: object) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.sightings: list[Sighting] = []
        self.asked = anyio.Event()
        self.answers: dict[str, object] = {
            "initialize": {},
            "thread/start": {"thread": {"id": THREAD}, "model": "gpt-5"},
            **{name.replace("_", "/"): answer for name, answer in answers.items()},
        }
        self.talk = AppServerTalk(self.sightings.append)
        self.talk.process = self  # type: ignore[assignment]

    def send(self, message: Mapping[str, Any]) -> None:
        self.sent.append(message)
        if message.get("method") == "turn/start":
            self.asked.set()
        answer = self.answers.get(str(message.get("method")))
        if answer is None or "id" not in message:
            return
        if callable(answer):
            answer = answer(message["params"])
        key = "error" if isinstance(answer, dict) and "code" in answer else "result"
        self.talk.take({"id": message["id"], key: answer})  # type: ignore[dict-item]

    async def handed_over(self) -> None:
        pass

    def says(self, method: str, **params: Json) -> None:
        self.talk.take({"method": method, "params": {"threadId": THREAD, **params}})

    def values(self, fact: Fact) -> list[Mapping[str, Json]]:
        return [one.value for one in self.sightings if one.fact is fact]


async def greeted(**answers: object) -> Server:
    server = Server(**answers)
    await server.talk.greet(StartRequest("/p", model="gpt-5", permissions="never"))
    return server


def busy(server: Server, turn: str = "u1") -> None:
    server.says("turn/started", turn={"id": turn, "status": "inProgress"})


async def test_a_thread_is_started_as_it_was_asked_for() -> None:
    server = await greeted()

    started = next(one for one in server.sent if one["method"] == "thread/start")
    assert started["params"] == {"cwd": "/p", "model": "gpt-5", "approvalPolicy": "never"}
    assert server.values(Fact.CONVERSATION) == [{"id": THREAD, "model": "gpt-5"}]


async def test_a_turn_that_ends_before_it_can_be_steered_is_followed_by_one_of_its_own() -> None:
    server = await greeted(
        turn_steer={"code": -32600, "message": "no active turn"}, turn_start={"turn": {"id": "u2"}}
    )
    busy(server)

    await server.talk.tell("m1", "hello")

    methods = [one["method"] for one in server.sent[-2:]]
    assert methods == ["turn/steer", "turn/start"]


async def test_a_turn_that_failed_before_its_message_was_shown_fails_the_message() -> None:
    def fail(_params: Mapping[str, Json]) -> dict[str, Json]:
        server.says("turn/completed", turn={"id": "u1", "status": "failed", "error": None})
        return {"turn": {"id": "u1"}}

    server = await greeted(turn_start=fail)

    await server.talk.tell("m1", "hello")

    assert server.values(Fact.TURN)[-1] == {"phase": "failed", "prompt_id": "u1", "message": "m1"}


async def test_a_refusal_that_is_no_overload_is_told_at_once() -> None:
    server = await greeted(turn_start={"code": -32600, "message": "not today"})

    with pytest.raises(AgentError, match="not today"):
        await server.talk.tell("m1", "hello")


async def test_an_overloaded_server_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iterm_mcp.agents.codex_protocol.ANSWER_SECONDS", 0.0)
    server = await greeted(turn_start={"code": -32001, "message": "overloaded"})

    with pytest.raises(AgentError, match="overloaded"):
        await server.talk.tell("m1", "hello")
    busy(server)
    server.answers["turn/steer"] = {"code": -32001, "message": "overloaded"}
    with pytest.raises(AgentError, match="turn/steer: overloaded"):
        await server.talk.tell("m1", "hello")


async def test_an_interruption_that_comes_too_late_is_none_and_another_refusal_is_told() -> None:
    def too_late(_params: Mapping[str, Json]) -> dict[str, Json]:
        server.says("turn/completed", turn={"id": "u1", "status": "completed"})
        return {"code": -32600, "message": "no such turn is active"}

    server = await greeted(turn_interrupt=too_late)
    busy(server)
    await server.talk.interrupt()

    server.answers["turn/interrupt"] = {"code": -32600, "message": "cannot"}
    busy(server, "u2")
    with pytest.raises(AgentError, match="cannot"):
        await server.talk.interrupt()


async def test_a_server_that_does_not_answer_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_requests, "ANSWER_SECONDS", 0.01)
    server = await greeted()

    with pytest.raises(AgentError, match="did not answer turn/start"):
        await server.talk.tell("m1", "hello")
    server.talk.take({"id": server.sent[-1]["id"], "result": {}})  # nobody waits for it any more


async def test_the_end_of_the_process_ends_every_wait_and_every_dialog() -> None:
    server = await greeted()
    caught: list[AgentGoneError] = []

    async def wait() -> None:
        try:
            await server.talk.tell("m1", "hello")
        except AgentGoneError as error:
            caught.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await server.asked.wait()
        server.talk.gone(3)

    assert "its last words" in caught[0].hint
    assert server.values(Fact.EXIT) == [{"code": 3}]
    with pytest.raises(AgentGoneError):
        await server.talk.tell("m2", "hello")


async def test_what_is_asked_of_no_person_is_refused_and_other_threads_are_not_ours() -> None:
    server = await greeted()
    before = len(server.sightings)

    server.talk.take({"id": 9, "method": "attestation/generate", "params": {}})
    server.talk.take({"method": "turn/started", "params": {"threadId": "another", "turn": {}}})

    assert server.sent[-1]["error"]["code"] == METHOD_NOT_FOUND
    assert len(server.sightings) == before

    def broken(_message: Mapping[str, Any]) -> None:
        raise AgentGoneError("gone")

    server.send = broken  # type: ignore[assignment,method-assign]
    server.talk.take({"id": 10, "method": "attestation/generate", "params": {}})


async def test_of_two_questions_the_other_one_stays_open() -> None:
    server = await greeted()
    for number in (1, 2):
        server.talk.take(
            {
                "id": number,
                "method": "item/commandExecution/requestApproval",
                "params": {"threadId": THREAD, "command": f"make {number}"},
            }
        )

    await server.talk.answer("1", "allow")
    assert server.values(Fact.DIALOG)[-1]["id"] == "2"
    server.says("serverRequest/resolved", requestId=1)
    assert server.values(Fact.DIALOG)[-1]["id"] == "2"
    server.says("serverRequest/resolved", requestId=2)
    assert server.values(Fact.DIALOG)[-1] == {}


async def test_what_is_remembered_of_turns_is_bounded() -> None:
    server = await greeted()
    for number in range(ENDED_TURNS + 20):
        server.says("turn/completed", turn={"id": f"u{number}", "status": "completed"})

    assert len(server.talk._ended) == ENDED_TURNS


def test_last_words_are_for_people() -> None:
    command: Json = {"type": "commandExecution", "command": "make", "aggregatedOutput": "ok\n"}

    assert lines_of(command) == ["$ make", "ok"]
    assert lines_of({"type": "agentMessage", "text": "a\nb"}) == ["a", "b"]
    assert lines_of({"type": "webSearch"}) == ["(webSearch)"]
    assert lines_of({"type": "userMessage"}) == lines_of(None) == []


async def test_errors_and_answers_stand_in_the_last_words() -> None:
    server = await greeted()
    server.says("error", error={"message": "no"}, willRetry=True)
    server.says("item/completed", item={"type": "agentMessage", "text": "well"})

    assert server.talk.tail(1) == ("well",)
    assert "no" in server.talk.tail(2)[0]
    assert server.talk.tail(0) == ()
