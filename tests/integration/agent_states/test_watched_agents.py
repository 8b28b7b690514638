"""Agents in a real terminal: what they really do, and what is known of it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from tests.integration.agent_states.crew import ANN, SECONDS, start_shim
from tests.integration.fake_agent.agents import pid_of
from tests.waiting import eventually

from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.observations import Fact
from iterm_mcp.models.sessions import Program

if TYPE_CHECKING:
    from tests.integration.agent_states.crew import Crew
    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.terminal.iterm import ItermTerminal

pytestmark = pytest.mark.headless


async def test_a_claude_is_seen_at_work_and_ready_again(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude")
    await crew.register(agent.session_id)
    await crew.becomes(AgentState.READY)

    await agent.say("Please [[work 1]]")

    await crew.becomes(AgentState.WORKING)
    await crew.becomes(AgentState.READY)


async def test_a_permission_wait_is_shown_with_what_it_wants_though_no_hook_tells(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude")
    await crew.register(agent.session_id)
    await crew.becomes(AgentState.READY)

    await agent.say("Please [[tool Bash make deploy]]")

    told = await crew.becomes(AgentState.WAITING_PERMISSION)
    assert told.reason
    looked = await crew.states.look(ANN)
    assert looked.state == AgentState.WAITING_PERMISSION
    assert "Bash" in looked.reason or "make deploy" in str(looked.details)


async def test_a_wait_does_not_stick_when_a_person_answers_at_the_terminal(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude")
    await crew.register(agent.session_id)
    await crew.becomes(AgentState.READY)
    await agent.say("Please [[tool Bash make]]")
    await crew.becomes(AgentState.WAITING_PERMISSION)

    await agent.type("\x1b")  # no hook tells of it

    await crew.becomes(AgentState.READY, AgentState.INTERRUPTED, AgentState.DRAFT)


async def test_a_background_shell_is_not_taken_for_ready(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude")
    await crew.register(agent.session_id)
    await crew.becomes(AgentState.READY)

    await agent.say("Please [[background 3 make watch]]")

    await crew.becomes(AgentState.BACKGROUND)
    await crew.becomes(AgentState.READY)


async def test_an_exhausted_quota_does_not_look_like_work(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude")
    await crew.register(agent.session_id)
    await crew.becomes(AgentState.READY)

    await agent.say("Please [[retry 4 1 rate_limit]]")

    told = await crew.becomes(AgentState.RATE_LIMITED, AgentState.API_RETRY, AgentState.AUTH_FAILED)
    assert told.state == AgentState.RATE_LIMITED
    assert "rate" in told.reason
    await crew.becomes(AgentState.READY)


async def test_an_agent_that_talks_about_rate_limits_is_not_limited(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude")
    await crew.register(agent.session_id)
    await crew.becomes(AgentState.READY)

    await agent.say("Please [[say 429 slow down: you hit a rate limit, retrying]] [[work 0.5]]")
    await agent.happens("turn_ended")
    await crew.becomes(AgentState.READY)

    seen = await crew.states.observations(ANN)
    assert not [one for one in seen if one.sighting.fact is Fact.TROUBLE and one.sighting.value]


async def test_an_agent_that_dies_inside_a_live_shell_does_not_look_alive(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude", in_shell=True)
    await crew.register(agent.session_id)
    await crew.becomes(AgentState.READY)
    first = await agent.happens("started")

    os.kill(pid_of(first), signal.SIGKILL)

    told = await crew.becomes(AgentState.EXITED)
    assert told.reason
    await agent.again()
    told = await crew.becomes(AgentState.READY)
    assert told.epoch == 2


async def test_a_session_that_is_closed_is_told_as_lost(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude")
    await crew.register(agent.session_id)
    await crew.becomes(AgentState.READY)

    await terminal.close_session(agent.session_id)

    await crew.becomes(AgentState.LOST)
    await eventually(lambda: crew.watching.count == 0)


async def test_another_program_in_its_place_is_told_as_such(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude", in_shell=True)
    await crew.register(agent.session_id)
    await crew.becomes(AgentState.READY)
    await agent.type("/exit\r")
    await crew.becomes(AgentState.EXITED)

    await agent.type("sleep 300\r")

    told = await crew.becomes(AgentState.REPLACED)
    assert "sleep" in str(told.details["command"])


async def test_a_suspended_agent_is_not_taken_for_a_shell(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude")
    await crew.register(agent.session_id)
    await crew.becomes(AgentState.READY)
    pid = pid_of(await agent.happens("started"))

    os.kill(pid, signal.SIGSTOP)
    await crew.becomes(AgentState.SUSPENDED)
    os.kill(pid, signal.SIGCONT)

    await crew.becomes(AgentState.READY)


async def test_a_gate_is_a_state_with_its_name(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude", gate="trust")
    await crew.register(agent.session_id)

    told = await crew.becomes(AgentState.GATE)

    assert "trust" in told.reason
    await agent.type("\x1b[B\r")  # the first option leaves
    await crew.becomes(AgentState.READY)


async def test_a_half_typed_draft_is_seen(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude")
    await crew.register(agent.session_id)
    await crew.becomes(AgentState.READY)

    await agent.type("half a thou")

    await crew.becomes(AgentState.DRAFT)


async def test_a_dim_suggestion_is_no_draft(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude")
    await crew.register(agent.session_id)
    await crew.becomes(AgentState.READY)

    folder.order("ghost try the tests")
    await agent.sees("try the tests")

    for _ in range(3):
        assert (await crew.states.look(ANN)).state == AgentState.READY


async def test_a_shell_s_command_is_told_from_its_prompt(
    terminal: ItermTerminal, crew: Crew
) -> None:
    opened = await terminal.open_session(Program())
    await crew.register(opened.session_id, "shell")
    await crew.becomes(AgentState.READY)

    await terminal.send_text(opened.session_id, "sleep 1\r")

    await crew.becomes(AgentState.WORKING)
    await crew.becomes(AgentState.READY)


async def test_why_a_state_was_decided_can_be_asked_later_too(
    terminal: ItermTerminal, crew: Crew, folder: Folder
) -> None:
    agent = await start_shim(terminal, folder, "claude")
    await crew.register(agent.session_id)
    view = await crew.becomes(AgentState.READY, seconds=SECONDS)

    assert view.winning
    kept = await crew.states.observations(ANN)
    assert all(one in kept for one in view.winning)
    assert all(one.sighting.evidence for one in view.winning)
