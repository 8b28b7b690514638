"""A real Prometheus for the length of a block."""

from __future__ import annotations

import json
import socket
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

NOT_YET = 503
ENDS_WITHIN_SECONDS = 10


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def open_prometheus(
    program: str, config: Mapping[str, Any], folder: Path
) -> AsyncIterator[httpx2.AsyncClient]:
    """Run one with a configuration, in a folder of its own; yields a client of its API.

    Args:
        folder: What stands in its ``data`` is shown, however old it is.
    """
    port = free_port()
    settings = folder / "prometheus.json"
    settings.write_text(json.dumps(config))  # JSON is YAML
    process = await anyio.open_process(
        [
            program,
            f"--config.file={settings}",
            f"--storage.tsdb.path={folder}/data",
            "--storage.tsdb.retention.time=10y",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
            yield http
    finally:
        with anyio.CancelScope(shield=True):
            process.terminate()
            with anyio.move_on_after(ENDS_WITHIN_SECONDS):
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()


async def ask(http: httpx2.AsyncClient, expr: str, **more: float) -> list[Any]:
    """Return what an expression gives; empty while Prometheus is not up.

    Args:
        more: ``time``; or ``start``, ``end`` and ``step`` for all that it gave in a range.
    """
    path = "/api/v1/query_range" if "step" in more else "/api/v1/query"
    try:
        answer = await http.get(path, params={"query": expr, **more})
    except httpx2.HTTPError:
        return []
    if answer.status_code == NOT_YET:
        return []
    body = answer.json()
    assert body["status"] == "success", (expr, body)
    return list(body["data"]["result"])
