"""``iterm-mcp attach``: a live window of the running host in this terminal."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from iterm_mcp.paths import find_paths


def attach(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[WINDOW|SESSION]", help="An id; by default the current window."),
    ] = None,
    prefix: Annotated[
        str, typer.Option(help="The control key that comes before a command.")
    ] = "ctrl-]",
    resize: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--resize", help="Make the window fit, although others are attached.")
    ] = False,
) -> None:
    """Show a live window, and type into it.

    After the prefix: d detaches, arrows and o go to another pane, n and p to another tab,
    ? shows help, the prefix again types it. The first who attaches makes the window fit.
    """
    import anyio

    from iterm_mcp.attach.keys import parse_prefix
    from iterm_mcp.attach.view import Wishes
    from iterm_mcp.attach.view import attach as show
    from iterm_mcp.terminal.endpoint import Endpoint

    try:
        wishes = Wishes(target, parse_prefix(prefix), prefix, resize)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--prefix") from None
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        typer.echo("attach needs a terminal", err=True)
        raise typer.Exit(1)
    paths = find_paths()
    try:
        cookie = Path(paths.host_cookie).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        typer.echo("no host has run here yet: iterm-mcp host start", err=True)
        raise typer.Exit(1) from None
    outcome = anyio.run(
        show,
        sys.stdin.fileno(),
        Endpoint("headless", paths.host_socket, cookie),
        f"{paths.state}/attach.lock",
        wishes,
    )
    with suppress(OSError):  # the terminal may be what is gone
        typer.echo(f"[{outcome.sentence}]")
    raise typer.Exit(outcome.code)
