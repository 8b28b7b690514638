"""Other people's queues, doing nothing as often as ours: a program that prints seconds.

``python -m tests.benchmarks.plain_queues dbos FOLDER COUNT AT_ONCE``, ``… saq URL COUNT AT_ONCE``.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time


def _dbos(folder: str, count: int, at_once: int) -> float:
    from dbos import DBOS  # noqa: PLC0415 - loads much, and only one of both is run

    DBOS(
        config={
            "name": "plain",
            "system_database_url": f"sqlite:///{folder}/plain.db",
            "log_level": "ERROR",
        }
    )

    @DBOS.workflow(name="nothing")  # type: ignore[untyped-decorator,unused-ignore]
    def nothing(number: int) -> int:
        return number

    DBOS.launch()
    DBOS.register_queue("plain", worker_concurrency=at_once, polling_interval_sec=0.05)
    began = time.perf_counter()
    handles = [DBOS.enqueue_workflow("plain", nothing, number) for number in range(count)]
    for handle in handles:
        handle.get_result()
    took = time.perf_counter() - began
    DBOS.destroy()
    return took


async def _saq(url: str, count: int, at_once: int) -> float:
    from saq import Queue, Worker  # noqa: PLC0415 - as above

    done = asyncio.Event()
    left = count

    async def nothing(_context: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    queue = Queue.from_url(url)
    worker = Worker(queue, functions=[("nothing", nothing)], concurrency=at_once)
    began = time.perf_counter()
    for _ in range(count):
        await queue.enqueue("nothing")
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.start())
        await done.wait()
        took = time.perf_counter() - began
        await worker.stop()
    await queue.disconnect()
    return took


def main() -> None:
    """Measure one of them, and print how long it took."""
    kind, where, count, at_once = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    if kind == "dbos":
        print(_dbos(where, int(count), int(at_once)))  # noqa: T201
    else:
        print(asyncio.run(_saq(where, int(count), int(at_once))))  # noqa: T201


if __name__ == "__main__":
    main()
