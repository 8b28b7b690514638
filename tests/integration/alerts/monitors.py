"""Real Prometheus and Alertmanager, configured as we do, but in a hurry."""

from __future__ import annotations

import json
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import httpx2
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from tests.integration.line_client import end
from tests.integration.programs import installed
from tests.prometheus import free_port
from tests.waiting import eventually

from iterm_mcp.monitoring.configuration import JOB, alertmanager_config
from iterm_mcp.web.server import bind_loopback, open_http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

    from iterm_mcp.telemetry import Metrics

SOON = {"group_wait": "0s", "group_interval": "1s"}


def hurried(daemon: str, token: Path) -> dict[str, Any]:
    """Return our own configuration of Alertmanager, without its patience."""
    config = alertmanager_config(daemon, str(token))
    config["route"] |= SOON
    return config


@asynccontextmanager
async def open_alertmanager(folder: Path, daemon: str, token: Path) -> AsyncIterator[str]:
    """Run an Alertmanager that tells the daemon; yields its URL."""
    program = installed("prometheus-alertmanager", "prometheus-alertmanager")
    settings, port = folder / "alertmanager.json", free_port()
    settings.write_text(json.dumps(hurried(daemon, token)))  # JSON is YAML
    process = await anyio.open_process(
        [
            program,
            f"--config.file={settings}",
            f"--storage.path={folder}/alertmanager",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: answers(url), within_seconds=20)
        yield url
    finally:
        with anyio.CancelScope(shield=True):
            await end(process)


async def answers(url: str) -> bool:
    async with httpx2.AsyncClient(base_url=url, timeout=5) as http:
        try:
            return (await http.get("/-/ready")).is_success
        except httpx2.HTTPError:
            return False


@asynccontextmanager
async def shown(metrics: Metrics) -> AsyncIterator[str]:
    """Serve a registry as a daemon does; yields its URL."""

    async def scrape(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(metrics.registry), media_type=content_type)

    app = Starlette(routes=[Route("/metrics", scrape)])
    async with open_http(app, bind_loopback(0, exact=True)) as url:
        yield url


def watching(daemon: str, alertmanager: str, rules: Path) -> dict[str, Any]:
    """Return a configuration of Prometheus that scrapes, and looks at rules, twice a second."""
    return {
        "global": {
            "scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms",
        },
        "rule_files": [str(rules)],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [urlsplit(alertmanager).netloc]}]}]
        },
        "scrape_configs": [
            {"job_name": JOB, "static_configs": [{"targets": [urlsplit(daemon).netloc]}]}
        ],
    }  # fmt: skip
