"""``iterm-mcp agents``: which kinds of coding agents are here, and what works with each."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from iterm_mcp.agents.described import Described
    from iterm_mcp.agents.discovery import Found

app = typer.Typer(
    help="Coding agents: which there are, starting and stopping them, and how they ended.",
    no_args_is_help=True,
)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
KINDS_VARIABLE = "ITERM_MCP_KINDS"
MARKS = {
    "ok": typer.colors.GREEN, "note": typer.colors.BLUE, "warn": typer.colors.YELLOW,
    "fail": typer.colors.RED,
}  # fmt: skip


@app.command("list")
def list_kinds(*, as_json: _Json = False) -> None:
    """List the kinds of agents, with the versions of those that are installed."""
    described, found = _look()
    if as_json:
        _print_json([_as_json(one, described) for one in found])
        return
    for one in found:
        here = one.installed
        version = (here.version or "?") if here else "-"
        ways = ", ".join(sorted(one.kind.transports))
        typer.echo(
            f"{one.kind.name:16} {version:12} {ways:20} {here.path if here else ''}".rstrip()
        )


@app.command()
def doctor(*, as_json: _Json = False) -> None:
    """Say what works with each kind, and how to mend what does not.

    Exit code 1 when the description of a kind cannot be used.
    """
    described, found = _look()
    rows = [row for one in found for row in _rows(one)]
    rows += [("fail", "kinds", str(error), error.hint) for error in described.problems]
    if as_json:
        keys = ("level", "part", "text", "hint")
        _print_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        for level, part, text, hint in rows:
            typer.echo(f"{typer.style(f'{level:4}', fg=MARKS[level])}  {part}: {text}")
            if hint:
                typer.echo(f"      {hint}")
    if described.problems:
        raise typer.Exit(1)


def _rows(found: Found) -> list[tuple[str, str, str, str]]:
    """Return level, part, text and hint of all that is to be said of a kind."""
    from iterm_mcp.agents.discovery import INSTALL, abilities

    name = found.kind.name
    if found.installed is None:
        if found.late:
            return [("warn", name, "its program does not answer", "Run it by hand, and see why.")]
        hint = f"To use it: {INSTALL[name]}" if name in INSTALL else ""
        return [("note", name, "not installed", hint)]
    here = found.installed
    rows = [("ok", name, f"{here.version or 'no version told'}, {here.path}", "")]
    for one in abilities(found):
        level = "ok" if one.works else "warn" if one.hint else "note"
        rows.append((level, f"{name} {one.name}", one.text, one.hint))
    return rows


def _look() -> tuple[Described, tuple[Found, ...]]:
    import anyio

    from iterm_mcp.agents.described import kind_folders, read_described
    from iterm_mcp.agents.discovery import discover
    from iterm_mcp.agents.kinds import all_kinds, describing
    from iterm_mcp.paths import find_paths

    described = read_described(kind_folders(find_paths().state, os.environ.get(KINDS_VARIABLE, "")))
    with describing(described.kinds.values()):
        found = anyio.run(discover, list(all_kinds().values()), dict(os.environ))
    return described, found


def _as_json(found: Found, described: Described) -> dict[str, Any]:
    here = found.installed
    place = described.places.get(found.kind.name)
    return {
        "kind": found.kind.name,
        "installed": here is not None,
        "version": here.version if here else None,
        "path": here.path if here else None,
        "features": sorted(here.features) if here else [],
        "transports": sorted(found.kind.transports),
        "manifest": str(place) if place else None,
    }


def _print_json(value: object) -> None:
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")
