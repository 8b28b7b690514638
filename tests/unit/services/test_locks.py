"""Who may type into a locked session, for how long, and how a lock ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from iterm_mcp.errors import ConflictError, InvalidRequestError, NotFoundError, RefusedError
from iterm_mcp.models.ids import LockId
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.sessions import lock_book
from iterm_mcp.services.sessions.lock_book import REMEMBERED_SECONDS, LockBook
from iterm_mcp.services.sessions.locks import LockService
from iterm_mcp.services.sessions.service import SessionService
from iterm_mcp.services.sessions.writers import SessionWriters
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.locks import Lock
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeTerminal

GUESS = LockId("0123456789abcdef")


class JumpyClock(FakeClock):
    """A clock whose wall time can be set while the seconds go on."""

    jumped = timedelta()

    def now(self) -> datetime:
        return super().now() + self.jumped


class Bench:
    """Locks over two sessions."""

    def __init__(self, terminal: FakeTerminal, store: Store, clock: FakeClock) -> None:
        sessions = SessionService(terminal)
        self.terminal = terminal
        self.clock = clock
        self.book = LockBook(store.locks, clock)
        self.writers = SessionWriters(wait_seconds=0.05, locks=self.book)
        self.locks = LockService(terminal, sessions, self.writers, self.book)
        self.one: SessionId
        self.other: SessionId

    async def open(self) -> Bench:
        self.one = (await self.terminal.open_session(Program())).session_id
        self.other = (await self.terminal.open_session(Program())).session_id
        return self

    async def lock(self, session_id: SessionId | None = None, **given: Any) -> Lock:  # noqa: ANN401
        wanted = {"owner": "ann", "ttl_seconds": 60.0, **given}
        return await self.locks.lock(session_id or self.one, **wanted)

    async def refusal(self, lock_id: LockId | None, session_id: SessionId | None = None) -> str:
        """Return the code with which a writer is refused; empty when it may type."""
        try:
            async with self.writers.hold(session_id or self.one, lock_id):
                return ""
        except RefusedError as error:
            return error.code if error.hint else "no hint"


@pytest.fixture
def jumpy() -> JumpyClock:
    return JumpyClock()


@pytest.fixture
async def bench(terminal: FakeTerminal, store: Store, jumpy: JumpyClock) -> Bench:
    return await Bench(terminal, store, jumpy).open()


async def test_only_the_holder_types_into_a_locked_session(bench: Bench) -> None:
    lock = await bench.lock()
    assert await bench.refusal(lock.lock_id) == ""
    assert await bench.refusal(None) == "session_locked"
    assert await bench.refusal(GUESS) == "session_locked"
    assert await bench.refusal(None, bench.other) == ""


async def test_who_is_refused_learns_who_holds_it_what_for_and_until_when(bench: Bench) -> None:
    lock = await bench.lock(note="release")
    bench.clock.advance(15)
    with pytest.raises(RefusedError) as caught:
        await bench.writers.check(bench.one)
    told = str(caught.value) + caught.value.hint
    assert "'ann' (release) until 00:01:00 UTC, 45 s from now" in told
    assert lock.lock_id not in told


async def test_a_lock_ends_when_its_time_is_over(bench: Bench) -> None:
    lock = await bench.lock()
    bench.clock.advance(60)
    assert await bench.refusal(None) == ""
    assert await bench.refusal(lock.lock_id) == "lock_lost"
    with pytest.raises(RefusedError, match="its time was over at 00:01:00"):
        await bench.writers.check(bench.one, lock.lock_id)


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_wall_clock_that_jumps_changes_no_lock(
    bench: Bench, jumpy: JumpyClock, hours: int
) -> None:
    lock = await bench.lock()
    jumpy.jumped = timedelta(hours=hours)
    assert await bench.refusal(None) == "session_locked"
    (standing,) = (await bench.locks.standing()).values()
    assert standing.expires_at == jumpy.now() + timedelta(seconds=60)
    jumpy.advance(60)
    assert await bench.refusal(lock.lock_id) == "lock_lost"


async def test_a_lock_outlives_the_daemon(bench: Bench, store: Store, jumpy: JumpyClock) -> None:
    lock = await bench.lock(note="release")
    jumpy.advance(20)
    later = LockBook(store.locks, jumpy)
    assert await later.standing() == (lock,)
    await later.check(bench.one, lock.lock_id)
    jumpy.advance(40)
    assert await later.standing() == ()


async def test_a_wall_clock_set_back_between_two_daemons_prolongs_no_lock(
    bench: Bench, store: Store, jumpy: JumpyClock
) -> None:
    await bench.lock()
    jumpy.jumped = timedelta(hours=-5)
    later = LockBook(store.locks, jumpy)
    assert len(await later.standing()) == 1
    jumpy.advance(60)
    assert await later.standing() == ()


async def test_a_locked_session_is_not_locked_again_by_others(bench: Bench) -> None:
    lock = await bench.lock()
    with pytest.raises(RefusedError) as caught:
        await bench.lock(owner="ben")
    assert caught.value.code == "session_locked"
    with pytest.raises(RefusedError):
        await bench.lock(lock_id=GUESS)
    assert (await bench.locks.standing())[bench.one] == lock


async def test_the_holder_prolongs_a_lock_and_keeps_what_it_said(bench: Bench) -> None:
    lock = await bench.lock(note="release")
    bench.clock.advance(50)
    longer = await bench.lock(owner="", ttl_seconds=100.0, lock_id=lock.lock_id)
    assert (longer.lock_id, longer.owner, longer.note) == (lock.lock_id, "ann", "release")
    bench.clock.advance(99)
    assert await bench.refusal(lock.lock_id) == ""


async def test_one_lock_may_hold_several_sessions(bench: Bench) -> None:
    lock = await bench.lock()
    await bench.lock(bench.other, lock_id=lock.lock_id)
    assert await bench.refusal(lock.lock_id, bench.other) == ""
    await bench.locks.unlock(bench.other, lock.lock_id)
    assert await bench.refusal(None, bench.other) == ""
    assert await bench.refusal(None) == "session_locked"


async def test_a_lock_that_nobody_granted_locks_nothing(bench: Bench) -> None:
    with pytest.raises(RefusedError, match="there is no such lock") as caught:
        await bench.lock(lock_id=GUESS)
    assert caught.value.code == "lock_lost"


async def test_only_the_holder_unlocks(bench: Bench) -> None:
    lock = await bench.lock()
    with pytest.raises(RefusedError) as caught:
        await bench.locks.unlock(bench.one, GUESS)
    assert caught.value.code == "session_locked"
    assert await bench.locks.unlock(bench.one, lock.lock_id) == bench.one
    assert await bench.refusal(None) == ""
    with pytest.raises(RefusedError, match="no such lock"):
        await bench.locks.unlock(bench.one, lock.lock_id)


async def test_a_broken_lock_is_gone_and_its_holder_is_told_who_and_why(
    bench: Bench, store: Store
) -> None:
    lock = await bench.lock()
    broken = await bench.locks.break_lock(bench.one, by="ben", reason="it hangs")
    assert broken.owner == "ann"
    assert await bench.refusal(None) == ""
    for book in (bench.book, LockBook(store.locks, bench.clock)):
        with pytest.raises(RefusedError, match=r"'ben' broke it at .*: it hangs") as caught:
            await book.check(bench.one, lock.lock_id)
        assert caught.value.code == "lock_lost"


@pytest.mark.parametrize("reason", ["", "  ", "a\nb", "x" * 201])
async def test_a_lock_is_broken_for_a_reason(bench: Bench, reason: str) -> None:
    await bench.lock()
    with pytest.raises(InvalidRequestError) as caught:
        await bench.locks.break_lock(bench.one, by="", reason=reason)
    assert caught.value.hint
    assert await bench.refusal(None) == "session_locked"


async def test_what_is_not_locked_cannot_be_broken(bench: Bench) -> None:
    with pytest.raises(InvalidRequestError, match="is not locked"):
        await bench.locks.break_lock(bench.one, by="", reason="why not")


@pytest.mark.parametrize(
    "given",
    [
        {"ttl_seconds": 0.5},
        {"ttl_seconds": 86_401.0},
        {"ttl_seconds": float("nan")},
        {"owner": "x" * 101},
        {"note": "x" * 201},
        {"note": "a\x1bb"},
    ],
)
async def test_a_lock_that_cannot_be_is_refused(bench: Bench, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await bench.lock(**given)
    assert caught.value.hint
    assert await bench.locks.standing() == {}


async def test_a_session_that_does_not_exist_is_not_locked(bench: Bench) -> None:
    await bench.terminal.close_session(bench.one)
    with pytest.raises(NotFoundError):
        await bench.lock()


async def test_a_lock_is_forgotten_once_its_session_has_ended(bench: Bench, store: Store) -> None:
    await bench.lock()
    await bench.terminal.close_session(bench.one)
    await bench.lock(bench.other)
    assert list(await bench.locks.standing()) == [bench.other]
    assert [lock.session_id for lock in await store.locks.load()] == [bench.other]


async def test_how_a_lock_ended_is_forgotten_after_a_day(bench: Bench, store: Store) -> None:
    old = await bench.lock()
    bench.clock.advance(60 + REMEMBERED_SECONDS + 1)
    new = await bench.lock()
    assert [lock.lock_id for lock in await store.locks.load()] == [new.lock_id]
    assert old.lock_id != new.lock_id


async def test_there_are_only_so_many_locks(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_book, "MAX_LOCKS", 1)
    lock = await bench.lock()
    with pytest.raises(ConflictError, match="1 sessions"):
        await bench.lock(bench.other)
    await bench.lock(lock_id=lock.lock_id)


async def test_a_lock_is_granted_once_nobody_types_any_more(bench: Bench) -> None:
    bench.writers._wait_seconds = 10
    steps: list[str] = []

    async def lock() -> None:
        await bench.lock()
        steps.append("locked")

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group, bench.writers.hold(bench.one):
            group.start_soon(lock)
            await anyio.wait_all_tasks_blocked()
            steps.append("typed")
    assert steps == ["typed", "locked"]


async def test_who_waits_for_a_turn_meanwhile_locked_is_refused(bench: Bench) -> None:
    bench.writers._wait_seconds = 10
    refused: list[str] = []

    async def write() -> None:
        refused.append(await bench.refusal(None))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group, bench.writers.turn(bench.one):
            group.start_soon(write)
            await anyio.wait_all_tasks_blocked()
            await bench.book.grant(bench.one, "ann", "", 60)
    assert refused == ["session_locked"]


async def test_two_who_lock_at_once_do_not_both_hold_it(bench: Bench) -> None:
    results: list[str] = []

    async def lock(owner: str) -> None:
        try:
            results.append((await bench.lock(owner=owner)).owner)
        except RefusedError as error:
            results.append(error.code)

    bench.writers._wait_seconds = 10
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(lock, "ann")
            group.start_soon(lock, "ben")
    assert sorted(results) == ["ann", "session_locked"]


async def test_books_opened_at_once_read_the_store_once_and_agree(
    bench: Bench, store: Store
) -> None:
    lock = await bench.lock()
    book = LockBook(store.locks, bench.clock)
    found: list[tuple[Lock, ...]] = []

    async def look() -> None:
        found.append(await book.standing())

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(look)
    assert found == [(replace(lock),)] * 3


async def test_a_lock_is_known_by_the_sessions_that_it_holds_and_held(bench: Bench) -> None:
    lock = await bench.lock()
    await bench.lock(bench.other, lock_id=lock.lock_id)
    assert await bench.writers.sessions_of(lock.lock_id) == {bench.one, bench.other}
    assert await bench.writers.sessions_of(None) == frozenset()

    await bench.locks.unlock(bench.one, lock.lock_id)
    await bench.locks.break_lock(bench.other, by="bob", reason="it hangs")
    assert await bench.writers.sessions_of(lock.lock_id) == {bench.other}
    with pytest.raises(RefusedError, match="there is no such lock"):
        await bench.writers.sessions_of(GUESS)


async def test_where_nobody_knows_of_locks_none_holds_a_session() -> None:
    assert await SessionWriters().sessions_of(GUESS) == frozenset()
