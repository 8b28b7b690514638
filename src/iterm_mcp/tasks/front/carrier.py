"""The queue in Redis, by streaQ: priorities, leases, delivery again. Imported when it is used."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import anyio
from coredis.exceptions import RedisError
from streaq import StreaqRetry, TaskStatus, Worker
from streaq.types import StreaqError

from iterm_mcp.tasks.front.results import Level

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.tasks.front.options import FrontOptions

FAILURES = (
    RedisError, StreaqError, OSError, anyio.BrokenResourceError, anyio.ClosedResourceError,
    anyio.EndOfStream, anyio.ConnectionFailed,
)  # fmt: skip
"""What a server that is away, or its connection, raises."""

CONNECT_SECONDS = 5
SLACK_SECONDS = 5
_TAKE = "take"


class Carrier(Worker[None]):
    """A worker that leaves signals to the daemon, and whose bodies end when it is cancelled.

    It cannot be run again: after a lost connection make a new one.
    """

    async def signal_handler(self, scope: anyio.CancelScope) -> None:
        """Watch no signals; when the worker ends, end the bodies, which are shielded."""
        _ = scope
        try:
            await anyio.sleep_forever()
        finally:
            for one in self._cancel_scopes.values():
                one.deadline = -math.inf


def make_carrier(
    options: FrontOptions, body: Callable[[str, dict[str, Any], str], Awaitable[bool]]
) -> Carrier:
    """Return a worker for one connection.

    Args:
        body: Called with a message's id, its graph and its submitter; returns when the message
            is over. False has it put back.
    """
    carrier = Carrier(
        redis_url=options.url,
        redis_kwargs={
            "connect_timeout": CONNECT_SECONDS,
            "stream_timeout": options.idle_seconds + SLACK_SECONDS,
        },
        concurrency=max(1, options.at_once),
        queue_name=f"iterm-mcp:{options.queue}",
        priorities=[one.value for one in Level],
        idle_timeout=options.idle_seconds,
        handle_signals=False,
        # Not pickle: who may write to the server must not run code here.
        serializer=lambda value: json.dumps(value, default=repr),
        deserializer=json.loads,
        id=options.machine,
    )
    carrier.prefetch = carrier.concurrency  # what waits here could run elsewhere

    @carrier.task(name=_TAKE, max_tries=None, ttl=0, silent=True)
    async def take(graph: dict[str, Any], submitter: str) -> None:
        if not await body(take.context.task_id, graph, submitter):
            raise StreaqRetry(delay=timedelta(seconds=options.again_seconds))

    return carrier


async def is_queued(carrier: Carrier, message: str) -> bool:
    """Tell whether a message waits for a machine, or is being worked on by one."""
    return await carrier.status_by_id(message) not in {TaskStatus.NOT_FOUND, TaskStatus.DONE}


async def publish(
    carrier: Carrier, message: str, graph: dict[str, Any], submitter: str, level: Level
) -> None:
    """Put a message into the queue, unless it is there."""
    task = carrier.enqueue_unsafe(_TAKE, graph, submitter).start(priority=level.value)
    task.id = message
    await task
