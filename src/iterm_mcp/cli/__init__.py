"""The verbs of ``iterm-mcp``, one file each; every verb imports only what it runs."""

import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Container

    app: typer.Typer
    """All verbs."""

GROUPS = {
    "daemon": "daemon",
    "agents": "agent_wizard",
    "alerts": "alerts",
    "approvals": "approvals",
    "audit": "audit",
    "backlog": "backlog",
    "budgets": "budgets",
    "choosing": "choosing",
    "events": "events",
    "host": "host",
    "messages": "messages",
    "monitoring": "monitoring",
    "notes": "notes",
    "playbook": "playbook",
    "tasks": "tasks",
    "tokens": "tokens",
    "worktrees": "worktrees",
}
"""Verbs that have verbs of their own: in which module."""
SINGLE = {
    "attach": "attach",
    "install": "install",
    "uninstall": "install",
    "doctor": "doctor",
    "probe": "probe",
}
"""Verbs that are functions: in which module."""
_Version = Annotated[
    bool,
    typer.Option(
        "--version",
        help="Print the version.",
        callback=lambda wanted: _print_version(wanted=wanted),
        is_eager=True,
    ),
]


def options(_version: _Version = False) -> None:  # noqa: FBT002 - a flag
    """Take what stands before a verb."""


def demo(
    picture: Annotated[
        Path | None, typer.Option(help="Also write what is shown to this file, as SVG.")
    ] = None,
) -> None:
    """Show four agents being told and answering, in a temporary home."""
    from iterm_mcp.cli.demo import demo as play

    play(picture)


def version() -> None:
    """Print the version."""
    from iterm_mcp import __version__

    typer.echo(__version__)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


def command_line(verbs: "Container[str]") -> typer.Typer:
    """Return the command line with these verbs; to describe one takes milliseconds."""
    found = typer.Typer(
        name="iterm-mcp",
        help="The control plane for terminals and for the coding agents that live in them. "
        "Without a verb it is the MCP server on stdio: that is what goes into a client's "
        "configuration. It takes --tier read|mutate|destructive, the most that this client may "
        "do, and --tools core|all|auto or names of tools, what it is shown.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for verb, module in GROUPS.items():
        if verb in verbs:
            found.add_typer(import_module(f"{__name__}.{module}").app, name=verb)
    for verb, module in SINGLE.items():
        if verb in verbs:
            found.command()(getattr(import_module(f"{__name__}.{module}"), verb))
    found.callback()(options)
    found.command()(demo)
    found.command()(version)
    return found


@cache
def _whole() -> typer.Typer:
    return command_line([*GROUPS, *SINGLE])


def __getattr__(name: str) -> typer.Typer:
    if name == "app":
        return _whole()
    raise AttributeError(name)


def main() -> int:
    """Run the command line and return its exit code.

    A file or folder that cannot be used is the user's to mend, and no bug: it is named, without
    a traceback.
    """
    asked = sys.argv[1:2]
    known = asked and (asked[0] in GROUPS or asked[0] in SINGLE)
    try:
        (command_line(asked) if known else _whole())()
    except OSError as error:
        if error.filename is None:
            raise
        typer.echo(f"iterm-mcp: {error.strerror}: {error.filename}", err=True)
        return 1
    return 0
