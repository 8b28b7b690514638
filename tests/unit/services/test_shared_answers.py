"""Who asks at the same time is given one answer, and none that is older than the question."""

from __future__ import annotations

import anyio
import pytest

from iterm_mcp.errors import ConflictError
from iterm_mcp.services.shared_answers import SharedAnswer


class Asked:
    """Counts how often it was asked; answers when it is let."""

    def __init__(self) -> None:
        self.count = 0
        self.failure: ConflictError | None = None
        self.gates: list[anyio.Event] = []
        self.shared = SharedAnswer(self.ask)
        self.answers: dict[str, int] = {}
        self.failed: list[str] = []

    async def ask(self) -> int:
        self.count += 1
        number, gate = self.count, anyio.Event()
        self.gates.append(gate)
        await gate.wait()
        if self.failure is not None:
            raise self.failure
        return number

    async def get(self, who: str) -> None:
        try:
            self.answers[who] = await self.shared.get()
        except ConflictError:
            self.failed.append(who)


async def settled() -> None:
    await anyio.wait_all_tasks_blocked()


async def test_all_who_come_while_one_asks_share_the_next_answer() -> None:
    asked = Asked()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(asked.get, "first")
            await settled()
            for who in ("second", "third", "fourth"):
                group.start_soon(asked.get, who)
            await settled()
            assert asked.count == 1
            asked.gates[0].set()
            await settled()
            assert asked.count == 2
            group.start_soon(asked.get, "last")
            await settled()
            asked.gates[1].set()
            await settled()
            asked.gates[2].set()

    assert asked.answers == {"first": 1, "second": 2, "third": 2, "fourth": 2, "last": 3}


async def test_who_comes_later_asks_anew() -> None:
    asked = Asked()
    for number in range(3):
        async with anyio.create_task_group() as group:
            group.start_soon(asked.get, str(number))
            await settled()
            asked.gates[number].set()

    assert asked.answers == {"0": 1, "1": 2, "2": 3}


async def test_who_gives_up_leaves_the_asking_to_the_next() -> None:
    asked = Asked()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(asked.get, "first")
            await settled()
            async with anyio.create_task_group() as others:
                others.start_soon(asked.get, "gone")
                await settled()
                group.start_soon(asked.get, "stays")
                await settled()
                asked.gates[0].set()
                await settled()
                others.cancel_scope.cancel()
            await settled()
            asked.gates[2].set()

    assert asked.answers == {"first": 1, "stays": 3}


async def test_a_failure_is_that_of_all_who_wait_for_it_and_of_nobody_else() -> None:
    asked = Asked()
    asked.failure = ConflictError("no", hint="Wait.")
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(asked.get, "first")
            await settled()
            group.start_soon(asked.get, "second")
            group.start_soon(asked.get, "third")
            await settled()
            asked.gates[0].set()
            await settled()
            asked.gates[1].set()
            await settled()
        assert asked.failed == ["first", "second", "third"]

        asked.failure = None
        async with anyio.create_task_group() as group:
            group.start_soon(asked.get, "later")
            await settled()
            asked.gates[2].set()
    assert asked.answers == {"later": 3}


async def test_a_bug_is_for_the_one_who_asks() -> None:
    async def bug() -> int:
        raise ValueError("a bug")

    shared = SharedAnswer(bug)
    for _ in range(2):
        with pytest.raises(ValueError, match="a bug"):
            await shared.get()
