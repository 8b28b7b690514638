"""What users of agents suffer from, where no other test shows it whole."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import anyio
from tests.unit.services.approval_stage import ANN, Scene, open_scene
from tests.unit.services.lives_stage import ADA, open_stage
from tests.unit.services.observed import REGISTRY, SCREEN, does
from tests.unit.services.stage import ONE
from tests.waiting import eventually

from iterm_mcp.agents.claude_hooks import hook_sightings
from iterm_mcp.agents.generic import GenericKind
from iterm_mcp.agents.kind import WhileBusy
from iterm_mcp.agents.manifest import parse_manifest
from iterm_mcp.models.agent_lives import Limits, Phase
from iterm_mcp.models.agent_states import NEEDS_PERSON, AgentState
from iterm_mcp.models.deliveries import DeliveryId, Policy, Stage
from iterm_mcp.models.observations import Fact, Observation
from iterm_mcp.services.deliveries.evidence import TurnTracker
from iterm_mcp.services.deliveries.guard import Verdict, judge, read
from iterm_mcp.services.states.waits import AgentWaits
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.observations import Json
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal

HOOKLESS = b"""
name = "hookless"
[start]
program = "hookless"
[composer]
pattern = '^> (?P<text>.*)$'
[[gate]]
name = "trust"
pattern = 'Do you trust the files'
[[dialog]]
pattern = 'Run this command\\? \\(y/n\\)'
asks = "permission"
tool = "Shell"
options = ["Yes", "No"]
answers = ["y", "n"]
"""
"""A program with a trust dialog and an approval box of its own, and no hooks at all."""


async def shown(scene: Scene, kind: GenericKind, *rows: str) -> StateView:
    """Have the agent's screen show something, which is looked at as often as it takes."""
    scene.draw(*rows)
    for _ in range(2):
        screen = await scene.stage.terminal.read_screen(ONE)
        await scene.states.record(ANN, kind.see(screen, ""))
        scene.clock.advance(1)
    return await scene.states.view(ANN)


async def test_prompts_that_reach_no_hook_are_states_and_can_be_answered(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    kind = GenericKind(parse_manifest(HOOKLESS, Path("hookless.toml")))
    assert kind.hooked({"hook_event_name": "PermissionRequest"}) == ()
    async with open_scene(store, clock, tmp_path) as scene:
        scene.kind = cast("AgentKind", kind)
        trust = await shown(scene, kind, "Do you trust the files in this folder?", "> ")
        asks = await shown(scene, kind, "Run this command? (y/n)", "make deploy")

        for view in (trust, asks):
            assert view.state in NEEDS_PERSON
            assert view.reason
            now = read([one.sighting for one in view.winning])
            held = judge(view.state, view.reason, now, Policy.MESSAGE, WhileBusy.KEEPS)
            assert held.verdict is Verdict.HOLD
        assert (trust.state, trust.details["name"]) == (AgentState.GATE, "trust")
        assert asks.state is AgentState.WAITING_PERMISSION
        (asked,) = await scene.standing()
        assert (asked.tool, asked.options) == ("Shell", ("Yes", "No"))
        scene.on_type(lambda _text: scene.draw("> "))
        settled = await scene.service.answer(asked.approval_id, "allow", by="desk")
        assert scene.stage.typed == ["y"]
        assert settled.answer is not None
        assert settled.answer.choice == "allow"


def told(payload: dict[str, Json], seconds: float) -> list[Observation]:
    """Return what an event of Claude Code's is recorded as."""
    at = START + timedelta(seconds=seconds)
    return [Observation(ANN, 1, one, at) for one in hook_sightings(payload)]


async def test_a_pause_amid_a_turn_ends_neither_the_turn_nor_its_message(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        tracker = TurnTracker()
        message = DeliveryId("d-1")
        tracker.follow(message, "do it all", stage=Stage.WRITTEN, since=START, behind=False)
        steps: list[Stage] = []

        async def tell(seconds: float, event: str, **more: Json) -> None:
            clock.advance(seconds)
            seen = told({"hook_event_name": event, **more}, (clock.now() - START).total_seconds())
            await scene.states.record(ANN, [one.sighting for one in seen])
            steps.extend(step.stage for one in seen for step in tracker.feed(one))

        waits = AgentWaits(store, scene.states)
        await tell(1, "UserPromptSubmit", prompt="do it all")
        await tell(1, "SubagentStart", agent_id="s1", agent_type="scout")
        await tell(9, "Stop", agent_id="s1")
        await tell(0, "SubagentStop", agent_id="s1", agent_type="scout")
        await scene.states.record(ANN, [does(SCREEN, "idle")])  # between two steps it looks so
        clock.advance(30)
        await scene.states.record(ANN, [does(SCREEN, "idle")])
        amid = await scene.states.view(ANN)
        waited = await waits.wait([ANN], ["settled"], 0.05)
        before = list(steps)
        await tell(1, "Stop")
        after = await scene.states.view(ANN)

        assert (amid.state, waited.met) == (AgentState.WORKING, False)
        assert Stage.ENDED not in before
        assert steps[-1] is Stage.ENDED
        assert after.state is AgentState.READY


async def test_an_agent_that_has_been_idle_for_a_day_and_a_half_says_since_when(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_scene(store, clock, tmp_path) as scene:
        await scene.states.record(ANN, [does(REGISTRY, "busy")])
        clock.advance(60)
        await scene.states.record(ANN, [does(REGISTRY, "idle")])
        idle_at = clock.now()
        for _ in range(36):
            clock.advance(3600)
            await scene.states.record(ANN, [does(REGISTRY, "idle")])  # it says so again and again

        view = await scene.states.view(ANN)
        explained = scene.states.explained(view)

        assert (view.state, view.since) == (AgentState.READY, idle_at)
        assert "ready, for 36 h" in explained


async def test_an_agent_that_stands_idle_is_told_of_at_once_and_ended_by_its_limit(
    terminal: FakeTerminal, store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_stage(terminal, store, clock, tmp_path) as stage:
        await stage.start(limits=Limits(idle=36 * 3600))
        await stage.sees(Fact.ACTIVITY, {"is": "busy"})
        await stage.tick()
        waits = AgentWaits(store, stage.states)
        async with anyio.create_task_group() as group:
            met: list[bool] = []

            async def wait() -> None:
                met.append((await waits.wait([ADA], ["settled"], 30)).met)

            group.start_soon(wait)
            clock.advance(1)
            await stage.ready()
            await eventually(lambda: met)
        await stage.tick(35 * 3600)
        standing = await stage.book.get(ADA)
        await stage.tick(2 * 3600)
        ended = await stage.book.get(ADA)

        assert met == [True]
        assert standing.phase is Phase.RUNNING
        assert ended.phase is Phase.ENDED
        assert "nothing to do" in ended.reason
