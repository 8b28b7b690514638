"""A fleet over HTTP, at one address: each machine's metrics as its daemon would show them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from tests.fleet.exposition import JOB

from iterm_mcp.web.server import bind_loopback, open_http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from tests.fleet.fleet import Fleet


@asynccontextmanager
async def open_fleet(
    fleet: Fleet, *, every: float, step: float, port: int = 0
) -> AsyncIterator[str]:
    """Serve a fleet while it lives; yields the base URL.

    Args:
        every: Real seconds after which it lives on,
        step: and so many seconds of its story.
        port: On loopback; 0 for a free one.
    """

    async def scrape(request: Request) -> Response:
        machine = fleet.machines[int(request.path_params["number"])]
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(machine.metrics.registry), media_type=content_type)

    async def live() -> None:
        while True:
            fleet.advance(step)
            await anyio.sleep(every)

    app = Starlette(routes=[Route("/{number:int}/metrics", scrape)])
    listener = bind_loopback(port, exact=bool(port))
    fleet.advance(step)
    async with open_http(app, listener) as url, anyio.create_task_group() as group:
        group.start_soon(live)
        yield url
        group.cancel_scope.cancel()


def scrape_config(fleet: Fleet, url: str, interval: str = "15s") -> dict[str, Any]:
    """Return a configuration of Prometheus that scrapes every machine under its own name."""
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval},
        "scrape_configs": [
            {
                "job_name": JOB,
                "static_configs": [
                    {
                        "targets": [urlsplit(url).netloc],
                        "labels": {
                            "__metrics_path__": f"/{number}/metrics",
                            "instance": machine.name,
                        },
                    }
                    for number, machine in enumerate(fleet.machines)
                ],
            }
        ],
    }
