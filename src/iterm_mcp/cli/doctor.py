"""``iterm-mcp doctor``: each part looked at, and what to do where something is wrong."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from iterm_mcp.paths import find_paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.cli.checking.finding import Finding

MARKS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


def doctor(
    no_start: bool = typer.Option(  # noqa: FBT001
        False,  # noqa: FBT003 - a flag
        "--no-start",
        help="Start nothing: the round trip is made only where daemon and host run.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),  # noqa: FBT001, FBT003
) -> None:
    """Check each part, and say how to mend what is wrong. Exit code 1 when something fails.

    The round trip opens a session, runs `true` in it and closes it; it starts the daemon and the
    headless host where they do not run, and they go on.
    """
    findings = []
    for one in _findings(start=not no_start):
        findings.append(one)
        if not as_json:
            _show(one)
    counts = Counter[str](one.level for one in findings)
    if as_json:
        body = {"ok": not counts["fail"], "findings": [asdict(one) for one in findings]}
        json.dump(body, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        typer.echo(", ".join(f"{counts[level]} {level}" for level in MARKS))
    if counts["fail"]:
        raise typer.Exit(1)


def _findings(*, start: bool) -> Iterator[Finding]:
    """Look at one part after the other; what the round trip starts is looked at after it."""
    from iterm_mcp.cli.checking import (
        client_entries,
        hook_delivery,
        installation,
        limits,
        programs,
        rollouts,
        round_trip,
        state_folder,
    )
    from iterm_mcp.cli.installing.clients import Machine
    from iterm_mcp.cli.installing.server_entry import own_command

    paths, command = find_paths(), own_command(sys.argv[0])
    yield from installation.check_installation(sys.version_info[:2])
    yield from installation.check_settings()
    yield from installation.check_emulator()
    yield from installation.check_pictures()
    yield from state_folder.check_folder(paths)
    yield from state_folder.check_disk(paths)
    yield from state_folder.check_sockets(paths)
    yield from limits.check_limits(paths)
    yield from round_trip.check_round_trip(paths, command, start=start)
    yield from programs.check_daemon(paths)
    yield from state_folder.check_token(paths)
    yield from programs.check_http(paths)
    # A round trip has waited for the terminal already.
    wait_seconds = 0.0 if start else programs.READY_SECONDS
    yield from programs.check_terminal(paths, wait_seconds=wait_seconds)
    yield from hook_delivery.check_hook_delivery(paths)
    machine = Machine(os.environ)
    yield from client_entries.check_clients(machine, command)
    yield from hook_delivery.check_hooks_installed(machine, paths)
    yield from rollouts.check_packed_rollouts(os.environ)


def _show(one: Finding) -> None:
    typer.echo(f"{typer.style(f'{one.level:4}', fg=MARKS[one.level])}  {one.part}: {one.text}")
    if one.hint:
        typer.echo(f"      {one.hint}")
