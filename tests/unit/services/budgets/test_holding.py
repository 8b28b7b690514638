from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest
from tests.unit.services.budgets.keepers import DAILY, DOLLAR, Stage, staged
from tests.unit.services.budgets.spenders import NOON, answer

from iterm_mcp.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    StoreError,
    TerminalUnavailableError,
)
from iterm_mcp.models.agents import Agent, Registry, Team
from iterm_mcp.models.alerts import AlertKind, Finding, Severity
from iterm_mcp.models.events import EventKind
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.services.budgets import keeping

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.models.budgets import Crossing

TWO = """
time_zone = "UTC"
[budgets.daily]
period = "day"
dollars = 1
steps = { 100 = "pause" }
[budgets.weekly]
period = "week"
dollars = 1
steps = { 100 = "pause", 150 = "pause" }
"""


def registered(*names: str, session: str = "S1", teams: tuple[str, ...] = ("dev",)) -> Registry:
    of = tuple(TeamName(one) for one in teams)
    agents = tuple(
        Agent(AgentName(one), "claude", SessionId(session), of, "", NOON) for one in names
    )
    return Registry(agents, tuple(Team(one, None, "", NOON) for one in of))


async def test_a_pause_holds_all_that_it_covers_and_says_how_long(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        assert stage.why("bob") == (
            "budget daily is spent to 100%, and holds from 100% until 2026-01-08 00:00 UTC: "
            "raise it in budgets.toml, or let it go with `iterm-mcp budgets release daily`"
        )
        assert stage.why(kind="shell") == "", "a plain shell spends nothing"
        (state,) = await stage.keeper.states()
        assert state.holds is not None
        assert (state.holds.percent, state.released_by) == (100, "")


async def test_a_warning_holds_nobody(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.events.keep(answer(DOLLAR // 2))
        await stage.look()
        assert (stage.why(), stage.handler.done) == ("", [])


async def test_who_raises_the_limit_lets_everybody_go(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        stage.path.write_text(DAILY.replace("dollars = 1", "dollars = 3"))
        await stage.look()
        assert stage.why() == ""
        assert stage.handler.done == [("suspend", "ada"), ("resume", "ada")]


async def test_a_person_releases_until_the_next_step(tmp_path: Path) -> None:
    text = DAILY.replace('100 = "pause"', '100 = "pause", 150 = "pause"')
    async with staged(tmp_path, text) as stage:
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        (state,) = await stage.keeper.release("daily", "", " eva ")
        assert (state.holds, state.released_by) == (None, "eva")
        assert stage.why() == ""
        assert stage.handler.done == [("suspend", "ada"), ("resume", "ada")]
        assert stage.kinds()[-1] is EventKind.BUDGET_RELEASED
        stage.again()  # and the next daemon knows
        await stage.look()
        assert stage.why() == ""
        stage.events.keep(answer(DOLLAR // 2))
        await stage.look()
        assert "holds from 150%" in stage.why()
        assert stage.handler.done == [("suspend", "ada")]


async def test_what_holds_nobody_cannot_be_released(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        with pytest.raises(NotFoundError, match="daily"):
            await stage.keeper.release("daily", "", "eva")
        stage.events.keep(answer(1))
        await stage.look()
        with pytest.raises(ConflictError, match="holds nobody"):
            await stage.keeper.release("daily", "", "eva")
        with pytest.raises(NotFoundError, match="daily of bob"):
            await stage.keeper.release("daily", "bob", "eva")
        with pytest.raises(InvalidRequestError, match="nobody releases"):
            await stage.keeper.release("daily", "", " ")


async def test_who_acknowledges_the_step_that_holds_lets_go(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        warned, paused = await stage.alerts.listed()
        for alert in (warned, paused):
            seen = await stage.alerts.acknowledge(alert.alert_id, "eva")
            assert "holds from" in stage.why()
            await stage.keeper.acknowledged(seen)
        assert stage.why() == ""
        await stage.alerts.raise_alert(Finding(AlertKind.STUCK, "ada", Severity.WARNING, "x"))
        await stage.keeper.acknowledged((await stage.alerts.listed())[-1])
        assert stage.handler.done == [("suspend", "ada"), ("resume", "ada")]


async def test_of_two_budgets_both_must_let_go(tmp_path: Path) -> None:
    async with staged(tmp_path, TWO) as stage:
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        assert stage.why().count("budget ") == 2
        assert stage.handler.done == [("suspend", "ada")]
        await stage.keeper.release("daily", "", "eva")
        assert stage.why().startswith("budget weekly is spent")
        assert stage.handler.done == [("suspend", "ada")]
        await stage.keeper.release("weekly", "", "eva")
        assert stage.why() == ""
        assert stage.handler.done == [("suspend", "ada"), ("resume", "ada")]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)]
)
async def test_all_go_on_when_the_day_turns_where_the_user_is(
    tmp_path: Path, day: str, hours: int
) -> None:
    """Also on the days on which clocks are put forward, and back."""
    async with staged(tmp_path, DAILY.replace("UTC", "Europe/Berlin")) as stage:
        begun = datetime.fromisoformat(f"{day}T00:00:00+02:00").astimezone(UTC)
        if hours == 23:
            begun += timedelta(hours=1)  # it is winter still
        stage.clock.advance((begun - stage.clock.now()).total_seconds())
        stage.events.keep(answer(DOLLAR, at=begun))
        await stage.look()
        stage.clock.advance(hours * 3600 - 1)
        await stage.look()
        assert "holds" in stage.why()
        stage.clock.advance(1)
        await stage.look()
        assert stage.why() == ""
        assert stage.handler.done == [("suspend", "ada"), ("resume", "ada")]


async def test_a_clock_that_jumps_and_is_set_back_holds_again(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        stage.clock.advance(2 * 86400)
        await stage.look()
        assert (stage.why(), await stage.alerts.listed()) == ("", ())
        stage.clock.set_back(2 * 86400)
        await stage.look()
        assert "holds" in stage.why()
        assert stage.handler.done == [("suspend", "ada"), ("resume", "ada"), ("suspend", "ada")]
        assert len(await stage.alerts.listed()) == 2
        assert stage.kinds().count(EventKind.BUDGET_CROSSED) == 4  # of two keys
        crossed = [one for one in stage.recorded.events if one.kind is EventKind.BUDGET_CROSSED]
        assert len({one.key for one in crossed}) == 2


async def test_a_daemon_killed_before_it_acts_lets_nothing_slip(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.events.keep(answer(DOLLAR))
        await stage.count()  # and is killed
        stage.again()
        assert stage.why() == "what was spent is being added up"
        await stage.keeper.look()
        assert "holds" in stage.why()
        assert stage.handler.done == [("suspend", "ada")]


@pytest.mark.parametrize("act", ["pause", "stop"])
async def test_a_daemon_killed_amid_the_act_does_it_again(tmp_path: Path, act: str) -> None:
    async with staged(tmp_path, DAILY.replace("pause", act)) as stage:
        stage.events.keep(answer(DOLLAR))
        stage.handler.dies = RuntimeError("killed")
        with pytest.raises(BaseExceptionGroup):
            await stage.look()
        stage.again()
        await stage.look()
        stage.clock.advance(86400)
        await stage.look()
        # One that we had noted, and not yet suspended, or had, is let go in either case.
        assert stage.handler.done == ([("resume", "ada")] if act == "pause" else [("stop", "ada")])
        assert stage.suspended == set()


async def test_whom_a_person_has_suspended_a_person_lets_go(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.suspended.add("ada")
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        await stage.keeper.release("daily", "", "eva")
        assert (stage.handler.done, stage.suspended) == ([], {"ada"})


async def test_who_cannot_be_let_go_now_is_let_go_later(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        stage.handler.error = TerminalUnavailableError("away")
        stage.clock.advance(86400)
        await stage.look()
        assert await stage.store.budgets.suspended() == {"ada"}
        stage.handler.error = ConflictError("it does not run", hint="")
        await stage.look()
        assert await stage.store.budgets.suspended() == frozenset()


async def test_turns_may_go_on_to_their_end(tmp_path: Path) -> None:
    async with staged(tmp_path, DAILY + 'turns = "finish"\n') as stage:
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        assert "holds" in stage.why()
        assert stage.handler.done == []
        texts = [one.finding.text for one in stage.told.alerts]
        assert "turns under way go on, and none is told or started anything" in texts[-1]


async def test_turns_are_interrupted_once(tmp_path: Path) -> None:
    async with staged(tmp_path, DAILY + 'turns = "interrupt"\n') as stage:
        stage.events.keep(answer(DOLLAR))
        for _ in range(2):
            await stage.look()
        assert stage.handler.done == [("interrupt", "ada")]


async def test_a_stop_ends_those_whom_another_budget_suspends(tmp_path: Path) -> None:
    text = TWO.replace('150 = "pause"', '150 = "stop"')
    async with staged(tmp_path, text) as stage:
        stage.events.keep(answer(DOLLAR))
        await stage.look()
        stage.events.keep(answer(DOLLAR // 2))
        stage.handler.done.clear()
        await stage.look()
        assert stage.handler.done[0] == ("stop", "ada")
        assert "budget weekly is spent to 150%" in stage.why()
        assert "are stopped, and none is told or started" in stage.told.alerts[-1].finding.text


async def test_a_file_half_edited_at_the_start_holds_everybody(tmp_path: Path) -> None:
    async with staged(tmp_path, "nonsense") as stage:
        await stage.look()
        assert "budgets.toml cannot be used" in stage.why()
        stage.path.write_text(DAILY)
        await stage.look()
        assert stage.why() == ""
        stage.path.write_text("nonsense")  # now the last one holds
        await stage.look()
        assert stage.why() == ""


async def test_a_budget_of_an_agent_holds_that_agent(tmp_path: Path) -> None:
    text = '[budgets.each]\nscope = "agent"\nperiod = "day"\ntokens = 100\nsteps = {100="pause"}\n'
    async with staged(tmp_path, text) as stage:
        stage.events.keep(answer(1, 100), answer(1, 150, agent="bob"), answer(1, 1, agent="cy"))
        await stage.look()
        assert stage.why("bob").endswith("`iterm-mcp budgets release each --of bob`")
        assert (bool(stage.why("ada")), stage.why("cy")) == (True, "")
        await stage.keeper.release("each", "bob", "eva")
        assert (bool(stage.why("ada")), stage.why("bob")) == (True, "")
        await stage.keeper.release("each", "", "eva")
        assert stage.why("ada") == ""


async def test_a_budget_of_a_team_holds_those_who_count_with_it(tmp_path: Path) -> None:
    text = (
        '[budgets.dev]\nscope = "team"\nof = "dev"\nperiod = "ever"\ntokens = 100\n'
        'steps = {100 = "pause"}\n'
    )
    async with staged(tmp_path, text) as stage:
        dev = Team(TeamName("dev"), None, "", NOON)
        stage.agents.registry = Registry((), (dev, Team(TeamName("web"), dev.name, "", NOON)))
        stage.events.keep(answer(1, 100, team="web"))
        await stage.look()
        assert "until it is raised or released" in stage.why(team="dev")
        assert stage.why("bob", team="web")
        assert not stage.why("bob", team="ops")
        both = (TeamName("web"), TeamName("all"))
        assert not stage.holds.why(AgentName("cy"), "claude", both), "it counts with the first"


async def test_a_budget_of_a_session_holds_who_lives_there(tmp_path: Path) -> None:
    text = '[budgets.each]\nscope = "session"\ntokens = 100\nsteps = {100 = "pause"}\n'
    async with staged(tmp_path, text) as stage:
        stage.agents.registry = registered("ada", session="s1")
        stage.events.keep(answer(1, 100))
        await stage.look()
        assert (bool(stage.why("ada")), stage.why("bob")) == (True, "")
        assert stage.handler.done == [("suspend", "ada")]


async def test_a_conversation_holds_its_agent_however_long_it_waits(tmp_path: Path) -> None:
    text = '[budgets.each]\nscope = "conversation"\ntokens = 100\nsteps = {100 = "pause"}\n'
    async with staged(tmp_path, text) as stage:
        stage.events.keep(answer(1, 100), answer(1, 100, agent="bob", conversation="c2"))
        await stage.look()
        assert stage.why("ada")
        stage.clock.advance(3 * 86400)
        later = stage.clock.now()
        stage.events.keep(answer(1, 1, agent="bob", conversation="c3", at=later))
        await stage.look()
        assert stage.why("ada"), "for the very reason that it is held it has spent nothing since"
        assert not stage.why("bob"), "it has gone on to another conversation"
        assert sorted(stage.handler.done[:2]) == [("suspend", "ada"), ("suspend", "bob")]
        assert stage.handler.done[2:] == [("resume", "bob")]


async def running(stage: Stage) -> None:
    with anyio.fail_after(20):
        await stage.handler.acted.wait()


async def test_a_new_daemon_counts_before_it_lets_anything_go(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.events.keep(*(answer(1) for _ in range(20)), answer(DOLLAR))
        async with stage.keeper.running():
            await running(stage)
            assert "holds" in stage.why()
    async with staged(tmp_path, "nonsense") as stage, stage.keeper.running():
        assert "cannot be used" in stage.why()


async def test_without_a_budget_nobody_is_held_from_the_first_moment_on(tmp_path: Path) -> None:
    async with staged(tmp_path, "") as stage:
        assert stage.why()
        async with stage.keeper.running():
            assert stage.why() == ""


async def test_a_store_that_fails_holds_everybody_until_it_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(keeping, "LEAST_SECONDS", 0.0)
    async with staged(tmp_path) as stage:
        stage.events.keep(answer(DOLLAR))
        crossings, failed = stage.store.budgets.crossings, anyio.Event()

        async def untidy(_now: datetime) -> None:
            raise StoreError("the disk is away")

        async def fails_once(since: datetime) -> tuple[Crossing, ...]:
            if failed.is_set():
                return await crossings(since)
            assert stage.why() == "what was spent is being added up"
            failed.set()
            raise StoreError("the disk is away")

        monkeypatch.setattr(stage.store.budgets, "tidy", untidy)
        monkeypatch.setattr(stage.store.budgets, "crossings", fails_once)
        async with stage.keeper.running():
            await running(stage)
        assert failed.is_set()
        assert "holds" in stage.why()


async def test_what_cannot_be_noted_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_what: object) -> None:
        raise StoreError("the disk is away")

    async with staged(tmp_path, DAILY.replace("pause", "stop")) as stage:
        stage.events.keep(answer(DOLLAR))
        with monkeypatch.context() as patched:
            patched.setattr(stage.store.budgets, "note_act", fails)
            await stage.look()
        await stage.look()
        await stage.look()
        assert stage.handler.done == [("stop", "ada"), ("stop", "ada")]
