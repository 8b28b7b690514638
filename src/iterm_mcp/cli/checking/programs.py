"""The daemon, its HTTP side, and the terminal, as they run now."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from iterm_mcp import __version__
from iterm_mcp.cli.checking.finding import Finding
from iterm_mcp.cli.checking.state_folder import accepts
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.paths import Paths

HTTP_SECONDS = 20.0
"""Long, because a machine that is busy is no fault of the daemon's."""
READY_SECONDS = 10.0
"""How long a daemon that has just started may take to connect to its terminal."""
READY_POLL_SECONDS = 0.2
DEFAULT_PORT = "7717"


def check_daemon(paths: Paths) -> Iterator[Finding]:
    """Look whether a daemon runs, and whether it is of this version."""
    pid = lock_holder(paths.daemon_lock)
    if pid is None:
        yield Finding("ok", "daemon", "none runs; the first client starts it")
        return
    version = written(paths.daemon_info, pid).get("version", "an unknown version")
    if version != __version__:
        hint = "Run `iterm-mcp daemon stop`: the next call starts this one. No session ends."
        text = f"process {pid} is {version}, and this is {__version__}"
        yield Finding("warn", "daemon", text, hint)
    else:
        yield Finding("ok", "daemon", f"process {pid} runs")


def check_http(paths: Paths) -> Iterator[Finding]:
    """Look whether the daemon answers over HTTP, and lets the token in."""
    pid = lock_holder(paths.daemon_lock)
    if pid is None:
        return
    url = str(written(paths.daemon_info, pid).get("http", ""))
    log = f"See {paths.logs}/daemon.log; `iterm-mcp daemon stop` lets the next call start another."
    try:
        token = Path(paths.token).read_text(encoding="ascii").strip()
        ask(f"{url}/healthz")
        ask(f"{url}/metrics", token)
    except HTTPError as error:
        yield Finding("fail", "http", f"{url} answers with status {error.code}", log)
        return
    except (URLError, OSError, ValueError) as error:
        yield Finding("fail", "http", f"{url or 'it'} does not answer: {error}", log)
        return
    wanted = os.environ.get("ITERM_MCP_HTTP_PORT") or DEFAULT_PORT
    if wanted != "0" and not url.endswith(f":{wanted}"):
        hint = f"Free port {wanted}, or set ITERM_MCP_HTTP_PORT, and run `iterm-mcp daemon stop`."
        yield Finding("warn", "http", f"{url} and not port {wanted}", hint)
    else:
        yield Finding("ok", "http", f"{url} answers, and takes the token")


def check_terminal(
    paths: Paths, platform: str = sys.platform, *, wait_seconds: float = 0.0
) -> Iterator[Finding]:
    """Look which terminal there is, and whether the daemon has it.

    Args:
        wait_seconds: How long a daemon may take to have it that has perhaps just started.
    """
    asked = os.environ.get("ITERM_MCP_TERMINAL") or "auto"
    hint = "Start iTerm2, and enable Settings > General > Magic > Enable Python API."
    app = platform == "darwin" and asked != "headless"
    if app and accepts(_iterm2_socket()):
        yield Finding("ok", "terminal", "iTerm2's API answers")
    elif asked == "iterm2":
        if platform != "darwin":
            hint = "Unset ITERM_MCP_TERMINAL to use the headless host."
        yield Finding("fail", "terminal", "iTerm2's API does not answer", hint)
    else:
        if app:
            text = "iTerm2's API does not answer: the headless host is used"
            yield Finding("warn", "terminal", text, hint)
        yield from _check_host(paths)
    pid = lock_holder(paths.daemon_lock)
    url = written(paths.daemon_info, pid).get("http") if pid else None
    if url:
        deadline = monotonic() + wait_seconds
        while (problems := _problems(f"{url}/readyz")) and monotonic() < deadline:
            sleep(READY_POLL_SECONDS)
        for problem in problems:
            yield Finding("fail", "terminal", problem, f"See {paths.logs}/daemon.log.")


def _check_host(paths: Paths) -> Iterator[Finding]:
    pid = lock_holder(paths.host_lock)
    if pid is None:
        yield Finding("ok", "terminal", "no headless host runs; the daemon starts it")
    elif warning := written(paths.host_info, pid).get("warning"):
        yield Finding("warn", "terminal", str(warning), "See `iterm-mcp host status`.")
    else:
        yield Finding("ok", "terminal", f"the headless host runs, process {pid}")


def _iterm2_socket() -> str:
    suite = os.environ.get("IT2_SUITE", "iTerm2")
    return str(Path(f"~/Library/Application Support/{suite}/private/socket").expanduser())


def written(path: str, pid: int) -> dict[str, Any]:
    """Return what a running program wrote about itself; a dead one's words do not count."""
    with suppress(OSError, ValueError):
        info = json.loads(Path(path).read_bytes())
        if isinstance(info, dict) and info.get("pid") == pid:
            return info
    return {}


def _problems(url: str) -> list[str]:
    """Return why the daemon cannot work now, in its own words."""
    try:
        ask(url)
    except HTTPError as error:
        with suppress(OSError, ValueError):
            return [str(one) for one in json.load(error)["problems"]]
    except (URLError, OSError, ValueError):
        pass  # said already, of HTTP
    return []


def ask(url: str, token: str = "", body: bytes | None = None) -> bytes:
    """Ask loopback, past any proxy; a body, of JSON, is posted.

    Raises:
        URLError: It did not answer, or not well.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    request = Request(url, body, headers)  # noqa: S310 - loopback, from our own file
    with build_opener(ProxyHandler({})).open(request, timeout=HTTP_SECONDS) as answer:
        found: bytes = answer.read()
    return found
