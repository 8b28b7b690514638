"""``iterm-mcp probe``: the whole way from a session to a task, tried once."""

from __future__ import annotations

from typing import Annotated

import typer

from iterm_mcp.cli.http_call import ask_http
from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import print_json

SECONDS = 300
"""Above the longest time that a run and its cleaning up may take."""


def probe(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002
) -> None:
    """Open a session, run a command, tell an agent, submit a task, and remove all of it again.

    Tells how long each step took; exit code 1 when one failed.
    """
    found = ask_http("POST", "/v1/probe", {}, seconds=SECONDS)
    if as_json:
        print_json(found)
    else:
        for one in found["steps"]:
            state = "ok" if one["ok"] else f"failed: {one['reason']}"
            typer.echo(plain(f"{one['step']:<8} {one['seconds'] * 1e3:9.1f} ms  {state}", " "))
        for one in found.get("left", []):
            typer.echo(plain(f"left behind: {one}; the next run tries to remove it", " "))
        typer.echo(
            f"{'all':<8} {found['seconds'] * 1e3:9.1f} ms  {'ok' if found['ok'] else 'failed'}"
        )
    if not found["ok"]:
        raise typer.Exit(1)
