"""What goes wrong on order, and that the truth outlasts it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.integration.fake_agent.agents import pid_of, start
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.terminal.iterm import ItermTerminal


async def test_a_crash_leaves_the_shell_the_truth_and_a_stale_registry_file(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude")

    await agent.say("last words [[crash KILL]]")
    await agent.happens("crashing")

    (received,) = folder.truth("received")
    assert received["text"] == "last words [[crash KILL]]"
    assert not folder.truth("exited")
    await eventually(lambda: not os.path.exists(f"/proc/{pid_of(received)}/fd/0"))  # noqa: PTH110
    assert folder.status() == ("busy", None)


async def test_the_terminals_end_ends_the_agent_in_order(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude", "--settings", folder.settings())

    await terminal.close_session(agent.session_id)
    ended = await agent.hears("SessionEnd")
    exited = await agent.happens("exited")

    assert ended["reason"] == "other"
    assert exited["code"] == 129


async def test_garbage_on_the_screen_harms_nothing(terminal: ItermTerminal, folder: Folder) -> None:
    agent = await start(terminal, folder, "claude", options=("--seed", "3"))

    await agent.say("[[garbage 2000]] [[print 300]]")
    await agent.ends([1])
    await agent.type("still here")
    await agent.enter()

    assert (await agent.happens("received", 2))["text"].endswith("still here")


async def test_a_hang_reads_nothing_until_it_is_over(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude")

    await agent.say("[[hang 0.5]]")
    hung = await agent.happens("state", state="hung")
    await agent.type("typed meanwhile\r")
    received = await agent.happens("received", 2)

    assert received["monotonic"] >= hung["monotonic"] + 0.5


async def test_chance_is_drawn_with_a_seed_and_written_down(
    terminal: ItermTerminal, folder: Folder
) -> None:
    scenario = folder.scenario(chances={"strand 1": 1.0}, default=["say seen"], time_factor=0.1)
    agent = await start(terminal, folder, "claude", options=("--scenario", scenario))

    await agent.say("first")
    ended = await agent.ends([1])
    await agent.say("second")
    await agent.happens("enter_eaten")
    await agent.enter()
    await agent.ends([2])

    assert ended["said"] == "seen"
    assert [one["order"] for one in folder.truth("fault")] == ["strand 1", "strand 1"]


@pytest.mark.parametrize("way", ["file", "fifo"])
async def test_orders_come_from_a_file_or_a_fifo_and_nonsense_is_refused(
    terminal: ItermTerminal, folder: Folder, way: str
) -> None:
    if way == "fifo":
        os.mkfifo(folder.control)
    agent = await start(terminal, folder, "claude")

    folder.order("fly 3")
    folder.order("type from a person\\r")
    received = await agent.happens("received")
    folder.order("exit")
    await agent.happens("exited")

    assert received["text"] == "from a person"
    assert "no such order: 'fly'" in folder.truth("not_understood")[0]["why"]


async def test_a_person_may_answer_by_order_and_interrupt_by_order(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude")

    await agent.say("[[tool Bash make]] [[work 60]]")
    await agent.happens("dialog_opened")
    folder.order("answer allow")
    await agent.happens("tool_used")
    folder.order("interrupt")
    ended = await agent.ends([1])

    assert folder.truth("decided")[0]["by"] == "control"
    assert ended["outcome"] == "interrupted"
    assert not folder.truth("restored")  # something was done already


async def test_a_subagent_and_a_compaction_have_hooks_of_their_own(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude", "--settings", folder.settings())

    await agent.say("[[subagent 0.1 Explore]] [[compact]]")
    await agent.hears("Stop")

    events = [one["hook_event_name"] for one in folder.told_hooks()]
    assert events[2:6] == ["SubagentStart", "SubagentStop", "PreCompact", "PostCompact"]
    assert folder.told_hooks("SubagentStart")[0]["agent_type"] == "Explore"
