"""Whose a hook's event is, and what becomes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.agents import Agent
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.observations import Fact
from iterm_mcp.services.approvals import hook_intake
from iterm_mcp.services.approvals.hook_intake import HookEvent, HookIntake, HookSender
from iterm_mcp.services.states.service import AgentStateService
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock

ANN, BEN = AgentName("ann"), AgentName("ben")
ASKED: dict[str, Any] = {
    "hook_event_name": "PermissionRequest", "session_id": "c1", "cwd": "/app", "tool_name": "Bash",
    "tool_input": {"command": "ls"},
}  # fmt: skip
PROMPT: dict[str, Any] = {
    "hook_event_name": "UserPromptSubmit", "session_id": "c1", "prompt": "go on",
}  # fmt: skip


class Desk:
    """The intake over the real states."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.states = AgentStateService(store, clock)
        self.counted: list[tuple[str, str]] = []
        self.heard: list[HookEvent] = []
        self.intake = HookIntake(self.states, store.agents, self, listener=self.heard.append)

    def hook_taken(self, kind: str, outcome: str) -> None:
        self.counted.append((kind, outcome))

    async def takes(self, payload: dict[str, Any], **sender: str) -> HookEvent | None:
        return await self.intake.take("claude", payload, HookSender(**sender))


@pytest.fixture
async def desk(store: Store, clock: FakeClock) -> AsyncIterator[Desk]:
    for name, session in ((ANN, "AA-1"), (BEN, "BB-2")):
        await store.agents.add_agent(Agent(name, "claude", SessionId(session), (), "", START))
    one = Desk(store, clock)
    async with one.states.running():
        yield one


async def test_an_event_is_recorded_as_what_its_agent_does(desk: Desk) -> None:
    event = await desk.takes(PROMPT, agent="ann")
    assert event
    assert (event.agent, event.event, event.kind) == (ANN, "UserPromptSubmit", "claude")
    assert (event.asked, event.dialog) == (None, None)
    assert (await desk.states.view(ANN)).state is AgentState.WORKING
    assert desk.counted == [("claude", "recorded")]
    assert desk.heard == [event]


async def test_the_session_is_trusted_more_than_a_name_that_is_inherited(desk: Desk) -> None:
    event = await desk.takes(PROMPT, agent="ann", session="w0t0p0:bb-2")
    assert event
    assert event.agent == BEN


async def test_a_conversation_that_was_seen_before_is_known_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook_intake, "REMEMBERED_CONVERSATIONS", 1)
    assert await desk.takes(PROMPT) is None
    await desk.takes(PROMPT, agent="ann")
    event = await desk.takes(PROMPT)
    assert event
    assert event.agent == ANN
    await desk.takes({**PROMPT, "session_id": "c2"}, agent="ben")
    assert await desk.takes(PROMPT) is None
    assert desk.counted.count(("claude", "nobody")) == 2


async def test_an_event_of_an_agents_former_life_changes_nothing(desk: Desk) -> None:
    await desk.states.new_life(ANN)
    epoch = (await desk.states.view(ANN)).epoch
    await desk.takes(PROMPT, agent="ann", epoch=str(epoch - 1))
    assert (await desk.states.view(ANN)).state is not AgentState.WORKING
    await desk.takes(PROMPT, agent="ann", epoch=str(epoch))
    assert (await desk.states.view(ANN)).state is AgentState.WORKING


async def test_of_what_comes_late_is_recorded_which_turns_have_ended(desk: Desk) -> None:
    stopped = {"hook_event_name": "Stop", "session_id": "c1"}
    at = START - timedelta(minutes=2)
    epoch = str((await desk.states.view(ANN)).epoch)
    for sender in (
        HookSender(agent="ann"), HookSender(agent="cid", epoch=epoch),
        HookSender(agent="ann", epoch=str(int(epoch) + 1)),
    ):  # fmt: skip
        await desk.intake.take_past("claude", stopped, sender, at)
    assert not await desk.states.observations(ANN)

    for payload in (PROMPT, stopped, {**ASKED}):
        await desk.intake.take_past("claude", payload, HookSender(agent="ann", epoch=epoch), at)
    found = [one.sighting for one in await desk.states.observations(ANN)]
    assert {one.fact for one in found} == {Fact.TURN}
    assert [one.value["phase"] for one in found] == ["submitted", "ended"]
    assert {one.value["at"] for one in found} == {at.isoformat()}
    assert (await desk.states.view(ANN)).state not in {
        AgentState.WORKING, AgentState.WAITING_PERMISSION,
    }  # fmt: skip


async def test_a_permission_comes_with_its_dialog(desk: Desk) -> None:
    event = await desk.takes(ASKED, agent="ann")
    assert event
    assert event.dialog
    assert event.asked
    assert (event.dialog.tool, event.dialog.exact, event.asked.directory) == ("Bash", True, "/app")
    assert (await desk.states.view(ANN)).state is AgentState.WAITING_PERMISSION


async def test_a_permission_of_a_subagent_is_a_dialog_too(desk: Desk) -> None:
    event = await desk.takes({**ASKED, "agent_id": "a1"}, agent="ann")
    assert event
    assert event.dialog
    assert dict(event.dialog.input) == {"command": "ls"}
    assert (await desk.states.view(ANN)).state is AgentState.WAITING_PERMISSION


async def test_there_is_no_such_kind(desk: Desk) -> None:
    with pytest.raises(NotFoundError):
        await desk.intake.take("emacs", PROMPT, HookSender())


async def test_without_anybody_to_tell_it_is_recorded_all_the_same(
    desk: Desk, store: Store
) -> None:
    quiet = HookIntake(desk.states, store.agents)
    assert await quiet.take("claude", PROMPT, HookSender(session="AA-1"))
