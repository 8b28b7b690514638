"""cascade_message end to end: each agent gets its text in its own shell, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.integration.tool_client import DOORS, Json, ToolClient, open_tools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.homes import Home

TEAMS = {"crew": None, "day": "crew", "early": "day", "other": None}
MEMBERS = {
    "ann": ["crew"],
    "ben": ["day"],
    "cem": ["early"],
    "dana": ["other"],
    "eve": [],
}


class Crew:
    """Five agents in shells of their own, in teams three deep."""

    def __init__(self, tools: ToolClient, ids: dict[str, str]) -> None:
        self.tools = tools
        self.ids = ids
        self._marks = 1000

    async def cascade(self, **arguments: Any) -> Json:  # noqa: ANN401
        return await self.tools.data("cascade_message", **arguments)

    async def says(self, agent: str, line: str) -> None:
        await self.tools.shows(self.ids[agent], line)

    async def heard(self, agent: str) -> list[str]:
        """Return the answers ``42 …`` on a screen, after all typed before has come through."""
        self._marks += 1
        await self.tools.data(
            "send_text", session_id=self.ids[agent], text=f"echo mark $(({self._marks} + 0))"
        )
        lines = await self.tools.shows(self.ids[agent], f"mark {self._marks}")
        return [one.rstrip() for one in lines if one.startswith("42 ")]


async def enlist(tools: ToolClient) -> Crew:
    for name, parent in TEAMS.items():
        await tools.data("create_team", name=name, parent=parent)
    ids = {name: await tools.open(name=name) for name in MEMBERS}
    for name, teams in MEMBERS.items():
        await tools.data("register_agent", name=name, session_id=ids[name], teams=teams)
    return Crew(tools, ids)


@pytest.fixture
async def crew(live_home: Home) -> AsyncIterator[Crew]:
    async with open_tools(live_home) as tools:
        yield await enlist(tools)


def by_agent(answer: Json, what: str) -> dict[str, Any]:
    """Return one field of each receipt; there is one receipt an agent, in order."""
    found = {one["agent"]: one.get(what) for one in answer["receipts"]}
    assert len(found) == len(answer["receipts"]), "one receipt an agent"
    assert list(found) == sorted(found)
    return found


def lasting(answer: Json) -> list[Json]:
    """Return the receipts without what moves on after the typing."""
    moving = {"stage", "evidence"}
    return [
        {key: value for key, value in one.items() if key not in moving}
        for one in answer["receipts"]
    ]


def says(word: str) -> str:
    """Return a command line whose output is not what was typed: ``42 word``."""
    return f"echo $((6 * 7)) {word}"


async def test_the_most_specific_text_wins_and_teams_hand_theirs_down(crew: Crew) -> None:
    answer = await crew.cascade(
        broadcast=says("all"),
        teams={"crew": says("crew"), "day": says("day")},
        agents={"ben": says("ben")},
    )

    expected = {"ann": "crew", "ben": "ben", "cem": "day", "dana": "all", "eve": "all"}
    assert answer["counts"] == {"written": 5}
    assert answer["unreached"] == []
    assert not answer["replayed"]
    assert by_agent(answer, "state") == dict.fromkeys(MEMBERS, "written")
    assert by_agent(answer, "text") == {name: says(word) for name, word in expected.items()}
    assert by_agent(answer, "source") == {
        "ann": "team", "ben": "agent", "cem": "team", "dana": "broadcast", "eve": "broadcast",
    }  # fmt: skip
    assert by_agent(answer, "team") == {
        "ann": "crew", "ben": None, "cem": "day", "dana": None, "eve": None,
    }  # fmt: skip
    assert by_agent(answer, "session_id") == crew.ids
    for name, word in expected.items():
        await crew.says(name, f"42 {word}")
        assert await crew.heard(name) == [f"42 {word}"]


async def test_those_for_whom_there_is_no_text_get_none_and_are_named(crew: Crew) -> None:
    answer = await crew.cascade(teams={"day": says("day")})

    assert list(by_agent(answer, "state")) == ["ben", "cem"]
    assert answer["unreached"] == ["ann", "dana", "eve"]
    await crew.says("ben", "42 day")
    await crew.says("cem", "42 day")
    for name in answer["unreached"]:
        assert await crew.heard(name) == []


async def test_a_dry_run_says_the_same_and_types_nothing(crew: Crew) -> None:
    message = {"broadcast": says("all"), "agents": {"eve": says("eve")}}

    planned = await crew.cascade(**message, dry_run=True, idempotency_key="dry")
    for name in MEMBERS:
        assert await crew.heard(name) == []
    real = await crew.cascade(**message, idempotency_key="dry")

    assert by_agent(planned, "state") == dict.fromkeys(MEMBERS, "planned")
    assert by_agent(planned, "text") == by_agent(real, "text")
    assert by_agent(real, "state") == dict.fromkeys(MEMBERS, "written")
    assert not real["replayed"], "a dry run takes no key"


async def test_a_key_gives_the_same_receipts_through_any_door_and_types_once(
    live_home: Home, crew: Crew
) -> None:
    message = {"broadcast": says("once"), "idempotency_key": "k-1"}
    first = await crew.cascade(**message)

    for door in DOORS:
        async with open_tools(live_home, door) as other:
            again = await other.data("cascade_message", **message)
        assert again["replayed"]
        assert lasting(again) == lasting(first)

    for name in MEMBERS:
        await crew.says(name, "42 once")
        assert await crew.heard(name) == ["42 once"]


async def test_two_clients_with_one_key_at_the_same_time_type_once(
    live_home: Home, crew: Crew
) -> None:
    answers: list[Json] = []

    async def send(tools: ToolClient) -> None:
        answers.append(
            await tools.data("cascade_message", broadcast=says("race"), idempotency_key="race")
        )

    async with (
        open_tools(live_home) as second,
        open_tools(live_home) as third,
        anyio.create_task_group() as group,
    ):
        for tools in (crew.tools, second, third):
            group.start_soon(send, tools)

    assert sorted(one["replayed"] for one in answers) == [False, True, True]
    assert lasting(answers[0]) == lasting(answers[1]) == lasting(answers[2])
    for name in MEMBERS:
        await crew.says(name, "42 race")
        assert await crew.heard(name) == ["42 race"]


async def test_a_key_that_was_used_for_another_text_is_refused(crew: Crew) -> None:
    await crew.cascade(broadcast=says("one"), idempotency_key="k")

    refusal = await crew.tools.refusal(
        "cascade_message", broadcast=says("two"), idempotency_key="k"
    )

    assert refusal["code"] == "idempotency_key_reused"
    await crew.says("ann", "42 one")
    assert await crew.heard("ann") == ["42 one"]


async def test_an_agent_whose_session_ended_gets_a_receipt_and_hinders_nobody(crew: Crew) -> None:
    await crew.tools.data("close_session", session_id=crew.ids["cem"], confirm=True)

    answer = await crew.cascade(teams={"crew": says("crew")})

    assert answer["counts"] == {"written": 2, "refused": 1}
    assert by_agent(answer, "state") == {"ann": "written", "ben": "written", "cem": "refused"}
    assert by_agent(answer, "reason")["cem"] == "session ended"
    await crew.says("ann", "42 crew")
    await crew.says("ben", "42 crew")


async def test_a_text_that_cannot_be_typed_is_refused_for_its_agent_only(crew: Crew) -> None:
    answer = await crew.cascade(
        agents={
            "ann": "echo \x1b[31m",
            "ben": "x" * (64 * 1024),
            "cem": f"{says('first')}\n{says('second')}\n",
            "dana": "echo 'שלום 👍'",
        }
    )

    states = by_agent(answer, "state")
    reasons = by_agent(answer, "reason")
    assert states == {"ann": "refused", "ben": "written", "cem": "written", "dana": "written"}
    assert "U+001B" in reasons["ann"]
    assert len(by_agent(answer, "text")["ben"]) == 80
    await crew.says("cem", "42 first")
    await crew.says("cem", "42 second")
    await crew.says("dana", "שלום 👍")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ({}, "invalid_request", "empty"),
        ({"broadcast": ""}, "invalid_request", "empty"),
        ({"teams": {"nobody": "x"}}, "team_not_found", "nobody"),
        ({"agents": {"nobody": "x"}}, "agent_not_found", "nobody"),
        ({"agents": {"nobody": "x"}, "dry_run": True}, "agent_not_found", "nobody"),
        ({"agents": ["ann"]}, "bad_arguments", "agents"),
        ({"teams": {"crew": 5}}, "bad_arguments", "teams.crew"),
        ({"message": "x"}, "bad_arguments", "message: there is no such argument"),
        ({"broadcast": "x", "idempotency_key": ""}, "invalid_request", "key"),
        ({"broadcast": "x", "idempotency_key": "k" * 201}, "invalid_request", "200"),
        ({"broadcast": "x", "ttl_seconds": 0}, "bad_arguments", "ttl_seconds"),
        ({"broadcast": "x", "ttl_seconds": 1e9}, "bad_arguments", "ttl_seconds"),
    ],
    ids=str,
)
async def test_a_mistake_is_answered_with_what_to_do(
    tools: ToolClient, arguments: dict[str, Any], code: str, says: str
) -> None:
    refusal = await tools.refusal("cascade_message", **arguments)

    assert refusal["code"] == code
    assert says in refusal["error"]
