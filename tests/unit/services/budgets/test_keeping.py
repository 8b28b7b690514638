from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.services.budgets.keepers import DAILY, DOLLAR, staged
from tests.unit.services.budgets.spenders import NOON, answer

from iterm_mcp.errors import NotFoundError, TerminalUnavailableError
from iterm_mcp.models.agents import Registry, Team
from iterm_mcp.models.alerts import AlertKind, Severity
from iterm_mcp.models.budgets import Spending
from iterm_mcp.models.events import EventKind
from iterm_mcp.models.ids import TeamName
from iterm_mcp.services.budgets.ledger import spending_of

if TYPE_CHECKING:
    from pathlib import Path


async def test_steps_are_told_once_also_by_the_next_daemon(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.events.keep(answer(DOLLAR // 2 - 1))
        await stage.look()
        assert stage.recorded.events == []
        stage.events.keep(answer(1))
        for _ in range(3):
            await stage.look()
        assert stage.kinds() == [EventKind.BUDGET_CROSSED, EventKind.ALERT_RAISED]
        (alert,) = stage.told.alerts
        assert alert.finding.severity is Severity.WARNING
        assert "budget daily: 50% reached, $0.50 of $1.00 spent" in alert.finding.text
        keys = {one.key for one in stage.recorded.events}
        stage.again()
        await stage.look()
        assert {one.key for one in stage.recorded.events} < keys  # kept once: the key is the same
        assert stage.told.alerts == []
        (state,) = await stage.keeper.states()
        assert (state.percent, state.crossed, state.spent.nanodollars) == (50, (50,), DOLLAR // 2)


async def test_agents_that_spend_beyond_a_step_are_held_once(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.events.keep(answer(DOLLAR), answer(1, agent=""))
        await stage.look()
        assert stage.handler.done == [("suspend", "ada")]
        await stage.look()
        stage.again()
        stage.events.keep(answer(1), answer(1, agent="bob"))
        await stage.look()
        assert stage.handler.done == [("suspend", "bob")]  # ada stands still already


async def test_limits_that_were_raised_are_crossed_again(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        stage.path.write_text(DAILY.replace("dollars = 1", "dollars = 10"))
        await stage.look()
        assert await stage.alerts.listed() == ()
        stage.events.keep(answer(9 * DOLLAR))
        await stage.look()
        assert stage.handler.done == [("suspend", "ada"), ("resume", "ada"), ("suspend", "ada")]
        assert len(await stage.alerts.listed()) == 2


async def test_another_day_begins_anew(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        assert len(await stage.alerts.listed()) == 2
        stage.clock.advance(12 * 3600)
        await stage.look()
        assert await stage.alerts.listed() == ()
        stage.events.keep(answer(DOLLAR // 2, at=stage.clock.now()), answer(DOLLAR))  # one is late
        await stage.look()
        (state,) = await stage.keeper.states()
        assert state.spent == Spending(DOLLAR // 2, 10, 0, 1)


async def test_agents_are_stopped_and_those_that_cannot_be_held_are_tried_again(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path, DAILY.replace("pause", "stop")) as stage:
        stage.events.keep(answer(DOLLAR))
        stage.handler.error = TerminalUnavailableError("away")
        await stage.look()
        stage.handler.error = None
        await stage.look()
        assert stage.handler.done == [("stop", "ada")]
        stage.events.keep(answer(1, agent="bob"))
        stage.handler.error = NotFoundError("agent", "bob")
        await stage.look()
        stage.handler.error = None
        await stage.look()
        assert stage.handler.done == [("stop", "ada")]  # bob is none of ours


async def test_each_part_has_its_own_budget(tmp_path: Path) -> None:
    text = """
    [budgets.agents]
    period = "week"
    scope = "agent"
    tokens = 100
    [budgets.conversations]
    scope = "conversation"
    tokens = 100
    """
    async with staged(tmp_path, text) as stage:
        old = NOON - timedelta(days=30)
        stage.events.keep(
            answer(1, 60), answer(1, 30, agent="bob", conversation="c2"), answer(1, 25),
            answer(1, 99, at=old, conversation="c3"), answer(1, 10, at=old),
        )  # fmt: skip
        await stage.look()
        found = [(one.budget.name, one.part, one.percent) for one in await stage.keeper.states()]
        assert found == [
            ("agents", "ada", 85), ("agents", "bob", 30),
            ("conversations", "c1", 95), ("conversations", "c2", 30),
        ]  # fmt: skip
        by_subject = {one.finding.subject: one.finding for one in stage.told.alerts}
        assert len(by_subject) == 4
        agents = [one.agent for one in by_subject.values() if "agents" in one.subject]
        assert agents == ["ada", "ada"]


async def test_a_named_team_has_the_teams_below_it(tmp_path: Path) -> None:
    text = '[budgets.dev]\nscope = "team"\nof = "dev"\nperiod = "ever"\ntokens = 100\n'
    async with staged(tmp_path, text) as stage:
        dev = Team(TeamName("dev"), None, "", NOON)
        web = Team(TeamName("web"), dev.name, "", NOON)
        stage.agents.registry = Registry((), (dev, web))
        stage.events.keep(answer(1, 30), answer(1, 20, team="web"), answer(1, 40, team="ops"))
        await stage.look()
        (state,) = await stage.keeper.states()
        assert (state.spent.tokens, state.part) == (50, "")
        assert [one.finding.team for one in stage.told.alerts] == ["dev"]


async def test_what_nobody_knows_the_price_of_is_said(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.events.keep(answer(DOLLAR // 2), answer(None, 1234))
        await stage.look()
        (alert,) = stage.told.alerts
        assert "the cost of 1,234 tokens is unknown" in alert.finding.text


async def test_a_file_that_nobody_understands_leaves_the_last_budgets(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.look()
        stage.path.write_text("nonsense")
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        assert stage.handler.done == [("suspend", "ada")]
        assert AlertKind.BUDGET_FILE in {one.finding.kind for one in stage.told.alerts}
        stage.path.write_text(DAILY)
        await stage.look()
        open_ones = await stage.alerts.listed()
        assert AlertKind.BUDGET_FILE not in {one.finding.kind for one in open_ones}


@pytest.mark.parametrize("seed", range(3))
async def test_sums_are_those_of_the_events_whatever_restarts(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    async with staged(tmp_path) as stage:
        expected: defaultdict[str, int] = defaultdict(int)
        for _ in range(12):
            for _ in range(dice.randrange(9)):
                agent, nano = dice.choice(["ada", "bob", ""]), dice.randrange(1000)
                stage.events.keep(answer(nano, agent=agent))
                expected[agent] += nano
            stage.again()
            # A daemon that dies amid it has counted whole parts or nothing.
            with anyio.CancelScope() as scope:
                scope.cancel()
                await stage.count()
            stage.events.closed = False
            if dice.random() < 0.5:
                await stage.count()
        await stage.count()
        (state,) = await stage.keeper.states() or (None,)
        assert state is not None
        assert state.spent.nanodollars == sum(expected.values())
        assert sum(one.answers for one in spending_of(stage.events.kept).values()) == len(
            stage.events.kept
        )


async def test_events_that_were_moved_away_are_counted_from_the_beginning(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.store.budgets.add(0, 1000, {})
        stage.events.keep(answer(5))
        await stage.count()
        assert (stage.keeper.ledger.number, await stage.store.budgets.position()) == (1, 1)


async def test_spending_is_acted_on_while_it_runs(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        async with stage.keeper.running():
            stage.events.keep(answer(DOLLAR))
            with anyio.fail_after(20):
                await stage.handler.acted.wait()
        assert stage.handler.done == [("suspend", "ada")]
