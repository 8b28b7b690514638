"""Nothing that cannot be had back is ended without a person's word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mcp.shared.exceptions import MCPError
from mcp.types import (
    ElicitResult,
    ErrorData,
    InputRequiredResult,
    InputResponses,
)
from tests.unit.tools.ruled import Ruled, User

from iterm_mcp.tools import confirming
from iterm_mcp.tools.clients import MAX_UNANSWERED, Rules

if TYPE_CHECKING:
    from mcp.client import ClientRequestContext
    from mcp.types import ElicitRequestParams

ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])


@ERAS
async def test_where_nobody_can_be_asked_the_model_has_to_say_so(mode: str) -> None:
    ruled = Ruled(Rules())
    async with ruled.caller(mode) as caller:
        refusal = await caller.refusal("end_thing", thing="a")
        assert refusal["code"] == "unconfirmed"
        assert "confirm=true" in refusal["hint"]
        assert ruled.toys.ended == []
        await caller.text("end_thing", thing="a", confirm=True)
    assert ruled.toys.ended == ["a"]
    assert [entry.get("confirmed") for entry, _ in ruled.heard.entries] == [None, "argument"]


@ERAS
@pytest.mark.parametrize("given", [False, True])
async def test_where_somebody_can_be_asked_they_are_whatever_the_model_says(
    mode: str, *, given: bool
) -> None:
    ruled, user = Ruled(Rules()), User("accept", "decline")
    async with ruled.caller(mode, user=user) as caller:
        await caller.text("end_thing", thing="a", confirm=given)
        refusal = await caller.refusal("end_thing", thing="b", confirm=given)
    assert refusal["code"] == "declined"
    assert "confirm" not in refusal["hint"]
    assert ruled.toys.ended == ["a"]
    assert 'End thing: end_thing(thing="a")' in user.questions[0]
    assert "cannot be undone" in user.questions[0]


@ERAS
async def test_a_person_is_told_what_the_arguments_mean(mode: str) -> None:
    ruled, user = Ruled(Rules()), User("accept")
    async with ruled.caller(mode, user=user) as caller:
        await caller.text("end_thing", thing="a")
        refusal = await caller.refusal("end_thing", thing="nothing")
    assert "the thing called a. This cannot be undone." in user.questions[0]
    assert (refusal["code"], len(user.questions)) == ("thing_not_found", 1)


@ERAS
async def test_a_no_stays_one_however_the_model_asks_again(mode: str) -> None:
    ruled, user = Ruled(Rules()), User("decline", "decline")
    async with ruled.caller(mode, user=user) as caller:
        await caller.refusal("end_thing")
        assert (await caller.refusal("end_thing", confirm=True))["code"] == "declined"
    assert ruled.toys.ended == []


@ERAS
async def test_where_the_question_is_not_answered_the_argument_counts_for_that_call_alone(
    mode: str,
) -> None:
    ruled, user = Ruled(Rules()), User("cancel", "cancel", "accept")
    async with ruled.caller(mode, user=user) as caller:
        refusal = await caller.refusal("end_thing", thing="a")
        assert refusal["code"] == "unconfirmed"
        assert "confirm=true" in refusal["hint"]
        await caller.refusal("end_thing", thing="b", confirm=True)
        await caller.text("end_thing", thing="a", confirm=True)
        await caller.text("end_thing", thing="b")
    assert ruled.toys.ended == ["a", "b"]
    assert len(user.questions) == 3


@ERAS
async def test_a_policy_may_be_not_to_ask(mode: str) -> None:
    ruled, user = Ruled(Rules(confirm="never")), User()
    async with ruled.caller(mode, user=user) as caller:
        await caller.text("end_thing")
        await caller.text("end_all")
    assert ruled.toys.ended == ["it"]
    assert ruled.toys.agreed == [False]
    assert {entry["confirmed"] for entry, _ in ruled.heard.entries} == {"policy"}


@ERAS
async def test_a_tool_with_an_argument_of_its_own_hears_of_the_yes(mode: str) -> None:
    ruled = Ruled(Rules())
    async with ruled.caller(mode, user=User("accept")) as caller:
        await caller.text("end_all")
    async with ruled.caller(mode) as caller:
        await caller.refusal("end_all")
        await caller.text("end_all", confirm=True)
    assert ruled.toys.agreed == [True, True]


@ERAS
async def test_what_is_ended_through_another_tool_is_asked_about_too(mode: str) -> None:
    ruled, user = Ruled(Rules()), User("accept")
    async with ruled.caller(mode, user=user) as caller:
        await caller.text("more_tools", name="end_thing", arguments={"thing": "a"})
        assert (await caller.refusal("more_tools", name="dig", arguments={}))["code"]
    assert ruled.toys.ended == ["a"]
    assert "end_thing" in user.questions[0]


@ERAS
async def test_the_question_shows_what_was_given_and_cannot_be_turned_around(mode: str) -> None:
    ruled, user = Ruled(Rules()), User("decline")
    async with ruled.caller(mode, user=user) as caller:
        await caller.refusal("end_thing", thing="\x1b[2J\u202e<system>", text="x" * 900)
    (question,) = user.questions
    assert "\x1b" not in question
    assert "\u202e" not in question
    assert "<system" not in question
    assert len(question) < confirming.SHOWN_CHARACTERS + 100
    assert "…" in question


@ERAS
async def test_a_client_that_fails_to_ask_was_not_answered(mode: str) -> None:
    async def fail(_context: ClientRequestContext, _params: ElicitRequestParams) -> ErrorData:
        return ErrorData(code=-1, message="no screen")

    ruled, user = Ruled(Rules()), User()
    user.ask = fail  # type: ignore[method-assign,assignment]  # a client without a screen
    async with ruled.caller(mode, user=user) as caller:
        if mode == "auto":  # the client itself gives up, and calls no more
            with pytest.raises(MCPError):
                await caller.raw("end_thing")
        else:
            assert (await caller.refusal("end_thing"))["code"] == "unconfirmed"
    assert ruled.toys.ended == []


async def test_who_does_not_answer_was_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirming, "ANSWER_SECONDS", 0)
    ruled, user = Ruled(Rules()), User("accept")
    async with ruled.caller("legacy", user=user) as caller:
        assert (await caller.refusal("end_thing"))["code"] == "unconfirmed"


async def test_a_yes_to_one_call_is_none_to_another() -> None:
    ruled, user = Ruled(Rules()), User()
    async with ruled.caller("auto", user=user) as caller:
        session = caller.client.session
        question = await session.call_tool("end_thing", {"thing": "a"}, allow_input_required=True)
        assert isinstance(question, InputRequiredResult)
        yes: InputResponses = {"confirm": ElicitResult(action="accept")}
        with pytest.raises(MCPError):  # the SDK binds its seal to the arguments
            await session.call_tool(
                "end_thing",
                {"thing": "b"},
                input_responses=yes,
                request_state=question.request_state,
                allow_input_required=True,
            )
        again = await session.call_tool(
            "end_thing", {"thing": "a"}, input_responses=yes, allow_input_required=True
        )
        assert isinstance(again, InputRequiredResult)
    assert ruled.toys.ended == []
    assert ruled.heard.outcomes() == ["end_thing asked", "end_thing asked"]


def test_a_client_remembers_so_many_questions() -> None:
    client = Ruled(Rules()).clients.connect("unix")
    for number in range(MAX_UNANSWERED + 5):
        client.note_unanswered(str(number))
    assert list(client.unanswered) == [str(number) for number in range(5, MAX_UNANSWERED + 5)]
