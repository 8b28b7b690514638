"""Agents without a screen, started and spoken to by the tools that serve every agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.tool_client import open_tools
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.lives.conftest import Agent, Camp

Json = dict[str, Any]

pytestmark = pytest.mark.headless
SECONDS = 30.0
KINDS = ("claude-headless", "codex-headless")
both = pytest.mark.parametrize("kind", KINDS)


async def tell(agent: Agent, text: str, **how: Any) -> Json:  # noqa: ANN401
    """Send a message; return its receipt."""
    answer = await agent.camp.tools.data("cascade_message", agents={agent.name: text}, **how)
    return dict(answer["receipts"][0])


async def ends(agent: Agent, receipt: Json, until: str = "ended") -> Json:
    """Wait for a message's end; return its receipt then."""
    answer = await agent.camp.tools.data(
        "wait_receipts",
        delivery_ids=[receipt["delivery_id"]],
        until=until,
        timeout_seconds=SECONDS,
    )
    return dict(answer["receipts"][0])


async def stages(agent: Agent, receipt: Json) -> list[str]:
    """Return all steps that a message took."""
    answer = await agent.camp.tools.data(
        "manage_messages", action="show", delivery_ids=[receipt["delivery_id"]]
    )
    return [one["stage"] for one in answer["messages"][0]["moves"]]


async def asks(agent: Agent) -> Json:
    """Wait until an agent asks for something; return the approval."""
    answer = await eventually(
        lambda: agent.camp.tools.data("list_approvals", agent=agent.name),
        lambda one: one["approvals"],
        within_seconds=SECONDS,
    )
    return dict(answer["approvals"][0])


async def allow(agent: Agent, approval: Json, choice: str = "allow") -> Json:
    return await agent.camp.tools.data(
        "answer_approval", approval_id=approval["approval_id"], choice=choice
    )


@both
async def test_it_is_started_told_read_explained_and_stopped_like_any_other(
    camp: Camp, kind: str
) -> None:
    agent = await camp.start(kind=kind, prompt="Begin. [[say begun well]]")
    assert agent.started["state"] in {"ready", "working"}

    await agent.happens("turn_ended")
    receipt = await tell(agent, "hello [[say good day]]")
    ended = await ends(agent, receipt)
    shown = await camp.tools.screen(agent.started["session_id"])
    why = await camp.tools.result("explain_agent", name=agent.name)
    stopped = await camp.tools.data("stop_agent", name=agent.name)

    assert ended["stage"] == "ended"
    assert (await stages(agent, receipt))[-2:] == ["started", "ended"]
    assert [one["text"] for one in agent.truth("received")][-1] == "hello [[say good day]]"
    assert any("> hello" in row for row in shown)
    assert any("good day" in row for row in shown)
    assert "protocol" in str(why)
    assert stopped["how"] == "left"
    assert (await agent.life())["phase"] == "ended"


@both
async def test_what_it_asks_is_an_approval_that_is_answered_without_keys(
    camp: Camp, kind: str
) -> None:
    agent = await camp.start(kind=kind)
    receipt = await tell(agent, "[[tool Bash touch x]]")

    approval = await asks(agent)
    assert approval["tool"] == "Bash"
    await agent.becomes("waiting_permission")
    answered = await allow(agent, approval)
    refused = await camp.tools.refusal(
        "answer_approval", approval_id=approval["approval_id"], choice="deny"
    )
    await ends(agent, receipt)

    assert answered["answer"]["channel"] == "protocol"
    assert refused["code"] == "already_answered"
    assert agent.truth("tool_used")
    await agent.becomes("ready")


@both
async def test_keys_are_refused_with_a_word_on_what_to_do_instead(camp: Camp, kind: str) -> None:
    agent = await camp.start(kind=kind)

    for tool, arguments in (
        ("send_text", {"text": "hello"}),
        ("run_command", {"command": "ls"}),
    ):
        refusal = await camp.tools.refusal(
            tool, session_id=agent.started["session_id"], **arguments
        )
        assert refusal["code"] == "no_keys"
        assert "cascade" in refusal["hint"]


@both
@pytest.mark.long
async def test_its_turn_is_interrupted_and_a_second_message_is_not_lost(
    camp: Camp, kind: str
) -> None:
    agent = await camp.start(kind=kind)
    first = await tell(agent, "[[work 60]]")
    await agent.happens("turn_started")
    second = await tell(agent, "and then this", policy="interrupt")

    assert "interrupted" in str(await ends(agent, first))
    assert (await ends(agent, second))["stage"] == "ended"
    await agent.becomes("ready")


@both
@pytest.mark.long
async def test_after_a_crash_it_goes_on_in_its_conversation(camp: Camp, kind: str) -> None:
    agent = await camp.start(kind=kind)
    await ends(agent, await tell(agent, "hello"))
    agent.kill()

    life = await agent.lives_again(2)
    receipt = await tell(agent, "are you there?")
    ended = await ends(agent, receipt)

    assert life["ends"][0]["signal"] == 9
    assert life["session_id"] == agent.started["session_id"]
    assert ended["stage"] == "ended"
    if kind == "claude-headless":
        assert [one["source"] for one in agent.truth("started")] == ["startup", "resume"]
    else:
        assert [one["source"] for one in agent.truth("thread")] == ["startup", "resume"]


@both
async def test_a_daemon_that_is_killed_amid_a_turn_loses_nothing(own_camp: Camp, kind: str) -> None:
    agent = await own_camp.start(kind=kind)
    pid = agent.status()["pid"]
    receipt = await tell(agent, "[[work 3]] [[say all done]]")
    await agent.happens("turn_started")

    await own_camp.home.kill_daemon()
    await agent.happens("turn_ended")  # while nobody listens

    async with open_tools(own_camp.home) as tools:
        own_camp.tools = tools
        ended = await ends(agent, receipt)
        await agent.becomes("ready")
        after = await ends(agent, await tell(agent, "hello again"))
        assert (ended["stage"], after["stage"]) == ("ended", "ended")
        assert "unknown" not in await stages(agent, receipt)
    assert agent.status()["pid"] == pid
    assert len(agent.truth("received")) == 2


@both
@pytest.mark.long
async def test_a_daemon_that_is_killed_amid_an_approval_finds_it_again(
    own_camp: Camp, kind: str
) -> None:
    agent = await own_camp.start(kind=kind)
    receipt = await tell(agent, "[[tool Bash touch x]]")
    before = await asks(agent)

    await own_camp.home.kill_daemon()

    async with open_tools(own_camp.home) as tools:
        own_camp.tools = tools
        await agent.becomes("waiting_permission")
        approval = await asks(agent)
        assert approval["approval_id"] == before["approval_id"]
        answered = await allow(agent, approval)
        assert answered["answer"]["channel"] == "protocol"
        assert (await ends(agent, receipt))["stage"] == "ended"
    assert len(agent.truth("tool_used")) == 1
