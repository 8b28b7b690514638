"""Messages for agents in terminals: each pain that others' users have with them, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.deliveries.crew import told
from tests.integration.tool_client import open_tools
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.tool_client import ToolClient

pytestmark = pytest.mark.headless

LONG = "Carry out the plan below:\n" + "\n".join(
    f"{number}. step number {number} of the plan" for number in range(1, 40)
)


async def test_a_message_is_followed_from_its_acceptance_to_the_end_of_its_turn(
    tools: ToolClient,
) -> None:
    async with told(tools) as agent:
        receipt = await agent.tell("hello [[work 0.2]]")
        end = await agent.ends(receipt)
        moves = await agent.moves(receipt)

        assert receipt["state"] == "written"
        assert (end["stage"], end["state"]) == ("ended", "written")
        stages = [move["stage"] for move in moves]
        assert stages[:3] == ["accepted", "leased", "written"]
        assert stages[-1] == "ended"
        assert all(move.get("evidence") for move in moves[3:])
        assert agent.received() == ["hello [[work 0.2]]"]


async def test_an_enter_that_was_eaten_is_pressed_again_and_the_message_arrives_once(
    tools: ToolClient,
) -> None:
    async with told(tools) as agent:
        await agent.order("strand 2")
        end = await agent.ends(await agent.tell("stranded"))

        assert end["stage"] == "ended"
        assert len(agent.folder.truth("enter_eaten")) == 2
        assert agent.received() == ["stranded"]


@pytest.mark.long
async def test_a_message_whose_enter_is_never_taken_is_taken_back_and_says_so(
    tools: ToolClient,
) -> None:
    async with told(tools) as agent:
        await agent.order("strand 9")
        end = await agent.ends(await agent.tell("stranded for good"), until="submitted")

        assert (end["stage"], end["state"]) == ("refused", "refused")
        assert "taken back" in end["reason"]
        await eventually(
            lambda: tools.screen(agent.session_id),
            lambda lines: not any("stranded" in line for line in lines),
        )
        assert agent.received() == []


async def test_a_half_typed_draft_is_put_aside_and_given_back(tools: ToolClient) -> None:
    async with told(tools) as agent:
        await agent.order("draft half a thought")
        await agent.sees("half a thought")
        end = await agent.ends(await agent.tell("something else"))
        await agent.sees("half a thought")

        assert end["stage"] == "ended"
        assert agent.received() == ["something else"]


async def test_a_dim_suggestion_is_no_draft_and_holds_nothing_up(tools: ToolClient) -> None:
    async with told(tools) as agent:
        await agent.order("ghost fix the tests")
        await agent.sees("fix the tests")
        end = await agent.ends(await agent.tell("hello"))

        assert end["stage"] == "ended"
        assert agent.received() == ["hello"]


async def test_nothing_is_typed_into_a_dialog_and_the_message_comes_after_it(
    tools: ToolClient,
) -> None:
    async with told(tools) as agent:
        first = await agent.tell("[[tool Bash rm -rf build]]")
        await agent.happens("dialog_opened")
        await agent.sees("Do you want to proceed")
        second = await agent.tell("1")
        assert second["state"] == "accepted"
        assert second["reason"]
        assert not agent.folder.truth("decided")

        agent.folder.order("answer allow")
        ends = [await agent.ends(one) for one in (first, second)]

        assert [one["stage"] for one in ends] == ["ended", "ended"]
        assert agent.received() == ["[[tool Bash rm -rf build]]", "1"]
        (decided,) = agent.folder.truth("decided")
        assert decided["by"] == "control"


async def test_a_message_amid_a_turn_is_queued_by_the_agent_and_ends_with_its_own_turn(
    tools: ToolClient,
) -> None:
    async with told(tools) as agent:
        first = await agent.tell("[[work 2]] first")
        await agent.happens("turn_started")
        second = await agent.tell("second")
        assert (await agent.ends(second, until="submitted"))["stage"] == "queued"
        ends = [await agent.ends(one) for one in (first, second)]

        assert [one["stage"] for one in ends] == ["ended", "ended"]
        assert ends[0]["at"] < ends[1]["at"]
        assert agent.received() == ["[[work 2]] first", "second"]


async def test_a_long_order_arrives_whole_with_its_first_line_typed(tools: ToolClient) -> None:
    async with told(tools) as agent:
        end = await agent.ends(await agent.tell(LONG))

        assert end["stage"] == "ended"
        (received,) = agent.folder.truth("received")
        assert received["unwrapped"] == LONG
        assert received["text"].startswith("Carry out the plan below:\n")


async def test_an_interruption_ends_the_turn_and_the_prompt_that_comes_back_is_no_draft(
    tools: ToolClient,
) -> None:
    async with told(tools) as agent:
        first = await agent.tell("[[work 60]] victim")
        await agent.happens("turn_started")
        second = await agent.tell("next message", policy="interrupt")
        ends = [await agent.ends(one) for one in (first, second)]

        assert [one["stage"] for one in ends] == ["ended", "ended"]
        assert "interrupted" in ends[0].get("reason", "interrupted")
        assert agent.received() == ["[[work 60]] victim", "next message"]


async def test_a_nudge_waits_until_the_agent_is_idle_and_steering_an_idle_one_is_refused(
    tools: ToolClient,
) -> None:
    async with told(tools) as agent:
        await agent.tell("[[work 1.5]] busy")
        await agent.happens("turn_started")
        nudge = await agent.tell("nudge", policy="nudge")
        assert nudge["state"] == "accepted"
        assert (await agent.ends(nudge))["stage"] == "ended"
        received = await agent.happens("received", 2)
        steered = await agent.tell("left", policy="steer")

        assert received["stage"] == "submitted"
        assert steered["state"] == "refused"
        assert "no turn" in steered["reason"]


def is_prompted(screen: list[str]) -> bool:
    """Tell whether the prompt before the first command stands below it again."""
    first, *others = filter(None, screen)
    return bool(others) and others[-1] != first and first.startswith(others[-1])


async def test_nothing_is_typed_into_the_shell_that_an_agent_left_behind(
    tools: ToolClient,
) -> None:
    async with told(tools, in_shell=True) as agent:
        agent.folder.order("exit")
        await agent.happens("exited")
        await eventually(  # it says so a moment before its process is gone
            lambda: tools.screen(agent.session_id),
            is_prompted,
            within_seconds=20,
        )
        receipt = await agent.tell("touch should-not-exist")
        if receipt["state"] == "accepted":
            receipt = await agent.ends(receipt)

        assert receipt["state"] == "refused"
        assert "exited" in receipt["reason"]
        assert "should-not-exist" not in "\n".join(await tools.screen(agent.session_id))


async def test_a_message_that_waits_expires_can_be_retried_once_and_then_arrives(
    tools: ToolClient,
) -> None:
    async with told(tools) as agent:
        await agent.tell("[[tool Bash ls]]")
        await agent.happens("dialog_opened")
        expired = await agent.ends(await agent.tell("late", expires_seconds=0.5))
        assert expired["stage"] == "expired"
        listed = await tools.data("manage_messages", action="list", agent=agent.name)
        assert [one["delivery_id"] for one in listed["messages"]] == [expired["delivery_id"]]

        agent.folder.order("answer allow")
        retried = [
            await tools.data(
                "manage_messages", action="retry", delivery_ids=[expired["delivery_id"]]
            )
            for _ in range(2)
        ]
        again = retried[0]["messages"][0]
        assert (await agent.ends(again))["stage"] == "ended"

        assert retried[1]["messages"][0]["delivery_id"] == again["delivery_id"]
        assert agent.received() == ["[[tool Bash ls]]", "late"]
        assert (await tools.data("manage_messages", action="purge", agent=agent.name)) == {
            "purged": 1
        }


async def test_a_daemon_that_is_killed_loses_no_message_that_waits_and_types_none_twice(
    tools: ToolClient, module_home: Home
) -> None:
    async with told(tools) as agent:
        first = await agent.tell("[[tool Bash ls]] asks")
        await agent.happens("dialog_opened")
        waiting = await agent.tell("after the crash")
        assert waiting["state"] == "accepted"
        await module_home.kill_daemon()
        async with open_tools(module_home) as again:  # its relay starts the next daemon
            agent.folder.order("answer allow")
            agent.tools = again
            ends = [await agent.ends(one) for one in (first, waiting)]

        assert [one["stage"] for one in ends] == ["ended", "ended"]
        assert agent.received() == ["[[tool Bash ls]] asks", "after the crash"]


async def test_a_message_that_waits_can_be_cancelled(tools: ToolClient) -> None:
    async with told(tools) as agent:
        await agent.tell("[[tool Bash ls]]")
        await agent.happens("dialog_opened")
        waiting = await agent.tell("never mind")
        listed = await tools.data("manage_messages", action="waiting", agent=agent.name)
        cancelled = await tools.data(
            "manage_messages", action="cancel", delivery_ids=[waiting["delivery_id"]]
        )

        assert [one["delivery_id"] for one in listed["messages"]] == [waiting["delivery_id"]]
        assert listed["messages"][0]["reason"]
        assert cancelled == {"cancelled": 1}
        assert (await agent.ends(waiting))["stage"] == "refused"


@pytest.mark.parametrize("kind", ["codex", "gemini"])
async def test_other_kinds_are_told_too(tools: ToolClient, kind: str) -> None:
    async with told(tools, kind) as agent:
        end = await agent.ends(await agent.tell("hello there"), until="submitted")

        assert end["state"] == "written"
        assert (await agent.happens("received"))["unwrapped"] == "hello there"
