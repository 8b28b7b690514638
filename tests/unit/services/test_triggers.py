"""A trigger acts when its pattern is printed: soon, not too often, and never on its own doing."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.waiting import eventually

from iterm_mcp.app import make_services
from iterm_mcp.errors import InvalidRequestError, NotFoundError, RefusedError, StoreError
from iterm_mcp.models.cursors import Cursor
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.sessions import Program
from iterm_mcp.models.triggers import Act, Trigger, TriggerId
from iterm_mcp.services.output import triggers as module
from iterm_mcp.services.output.following import Stretch
from iterm_mcp.services.output.trigger_rules import LOOP_LENGTH, Lines, Rule, pieces
from iterm_mcp.telemetry import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.app import Services
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal


def trigger(session_id: str, pattern: str = "ready", **values: Any) -> Trigger:  # noqa: ANN401
    return replace(Trigger(TriggerId("new"), SessionId(session_id), pattern, Act.NOTIFY), **values)


def stretch(*lines: str, partial: str = "", **values: Any) -> Stretch:  # noqa: ANN401
    plain = Stretch(
        lines,
        partial,
        lost=0,
        cleared=False,
        full_screen=False,
        typed=(),
        cursor=Cursor("x", 0, 0, "0000"),
    )
    return replace(plain, **values)


@pytest.fixture
async def services(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> AsyncIterator[Services]:
    made = make_services(terminal, store, clock, Metrics())
    async with made.deliveries.running(), made.triggers.running():
        yield made


@pytest.fixture
async def session_id(terminal: FakeTerminal) -> SessionId:
    return (await terminal.open_session(Program())).session_id


async def last(services: Services) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await services.triggers.described())["last"]
    return found


async def listed(services: Services) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await services.triggers.described())["triggers"]
    return found


def is_long(length: int, found: list[dict[str, Any]]) -> bool:
    return len(found) == length


def prints(terminal: FakeTerminal, session_id: SessionId, text: str) -> None:
    """Let a session print something that nobody typed through us."""
    terminal.shell(session_id).type(f"echo {text}\r")


async def test_a_trigger_notes_the_line_that_matched(
    services: Services, terminal: FakeTerminal, session_id: SessionId
) -> None:
    added = await services.triggers.add(trigger("active", "re+ady"))

    prints(terminal, session_id, "now reeeady")

    (fired, *_) = await eventually(lambda: last(services))
    assert fired["trigger_id"] == added.trigger_id
    assert fired["session_id"] == session_id
    assert "reeeady" in fired["line"]


async def test_what_was_typed_through_us_sets_nothing_off(
    services: Services, terminal: FakeTerminal, session_id: SessionId
) -> None:
    await services.triggers.add(trigger(session_id, "secret"))
    await services.triggers.add(trigger(session_id, "other"))

    await terminal.send_text(session_id, "# secret\r")
    prints(terminal, session_id, "other")

    await eventually(lambda: last(services))
    assert {one["line"] for one in await last(services) if "secret" in one["line"]} == set()


async def test_a_trigger_types_into_another_session(
    services: Services, terminal: FakeTerminal, session_id: SessionId
) -> None:
    other = (await terminal.open_session(Program())).session_id
    await services.triggers.add(
        trigger(session_id, act=Act.TEXT, to=other, text="echo go", enter=True)
    )

    prints(terminal, session_id, "ready")

    await eventually(lambda: terminal.typed(other) == "echo go\r")


async def test_a_trigger_presses_keys_in_its_own_session(
    services: Services, terminal: FakeTerminal, session_id: SessionId
) -> None:
    await services.triggers.add(trigger(session_id, act=Act.KEYS, text="y enter", per_minute=1))

    prints(terminal, session_id, "ready")

    await eventually(lambda: terminal.typed(session_id).endswith("y\r"))


@pytest.mark.parametrize("to", ["worker", "team:crew"])
async def test_a_trigger_gives_an_agent_or_a_team_a_message(
    services: Services, terminal: FakeTerminal, session_id: SessionId, to: str
) -> None:
    worker = (await terminal.open_session(Program())).session_id
    await services.agents.create_team(TeamName("crew"))
    await services.agents.register_agent(AgentName("worker"), worker, teams=[TeamName("crew")])
    await services.triggers.add(trigger(session_id, act=Act.MESSAGE, to=to, text="look"))

    prints(terminal, session_id, "ready")

    await eventually(lambda: "look" in terminal.typed(worker))
    (fired, *_) = await eventually(lambda: last(services))
    assert "problem" not in fired


async def test_an_act_that_fails_is_told_with_its_reason(
    services: Services, terminal: FakeTerminal, session_id: SessionId
) -> None:
    await services.triggers.add(trigger(session_id, act=Act.MESSAGE, to="nobody", text="look"))
    prints(terminal, session_id, "ready")
    (fired, *_) = await eventually(lambda: last(services))
    assert "nobody" in fired["problem"]


async def test_a_message_that_is_refused_is_told_with_its_reason(
    services: Services, terminal: FakeTerminal, session_id: SessionId
) -> None:
    worker = (await terminal.open_session(Program())).session_id
    await services.agents.register_agent(AgentName("worker"), worker)
    await terminal.close_session(worker)
    await services.triggers.add(trigger(session_id, act=Act.MESSAGE, to="worker", text="look"))

    prints(terminal, session_id, "ready")

    (fired, *_) = await eventually(lambda: last(services))
    assert fired["problem"].startswith("worker: ")


async def test_triggers_stand_again_after_a_restart(
    services: Services, terminal: FakeTerminal, session_id: SessionId, store: Store,
    clock: FakeClock,
) -> None:  # fmt: skip
    added = await services.triggers.add(
        trigger(session_id, act=Act.KEYS, text="y enter", ignore_case=True, per_minute=3)
    )
    again = make_services(terminal, store, clock, Metrics())
    async with again.triggers.running():
        (found,) = await listed(again)
        assert found["trigger_id"] == added.trigger_id
        assert (await store.triggers.load()) == (added,)
        await eventually(lambda: terminal.watched() == 1)


async def test_a_session_that_is_not_there_after_a_restart_keeps_its_trigger_for_later(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    lost = trigger("00000000-0000-4000-8000-00000000dead")
    await store.triggers.add(lost)
    again = make_services(terminal, store, clock, Metrics())
    async with again.triggers.running():
        await eventually(lambda: listed(again), lambda found: found[0].get("stopped"))
    assert await store.triggers.load() == (lost,)


async def test_triggers_end_with_their_session(
    services: Services, terminal: FakeTerminal, session_id: SessionId, store: Store
) -> None:
    await services.triggers.add(trigger(session_id))

    await terminal.close_session(session_id)

    await eventually(lambda: listed(services), lambda found: not found)
    await eventually(store.triggers.load, lambda kept: kept == ())
    assert terminal.watched() == 0


async def test_a_trigger_that_is_removed_acts_no_more_and_the_last_ends_the_watch(
    services: Services, terminal: FakeTerminal, session_id: SessionId, store: Store
) -> None:
    first = await services.triggers.add(trigger(session_id))
    second = await services.triggers.add(trigger(session_id))

    await services.triggers.remove(first.trigger_id)
    assert len(await listed(services)) == 1
    await services.triggers.remove(second.trigger_id)

    assert await store.triggers.load() == ()
    await eventually(lambda: terminal.watched() == 0)
    with pytest.raises(NotFoundError):
        await services.triggers.remove(second.trigger_id)


async def test_a_trigger_goes_on_after_the_terminal_was_away(
    services: Services, terminal: FakeTerminal, session_id: SessionId
) -> None:
    await services.triggers.add(trigger(session_id))
    terminal.lose()
    prints(terminal, session_id, "ready")

    terminal.recover()

    await eventually(lambda: last(services))


async def test_a_trigger_that_feeds_itself_is_stopped(
    services: Services, terminal: FakeTerminal, session_id: SessionId, store: Store
) -> None:
    other = (await terminal.open_session(Program())).session_id
    await services.triggers.add(trigger(session_id, act=Act.TEXT, to=other, text="x"))
    for number in range(LOOP_LENGTH):
        prints(terminal, session_id, f"ready {number}")
        await eventually(lambda: last(services), partial(is_long, number + 1))

    (kept,) = await store.triggers.load()

    assert "again and again" in kept.stopped
    prints(terminal, session_id, "ready once more")
    assert len(await last(services)) == LOOP_LENGTH


async def test_a_stop_that_cannot_be_kept_still_stops(
    services: Services, terminal: FakeTerminal, session_id: SessionId, store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    await services.triggers.add(trigger(session_id))

    async def fail(_self: object, _ids: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(type(store.triggers), "remove", fail)
    await terminal.close_session(session_id)
    await eventually(lambda: listed(services), lambda found: not found)


@pytest.mark.parametrize(
    ("wrong", "about"),
    [
        ({"pattern": "("}, "regular expression"),
        ({"pattern": ""}, "no pattern"),
        ({"per_minute": 0}, "times a minute"),
        ({"act": Act.TEXT, "text": "x" * 10_001}, "characters"),
        ({"act": Act.TEXT, "enter": False}, "nothing to type"),
        ({"act": Act.KEYS}, "no keys"),
        ({"act": Act.KEYS, "text": "hyper-x"}, "hyper"),
        ({"act": Act.MESSAGE, "text": "x"}, "an agent"),
    ],
)
async def test_a_trigger_that_cannot_be_is_refused(
    services: Services, session_id: SessionId, wrong: dict[str, Any], about: str
) -> None:
    with pytest.raises(InvalidRequestError, match=about):
        await services.triggers.add(replace(trigger(session_id), **wrong))
    assert await listed(services) == []


async def test_a_trigger_needs_a_session_that_stands_and_room(
    services: Services, session_id: SessionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFoundError):
        await services.triggers.add(trigger("00000000-0000-4000-8000-00000000dead"))
    monkeypatch.setattr(module, "MAX_TRIGGERS", 0)
    with pytest.raises(RefusedError):
        await services.triggers.add(trigger(session_id))


async def test_nothing_is_set_while_all_is_closed(
    terminal: FakeTerminal, store: Store, clock: FakeClock, session_id: SessionId
) -> None:
    with pytest.raises(RefusedError) as error:
        await make_services(terminal, store, clock, Metrics()).triggers.add(trigger(session_id))
    assert error.value.code == "stopping"


# The rules alone.


def test_a_trigger_acts_only_so_often_a_minute(clock: FakeClock) -> None:
    rule = Rule(trigger("x", per_minute=2), clock)
    assert [rule.may_act() for _ in range(4)] == [True, True, False, False]
    assert rule.held_back == 2

    clock.advance(60)

    assert rule.may_act()
    assert rule.fired == 3


def test_a_trigger_that_only_tells_may_tell_as_often_as_it_likes(clock: FakeClock) -> None:
    rule = Rule(trigger("x"), clock)
    for _ in range(LOOP_LENGTH + 1):
        rule.may_act()
    assert not rule.feeds_itself()


def test_acts_with_time_between_are_no_loop(clock: FakeClock) -> None:
    rule = Rule(trigger("x", act=Act.TEXT), clock)
    for _ in range(LOOP_LENGTH + 1):
        clock.advance(3)
        rule.may_act()
    assert not rule.feeds_itself()


def hits(lines: Lines, rule: Rule, one: Stretch) -> list[str]:
    return [line for _, line in lines.hits(one, [rule])]


def test_a_line_that_grows_sets_a_trigger_off_once_for_each_match(clock: FakeClock) -> None:
    lines, rule = Lines(clock), Rule(trigger("x", "ok"), clock)
    assert hits(lines, rule, stretch(partial="a ok")) == ["a ok"]
    assert hits(lines, rule, stretch(partial="a ok b")) == []
    assert hits(lines, rule, stretch(partial="a ok b ok")) == ["a ok b ok"]
    assert hits(lines, rule, stretch("a ok b ok", partial="ok")) == ["ok"]
    assert hits(lines, rule, stretch("ok", "ok", partial="")) == ["ok"]


def test_a_line_that_is_written_anew_and_shorter_may_match_again(clock: FakeClock) -> None:
    lines, rule = Lines(clock), Rule(trigger("x", "ok"), clock)
    hits(lines, rule, stretch(partial="12345 ok"))
    assert hits(lines, rule, stretch(partial="ok")) == ["ok"]


def test_a_screen_that_is_drawn_anew_sets_nothing_off_again(clock: FakeClock) -> None:
    lines, rule = Lines(clock), Rule(trigger("x", "ok"), clock)
    hits(lines, rule, stretch("ok one", partial="$"))
    again = stretch("ok one", "ok two", partial="ok last", cleared=True)
    assert hits(lines, rule, again) == ["ok two", "ok last"]
    assert hits(lines, rule, again) == []


def test_lost_lines_forget_how_far_the_last_was_read(clock: FakeClock) -> None:
    lines, rule = Lines(clock), Rule(trigger("x", "ok"), clock)
    hits(lines, rule, stretch(partial="ok"))
    assert hits(lines, rule, stretch("ok", lost=5)) == ["ok"]


def test_a_match_in_what_was_typed_counts_for_nothing_for_ten_seconds(clock: FakeClock) -> None:
    lines, rule = Lines(clock), Rule(trigger("x", "ok|yes"), clock)
    assert hits(lines, rule, stretch(partial="$ echo ok", typed=("echo ok\r", "\r"))) == []
    assert hits(lines, rule, stretch("$ echo ok", "ok")) == ["ok"]
    assert hits(lines, rule, stretch(partial="echo ok and yes")) == ["echo ok and yes"]
    clock.advance(10)
    assert hits(lines, rule, stretch("", "echo ok")) == ["echo ok"]


def test_a_long_stretch_is_looked_at_in_pieces_with_nothing_lost_or_doubled() -> None:
    texts = tuple(str(number) for number in range(450))
    cut = list(pieces(stretch(*texts, partial="end", lost=3, typed=("x",))))
    assert [line for one in cut for line in one.lines] == list(texts)
    assert [one.partial for one in cut] == ["", "", "end"]
    assert [(one.lost, one.typed) for one in cut] == [(3, ("x",)), (0, ()), (0, ())]


def test_matches_of_nothing_are_no_matches(clock: FakeClock) -> None:
    assert hits(Lines(clock), Rule(trigger("x", "x*"), clock), stretch("abc", "")) == []


def test_only_so_many_lines_are_remembered(clock: FakeClock) -> None:
    lines, rule = Lines(clock), Rule(trigger("x", "1"), clock)
    hits(lines, rule, stretch(*[f"1 {number}" for number in range(1500)]))
    again = hits(lines, rule, stretch(*[f"1 {number}" for number in range(1500)], cleared=True))
    assert again == [f"1 {number}" for number in range(500)] + again[500:]


async def test_a_trigger_types_nothing_into_a_session_that_another_one_has_locked_since(
    services: Services, terminal: FakeTerminal, session_id: SessionId
) -> None:
    await services.triggers.add(trigger(session_id, act=Act.TEXT, text="echo go"))
    await services.locks.lock(session_id, owner="ann", ttl_seconds=60)

    prints(terminal, session_id, "ready")

    (fired, *_) = await eventually(lambda: last(services))
    assert "locked by 'ann'" in fired["problem"]
    assert "echo go" not in terminal.typed(session_id)


@pytest.mark.parametrize("act", [Act.TEXT, Act.KEYS])
async def test_nobody_sets_a_trigger_that_would_type_into_anothers_session(
    services: Services, session_id: SessionId, act: Act
) -> None:
    await services.locks.lock(session_id, owner="ann", ttl_seconds=60)

    with pytest.raises(RefusedError, match="locked by 'ann'"):
        await services.triggers.add(trigger(session_id, act=act, text="a"))
    assert await listed(services) == []
    assert (await services.triggers.add(trigger(session_id))).act is Act.NOTIFY


async def test_a_trigger_types_under_the_lock_of_its_setter_also_after_a_restart(
    terminal: FakeTerminal, store: Store, clock: FakeClock, session_id: SessionId
) -> None:
    before = make_services(terminal, store, clock, Metrics())
    async with before.triggers.running():
        lock = await before.locks.lock(session_id, owner="ann", ttl_seconds=60)
        await before.triggers.add(
            trigger(session_id, act=Act.TEXT, text="echo go", lock_id=lock.lock_id)
        )
        assert lock.lock_id not in str(await before.triggers.described())

    after = make_services(terminal, store, clock, Metrics())
    async with after.triggers.running():

        def acts() -> bool:  # what is printed before the trigger is armed again does not count
            prints(terminal, session_id, "ready")
            return "echo go\r" in terminal.typed(session_id)

        await eventually(acts)


async def test_a_message_of_a_trigger_comes_under_its_lock(
    services: Services, terminal: FakeTerminal, session_id: SessionId
) -> None:
    other = (await terminal.open_session(Program())).session_id
    await services.agents.register_agent(AgentName("ben"), other)
    lock = await services.locks.lock(other, owner="ann", ttl_seconds=60)
    await services.triggers.add(
        trigger(session_id, act=Act.MESSAGE, to="ben", text="go", lock_id=lock.lock_id)
    )

    prints(terminal, session_id, "ready")

    await eventually(lambda: terminal.typed(other) == "go\r")
