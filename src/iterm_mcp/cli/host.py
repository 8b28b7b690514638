"""``iterm-mcp host``: run, start, stop, status, env, and what sessions show."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from iterm_mcp.cli.background import Background, uncollected
from iterm_mcp.cli.recordings import record, recordings_app
from iterm_mcp.cli.screenshot import screenshot
from iterm_mcp.cli.upgrade import rehearse, upgrade
from iterm_mcp.paths import find_paths
from iterm_mcp.processes import AlreadyRunningError, lock_holder

if TYPE_CHECKING:
    from iterm_mcp.paths import Paths

app = typer.Typer(help="The headless terminal: real shells, iTerm2's API.", no_args_is_help=True)
app.command()(screenshot)
app.command()(record)
app.command()(upgrade)
app.command(hidden=True)(rehearse)
app.add_typer(recordings_app, name="recordings")


@app.command()
def run(
    state: Annotated[int, typer.Option(hidden=True)] = -1,
    back: Annotated[bool, typer.Option("--back", hidden=True)] = False,  # noqa: FBT002 - a flag
) -> None:
    """Run in the foreground until SIGTERM; log JSON lines to stderr."""
    with uncollected():
        import anyio

        try:
            from iterm_mcp.host import runtime
        except ImportError as error:  # the emulator's own words, or what else is not installed
            typer.echo(f"the host cannot start: {error}", err=True)
            raise typer.Exit(1) from None
        from iterm_mcp.host.recording.retention import Limits
        from iterm_mcp.host.selfcheck import SelfCheckError
        from iterm_mcp.host.upgrade.inheritance import Inheritance
        from iterm_mcp.telemetry.logs import LEVELS, open_logs

    level = os.environ.get("ITERM_MCP_LOG_LEVEL") or "info"
    if level not in LEVELS:
        typer.echo(f"ITERM_MCP_LOG_LEVEL is {level!r}, not one of {', '.join(LEVELS)}", err=True)
        raise typer.Exit(1)
    try:
        limits = Limits.of(os.environ)
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    open_logs(level)
    paths = find_paths()
    try:
        inheritance = None if state < 0 else Inheritance.of(state, back=back)
        lock = runtime.prepare(paths, inheritance)
    except AlreadyRunningError as error:
        typer.echo(f"a host runs already, process {error.pid}", err=True)
        return
    with lock:
        try:
            anyio.run(runtime.run, paths, limits, lock, inheritance)
        except SelfCheckError as error:
            typer.echo(f"the host cannot start: {error}. {error.hint}", err=True)
            raise typer.Exit(1) from None


@app.command()
def start() -> None:
    """Start it in the background, if none runs, and wait until it answers."""
    paths = find_paths()
    _host(paths).start()
    _report(paths)


@app.command()
def stop() -> None:
    """End it, and every shell in it."""
    _host(find_paths()).stop()


@app.command()
def status(
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),  # noqa: FBT001, FBT003
) -> None:
    """Say whether it runs, and where. Exit code 1 when it does not."""
    if not _report(find_paths(), as_json=as_json):
        raise typer.Exit(1)


@app.command()
def env(
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),  # noqa: FBT001, FBT003
) -> None:
    """Print what an unmodified iTerm2 script needs: eval "$(iterm-mcp host env)"."""
    paths = find_paths()
    try:
        with open(paths.host_cookie, encoding="ascii") as file:  # noqa: PTH123
            cookie = file.read().strip()
    except FileNotFoundError:
        typer.echo("no host has run here yet: iterm-mcp host start", err=True)
        raise typer.Exit(1) from None
    values = {"IT2_SUITE": paths.suite, "ITERM2_COOKIE": cookie}
    if as_json:
        json.dump(values, sys.stdout)
        sys.stdout.write("\n")
        return
    for name, value in values.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def _host(paths: Paths) -> Background:
    return Background("host", paths.host_lock, paths.host_spawn_lock, lambda: _answers(paths))


def _report(paths: Paths, *, as_json: bool = False) -> bool:
    pid = lock_holder(paths.host_lock)
    warning = _warning(paths.host_info, pid) if pid else ""
    body = {
        "running": pid is not None,
        "answers": pid is not None and _answers(paths),
        "pid": pid,
        "socket": paths.host_socket,
        "suite": paths.suite,
        "warning": warning,
    }
    if as_json:
        json.dump(body, sys.stdout)
        sys.stdout.write("\n")
    elif pid is None:
        typer.echo("no host runs; the daemon starts one, or `iterm-mcp host start`")
    else:
        typer.echo(f"host {pid} serves {paths.host_socket}")
        if warning:
            typer.echo(f"warning: {warning}", err=True)
    return pid is not None


def _warning(path: str, pid: int) -> str:
    """Return what the running host warns of; empty when of nothing."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            info = json.load(file)
    except (OSError, ValueError):
        return ""
    return str(info.get("warning", "")) if info.get("pid") == pid else ""


def _answers(paths: Paths) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(paths.host_socket)
        except OSError:
            return False
        return True
