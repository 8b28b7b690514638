"""What goes on beside the calls begins and ends with the daemon."""

from __future__ import annotations

import anyio
import pytest

from iterm_mcp.errors import RefusedError
from iterm_mcp.services.background import Background


async def test_a_task_runs_beside_its_caller_and_ends_with_the_block() -> None:
    background, begun, ended = Background(), anyio.Event(), anyio.Event()

    async def work(name: str) -> None:
        assert name == "work"
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with background.running():
        background.start(work, "work")
        with anyio.fail_after(5):
            await begun.wait()
        assert not ended.is_set()
    assert ended.is_set()
    assert not background.is_open


async def test_before_and_after_the_block_work_is_refused_with_a_hint() -> None:
    background = Background()
    for _ in range(2):
        for refused in (background.check, lambda: background.start(anyio.sleep, 0)):
            with pytest.raises(RefusedError) as caught:
                refused()
            assert (caught.value.code, bool(caught.value.hint)) == ("stopping", True)
        async with background.running():
            assert background.is_open
            background.check()


async def test_a_block_that_fails_ends_its_tasks_and_takes_no_more() -> None:
    background = Background()

    async def block() -> None:
        async with background.running():
            background.start(anyio.sleep_forever)
            raise KeyError("lost")

    with pytest.raises(ExceptionGroup) as caught:
        await block()
    assert [type(one) for one in caught.value.exceptions] == [KeyError]
    with pytest.raises(RefusedError):
        background.check()
