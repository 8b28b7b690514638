"""It is known when nothing that was begun in the background still runs."""

from __future__ import annotations

import anyio
import anyio.lowlevel

from iterm_mcp.host.closers import Closers


async def test_quiet_waits_for_all_that_runs_and_for_what_that_began() -> None:
    first, second = anyio.Event(), anyio.Event()
    over = []
    async with anyio.create_task_group() as group:
        closers = Closers(group)
        await closers.quiet()

        async def work(number: int) -> None:
            await first.wait()
            closers.start_soon(more, number)

        async def more(number: int) -> None:
            await second.wait()
            over.append(number)

        async def listen() -> None:
            await closers.quiet()
            assert over == [1, 2]

        closers.start_soon(work, 1)
        closers.start_soon(work, 2)
        group.start_soon(listen)
        await anyio.lowlevel.checkpoint()
        first.set()
        await anyio.lowlevel.checkpoint()
        second.set()


async def test_what_is_cancelled_does_not_count_as_running() -> None:
    async with anyio.create_task_group() as group:
        closers = Closers(group)
        closers.start_soon(anyio.sleep_forever)
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    with anyio.fail_after(1):
        await closers.quiet()
