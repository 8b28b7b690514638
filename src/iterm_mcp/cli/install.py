"""``iterm-mcp install`` and ``iterm-mcp uninstall``: our server in the clients of this machine."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from iterm_mcp.access import AccessError, take_access
from iterm_mcp.cli.installing.clients import (
    CLIENTS,
    ClaudeCodeHooks,
    Client,
    Machine,
    companions,
)
from iterm_mcp.cli.installing.errors import ConfigError
from iterm_mcp.cli.installing.installer import Change, Installer
from iterm_mcp.cli.installing.record import Record
from iterm_mcp.cli.installing.server_entry import Server, own_command
from iterm_mcp.clock import SystemClock
from iterm_mcp.errors import StoreError
from iterm_mcp.paths import find_paths
from iterm_mcp.services.events.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT_SECONDS = 60


class ClientName(StrEnum):
    """The clients by name."""

    CLAUDE_DESKTOP = "claude-desktop"
    CLAUDE_CODE = "claude-code"
    CODEX = "codex"
    GEMINI = "gemini"


Clients = Annotated[
    list[ClientName] | None,
    typer.Argument(metavar="[CLIENT]...", help=f"Which: {', '.join(ClientName)}."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
]

Hooks = Annotated[
    bool, typer.Option(help="Also have Claude Code tell us, by hooks, what happens in it.")
]


def install(
    clients: Clients = None,
    dry_run: DryRun = False,  # noqa: FBT002 - a flag
    tier: Annotated[
        str | None, typer.Option(help="The most that the client may do: read, mutate, destructive.")
    ] = None,
    tools: Annotated[
        str | None, typer.Option(help="What it is shown: core, all, auto, or names with commas.")
    ] = None,
    hooks: Hooks = True,  # noqa: FBT002 - a flag
    env: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A variable for the server; NAME passes on yours."),
    ] = None,
) -> None:
    """Put the server into MCP clients: those named, or all that are found on this machine.

    What else stands in a client's configuration stays as it is, to the byte; the file as it was
    is kept beside it. Doing it again changes nothing, or brings the entry up to date.
    """
    server = Server(own_command(sys.argv[0]), _access(tier, tools), _environ(env or []))
    machine = Machine(os.environ)
    chosen = _named(clients) or [one for one in CLIENTS if one.is_here(machine)]
    if not chosen:
        names = "|".join(ClientName)
        typer.echo(f"no MCP client was found here; name it: iterm-mcp install {names}", err=True)
        raise typer.Exit(1)
    installer = _installer(machine)
    spool = Spool(find_paths().spool)

    def one(client: Client) -> None:
        change = installer.plan_install(client, server)
        if change.is_none:
            typer.echo(f"{client.title}: {change.path} has it already")
        elif dry_run:
            _show(client, change)
        else:
            if isinstance(client, ClaudeCodeHooks):
                spool.make()  # what they run stands there
            backup = installer.install(client, change)
            typer.echo(f"{client.title}: added to {change.path}")
            if backup:
                typer.echo(f"  as it was: {backup}")
            typer.echo(f"  {client.then}")

    _for_each(_with_companions(chosen) if hooks else chosen, machine, one)


def uninstall(
    clients: Clients = None,
    dry_run: DryRun = False,  # noqa: FBT002 - a flag
) -> None:
    """Take the server out of MCP clients: those named, or all that have it.

    A configuration that nobody has changed since is what it was before, to the byte.
    """
    machine = Machine(os.environ)
    installer = _installer(machine)
    named = _named(clients)
    found = []

    def one(client: Client) -> None:
        change = installer.plan_uninstall(client)
        if change.is_none:
            if client in named:
                typer.echo(f"{client.title}: {change.path} does not have it")
            return
        found.append(client)
        if dry_run:
            _show(client, change)
            return
        backup = None if change.exact else installer.backup_of(client)
        installer.uninstall(client, change)
        if change.after is None:
            typer.echo(f"{client.title}: removed {change.path}, which was not there before")
        elif change.exact:
            typer.echo(f"{client.title}: {change.path} is what it was before")
        else:
            typer.echo(f"{client.title}: removed from {change.path}; the rest is as it was")
        if backup:
            typer.echo(f"  as it was before it was added: {backup}")

    _for_each(_with_companions(named or list(CLIENTS)), machine, one)
    if not found and not named:
        typer.echo("no client has it")


def _named(clients: list[ClientName] | None) -> list[Client]:
    return [one for one in CLIENTS if one.name in (clients or [])]


def _with_companions(clients: list[Client]) -> list[Client]:
    spool = find_paths().spool
    return [one for client in clients for one in (client, *companions(client, spool))]


def _installer(machine: Machine) -> Installer:
    return Installer(machine, Record(find_paths().installations), SystemClock(), _run)


def _run(command: list[str]) -> None:
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=CLIENT_SECONDS,
            check=False,
        )


def _for_each(clients: list[Client], machine: Machine, work: Callable[[Client], None]) -> None:
    """Work on each client; one that cannot be changed keeps none of the others from it."""
    failed = False
    for client in clients:
        try:
            work(client)
        except (ConfigError, StoreError, OSError) as error:
            failed = True
            reason = f"{error.strerror}" if isinstance(error, OSError) else str(error)
            typer.echo(f"{client.title}: {client.file(machine)}: {reason}", err=True)
            if not isinstance(error, OSError):
                typer.echo(f"  {error.hint}", err=True)
    if failed:
        raise typer.Exit(1)


def _show(client: Client, change: Change) -> None:
    if change.command:
        typer.echo(f"{client.title} is told: {shlex.join(change.command)}")
        typer.echo("which comes to this, but for what it writes of its own:")
    typer.echo(change.diff(), nl=False)


def _access(tier: str | None, tools: str | None) -> tuple[str, ...]:
    words = [
        word
        for name, value in (("--tier", tier), ("--tools", tools))
        if value is not None
        for word in (name, value)
    ]
    try:
        take_access(words, {})
    except AccessError as error:
        raise typer.BadParameter(str(error)) from None
    return tuple(words)


def _environ(pairs: list[str]) -> dict[str, str]:
    environ = {}
    for pair in pairs:
        name, given, value = pair.partition("=")
        if not name or (not given and name not in os.environ):
            raise typer.BadParameter(f"{pair!r} is neither NAME=VALUE nor a variable that is set")
        environ[name] = value if given else os.environ[name]
    return environ
