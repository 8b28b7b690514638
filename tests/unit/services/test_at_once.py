"""Questions that do not wait for one another's answers."""

from __future__ import annotations

import anyio
import pytest

from iterm_mcp.errors import NotFoundError
from iterm_mcp.services.sessions.at_once import at_once


async def test_all_are_asked_before_the_first_is_answered_and_in_order() -> None:
    asked: list[int] = []
    all_asked = anyio.Event()

    async def ask(number: int) -> int:
        asked.append(number)
        if len(asked) == 3:
            all_asked.set()
        await all_asked.wait()
        return number * 10

    with anyio.fail_after(5):
        answers = await at_once(lambda: ask(1), lambda: ask(2), lambda: ask(3))

    assert (asked, answers) == ([1, 2, 3], (10, 20, 30))


async def test_the_first_failure_is_the_answer_and_the_others_are_given_up() -> None:
    given_up: list[bool] = []

    async def fail() -> None:
        raise NotFoundError("session", "one", hint="It has ended.")

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            given_up.append(True)

    with anyio.fail_after(5), pytest.raises(NotFoundError, match="one"):
        await at_once(wait, lambda: at_once(fail, wait))

    assert given_up == [True, True]
