"""One writer a session at a time."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from iterm_mcp.errors import RefusedError
from iterm_mcp.models.ids import SessionId
from iterm_mcp.services.sessions.writers import SessionWriters

ONE, OTHER = SessionId("s1"), SessionId("s2")


async def refused(writers: SessionWriters) -> RefusedError:
    """Let another task try to hold the session, and return how it was refused."""
    errors: list[RefusedError] = []

    async def try_it() -> None:
        with pytest.raises(RefusedError) as caught:
            async with writers.hold(ONE):
                pytest.fail("two writers at once")
        errors.append(caught.value)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(try_it)
    return errors[0]


async def test_writers_of_one_session_take_turns_in_the_order_they_came() -> None:
    writers = SessionWriters()
    steps: list[str] = []

    async def write(name: str) -> None:
        async with writers.hold(ONE):
            steps.append(f"{name} begins")
            await checkpoint()
            await checkpoint()
            steps.append(f"{name} ends")

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for name in "abc":
                group.start_soon(write, name)

    assert steps == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]


async def test_writers_of_different_sessions_do_not_wait_for_each_other() -> None:
    writers = SessionWriters()

    with anyio.fail_after(5):
        async with writers.hold(ONE), writers.hold(OTHER):
            pass


async def test_a_turn_that_does_not_come_in_time_is_refused() -> None:
    writers = SessionWriters(wait_seconds=0.01)

    async with writers.hold(ONE):
        error = await refused(writers)

    assert error.code == "session_busy"
    assert "Nothing was typed" in error.hint


async def test_a_task_that_holds_a_session_cannot_wait_for_itself() -> None:
    writers = SessionWriters()

    with anyio.fail_after(5):
        async with writers.hold(ONE):
            with pytest.raises(RuntimeError, match="already held"):
                async with writers.hold(ONE):
                    pass


async def test_a_writer_that_fails_lets_the_next_one_in() -> None:
    writers = SessionWriters(wait_seconds=1)

    with pytest.raises(ValueError, match="broken"):
        async with writers.hold(ONE):
            raise ValueError("broken")

    async with writers.hold(ONE):
        pass


async def test_a_waiter_that_is_cancelled_leaves_the_queue() -> None:
    writers = SessionWriters()
    first_holds, last_held = anyio.Event(), anyio.Event()
    release = anyio.Event()
    impatient = anyio.CancelScope()

    async def hold_first() -> None:
        async with writers.hold(ONE):
            first_holds.set()
            await release.wait()

    async def give_up() -> None:
        with impatient:
            async with writers.hold(ONE):
                pytest.fail("it was cancelled")

    async def hold_last() -> None:
        async with writers.hold(ONE):
            last_held.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(hold_first)
            await first_holds.wait()
            group.start_soon(give_up)
            group.start_soon(hold_last)
            await anyio.wait_all_tasks_blocked()
            impatient.cancel()
            release.set()
            await last_held.wait()

    assert writers._turns == {}


async def test_nothing_is_kept_for_sessions_that_nobody_writes_to() -> None:
    writers = SessionWriters(wait_seconds=0.01)

    async with writers.hold(ONE):
        assert set(writers._turns) == {ONE}
        await refused(writers)
        assert set(writers._turns) == {ONE}

    assert writers._turns == {}
