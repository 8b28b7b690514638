"""``iterm-mcp daemon``: run, start, stop, status."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from iterm_mcp.cli.background import Background, leaves, uncollected
from iterm_mcp.paths import find_paths
from iterm_mcp.processes import AlreadyRunningError, lock_holder

if TYPE_CHECKING:
    from iterm_mcp.paths import Paths

app = typer.Typer(help="The one process with state: MCP, HTTP, metrics.", no_args_is_help=True)


@app.command()
def run() -> None:
    """Run in the foreground until SIGTERM; log JSON lines to stderr."""
    with uncollected():
        import anyio
        from pydantic import ValidationError

        from iterm_mcp import daemon
        from iterm_mcp.config import Settings
        from iterm_mcp.errors import StoreError
        from iterm_mcp.telemetry import open_logs

    try:
        settings = Settings()
    except ValidationError as error:
        for one in error.errors():
            name = "ITERM_MCP_" + str(one["loc"][0]).upper()
            typer.echo(f"{name}: {one['msg']}", err=True)
        raise typer.Exit(2) from None
    open_logs(settings.log_level)
    paths = find_paths()
    try:
        lock = daemon.prepare(paths)
    except AlreadyRunningError as error:
        typer.echo(f"a daemon runs already, process {error.pid}", err=True)
        return
    told: dict[str, None] = {}
    with lock:
        try:
            anyio.run(daemon.run, settings, paths)
        except* StoreError as errors:
            told = dict.fromkeys(f"{one}. {one.hint}".strip() for one in leaves(errors))
    if told:
        typer.echo(f"the daemon cannot go on: {' '.join(told)}", err=True)
        raise typer.Exit(1)


@app.command()
def start() -> None:
    """Start it in the background, if none runs, and wait until it answers."""
    _daemon().start()
    _report()


@app.command()
def stop() -> None:
    """Ask it to finish what is in flight and end. Sessions go on."""
    _daemon().stop()


@app.command()
def status(
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),  # noqa: FBT001, FBT003
) -> None:
    """Say whether it runs, and where. Exit code 1 when it does not."""
    if not _report(as_json=as_json):
        raise typer.Exit(1)


def _daemon() -> Background:
    paths = find_paths()
    return Background(
        "daemon",
        paths.daemon_lock,
        paths.daemon_spawn_lock,
        lambda: "http" in _info(paths, lock_holder(paths.daemon_lock)),
    )


def _info(paths: Paths, pid: int | None) -> dict[str, Any]:
    """Return what the running daemon wrote about itself; a dead one's words do not count."""
    try:
        info = json.loads(Path(paths.daemon_info).read_text())
    except (FileNotFoundError, ValueError):
        info = {}
    return dict(info) if pid and info.get("pid") == pid else {"pid": pid}


def _report(*, as_json: bool = False) -> bool:
    paths = find_paths()
    pid = lock_holder(paths.daemon_lock)
    info = _info(paths, pid)
    body = {"running": pid is not None, "socket": paths.daemon_socket, **info}
    if as_json:
        json.dump(body, sys.stdout)
        sys.stdout.write("\n")
    elif pid is None:
        typer.echo("no daemon runs; an MCP client starts one, or `iterm-mcp daemon start`")
    else:
        typer.echo(f"daemon {pid} serves {paths.daemon_socket} and {info.get('http', 'no HTTP')}")
    return pid is not None
