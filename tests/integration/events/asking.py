"""Asks a daemon in a rig over HTTP, and tells it what agents would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from anyio import to_thread
from tests.waiting import eventually

from iterm_mcp.paths import find_paths

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripts.acceptance.rig import Rig

SECONDS = 60.0


def url_of(rig: Rig) -> str:
    """Return where the daemon serves HTTP."""
    info = json.loads(Path(find_paths(rig.environ).daemon_info).read_text("utf-8"))
    return str(info["http"])


def bearer(rig: Rig) -> str:
    """Return what the daemon's own token is shown by."""
    return f"Bearer {Path(find_paths(rig.environ).token).read_text('utf-8').strip()}"


def send(rig: Rig, path: str, body: bytes | None = None, **headers: str) -> Any:  # noqa: ANN401
    """Ask, or post a body; return what is answered."""
    given = {"Authorization": bearer(rig), "Content-Type": "application/json", **headers}
    request = Request(f"{url_of(rig)}{path}", body, given)
    with build_opener(ProxyHandler({})).open(request, timeout=SECONDS) as answer:
        return json.loads(answer.read())


async def account(
    rig: Rig, conversation: str, accept: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    """Return the account of a conversation once it is as it has to be."""

    def read() -> dict[str, Any]:
        try:
            found: dict[str, Any] = send(rig, f"/v1/conversations/{conversation}")
        except (URLError, OSError, ValueError):  # not yet
            return {}
        return found

    return await eventually(
        lambda: to_thread.run_sync(read), lambda found: found and accept(found),
        within_seconds=SECONDS,
    )  # fmt: skip
