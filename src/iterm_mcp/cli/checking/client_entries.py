"""The clients of this machine: whether their configurations can be read, and start this program."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.cli.checking.finding import Finding
from iterm_mcp.cli.installing import config_file
from iterm_mcp.cli.installing.clients import CLIENTS
from iterm_mcp.cli.installing.errors import ConfigError
from iterm_mcp.cli.installing.server_entry import MODULE, NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterm_mcp.cli.installing.clients import Client, Machine


def check_clients(machine: Machine, command: Sequence[str]) -> Iterator[Finding]:
    """Look at each client that has left a trace here.

    Args:
        command: What starts this installation.
    """
    here = [one for one in CLIENTS if one.is_here(machine)]
    if not here:
        hint = "Install one, or name it: iterm-mcp install --help"
        yield Finding("warn", "clients", "no MCP client was found", hint)
    for client in here:
        yield from _check(client, machine, command)


def _check(client: Client, machine: Machine, command: Sequence[str]) -> Iterator[Finding]:
    part, path = client.title, client.file(machine)
    mend = f"Run `iterm-mcp install {client.name}`."
    try:
        value = client.read(config_file.decode(config_file.read(path)))
    except ConfigError as error:
        yield Finding("fail", part, f"{path}: {error}", error.hint)
        return
    except OSError as error:
        yield Finding("fail", part, f"{path}: {error.strerror}", "Permit yourself to read it.")
        return
    ours = list(_ours(value.get(client.section)))
    if not ours:
        yield Finding("ok", part, "does not use iterm-mcp", mend)
    for name, started in ours:
        program = shutil.which(started, path=machine.environ.get("PATH", os.defpath))
        if program is None:
            yield Finding("fail", part, f"{name} starts {started}, which is not there", mend)
        elif not Path(started).is_absolute() and not client.program:
            text = f"{name} starts {started}, and an app may have another PATH"
            yield Finding("warn", part, text, mend)
        elif Path(program).resolve() != Path(command[0]).resolve():
            text = f"{name} starts {program}, and this is {command[0]}"
            yield Finding("warn", part, text, mend)
        else:
            yield Finding("ok", part, f"{name} starts {program}")


def _ours(servers: object) -> Iterator[tuple[str, str]]:
    """Return the names and programs of those servers that are ours, whatever they are called."""
    entries: dict[str, Any] = servers if isinstance(servers, dict) else {}
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            continue
        program, args = str(entry.get("command", "")), entry.get("args")
        module = isinstance(args, list) and args[: len(MODULE)] == [*MODULE]
        if name == NAME or Path(program).name == NAME or module:
            yield name, program
