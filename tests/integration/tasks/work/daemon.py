"""A daemon whose work on tasks can be asked for step by step, over its standard streams.

It is a daemon in all else, so that agents' hooks and files reach it. A request is a line, a pickle
in Base64: its number, the step's name, and its arguments; so is an answer. Its engine can be asked
as well (``tasks.submit``), and its events (``events.query``). Tests kill it.
"""

from __future__ import annotations

import base64
import os
import pickle
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from iterm_mcp.agents.reports import Reports, report_token
from iterm_mcp.app import open_app
from iterm_mcp.config import Settings
from iterm_mcp.daemon import _announced, prepare
from iterm_mcp.errors import ItermMcpError
from iterm_mcp.paths import find_paths
from iterm_mcp.tools.unix_server import open_unix_server
from iterm_mcp.web.routes import open_web
from iterm_mcp.web.security import load_token
from iterm_mcp.web.server import bind_loopback, open_http, url_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.app import App


def told(value: object) -> bytes:
    return base64.b64encode(pickle.dumps(value)) + b"\n"


def heard(line: bytes) -> Any:  # noqa: ANN401
    return pickle.loads(base64.b64decode(line))


@asynccontextmanager
async def open_daemon() -> AsyncIterator[App]:
    settings, paths = Settings(), find_paths()
    lock = prepare(paths)
    token = await to_thread.run_sync(load_token, paths.token)
    listener = bind_loopback(0, exact=False)
    reports = Reports(url_of(listener), report_token(token), settings.agent_telemetry)
    async with (
        open_app(settings, paths, reports) as app,
        open_web(
            app.server, app.metrics, app, token, app.calls.clients.enter_http, app.routes(),
            api=app.api, tokens=app.api.tokens, health=app,
        ) as web,
        open_http(web, listener) as url,
        open_unix_server(
            app.server, paths.daemon_socket, app.metrics.clients.labels("unix"), app.calls.clients
        ),
        _announced(paths, url),
    ):  # fmt: skip
        yield app
    lock.release()


async def main() -> None:
    out = os.dup(1)
    os.dup2(2, 1)  # where its log goes
    async with open_daemon() as app, anyio.create_task_group() as group:

        async def do(number: int, step: str, arguments: tuple[Any, ...], named: Any) -> None:  # noqa: ANN401
            if step == "supervise":
                flag = arguments[-1]

                async def beat() -> bool:
                    return not await anyio.Path(flag).exists()

                arguments = (*arguments[:-1], beat)
            try:
                whose, _, what = step.rpartition(".")
                target = {"": app.work, "tasks": app.tasks, "events": app.events.store}[whose]
                answer: object = await getattr(target, what)(*arguments, **named)
            except ItermMcpError as error:
                answer = RuntimeError(f"{type(error).__name__} {error.code}: {error}")
            os.write(out, told((number, answer)))

        os.write(out, told((0, "up")))
        while line := await to_thread.run_sync(sys.stdin.buffer.readline, abandon_on_cancel=True):
            number, step, arguments, named = heard(line)
            group.start_soon(do, number, step, arguments, named)
        group.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(main)
