"""Our entry in a client's configuration: the change worked out, shown, made, and undone."""

from __future__ import annotations

import difflib
import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.cli.installing import config_file
from iterm_mcp.cli.installing.record import Installation, Record, digest
from iterm_mcp.cli.installing.server_entry import NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.cli.installing.clients import Client, Machine
    from iterm_mcp.cli.installing.server_entry import Server
    from iterm_mcp.clock import Clock

    Run = Callable[[list[str]], None]
    """Runs a client's own command, bounded; what became of it is seen in the file."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a configuration holds, and what it is to hold; None where there is no file.

    Attributes:
        edit: Makes it in whatever the file holds by then.
        command: The client's own command for the same; empty where our edit is the way.
        exact: It takes back all that we did, to the byte.
    """

    path: Path
    before: bytes | None
    after: bytes | None
    edit: Callable[[str], str] | None = None
    command: tuple[str, ...] = ()
    exact: bool = False

    @property
    def is_none(self) -> bool:
        """Tell whether nothing is to be done."""
        return self.before == self.after

    def diff(self) -> str:
        """Return the change for people, as a unified diff."""
        old, new = (
            [] if data is None else data.decode(errors="replace").splitlines(keepends=True)
            for data in (self.before, self.after)
        )
        here = str(self.path)
        found = difflib.unified_diff(
            old,
            new,
            here if self.before is not None else os.devnull,
            here if self.after is not None else os.devnull,
        )
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in found
        )


class Installer:
    """Works on the clients of one machine, with the record of one state folder."""

    def __init__(self, machine: Machine, record: Record, clock: Clock, run: Run) -> None:
        self._machine = machine
        self._record = record
        self._clock = clock
        self._run = run

    def is_installed(self, client: Client) -> bool:
        """Tell whether a client has our entry.

        Raises:
            ConfigError: Its configuration is not valid.
            OSError: It cannot be read.
        """
        text = config_file.decode(config_file.read(client.file(self._machine)))
        return client.entry(text, NAME) is not None

    def plan_install(self, client: Client, server: Server) -> Change:
        """Work out what puts our entry in, or brings it up to date.

        Raises:
            ConfigError: The configuration is not to be changed safely.
            OSError: It cannot be read.
        """
        path = client.file(self._machine)
        before = config_file.read(path)
        text = config_file.decode(before)
        old = client.entry(text, NAME)
        entry = client.wanted(old, server)
        if entry == old:
            return Change(path, before, before)
        edit = partial(_add, client, entry)
        command: tuple[str, ...] = ()
        if old is None and (program := self._own_command(client)):
            shown = json.dumps({"type": "stdio", **entry}, ensure_ascii=False)
            command = (program, "mcp", "add-json", "--scope", "user", NAME, shown)
        return Change(path, before, edit(text).encode(), edit, command)

    def plan_uninstall(self, client: Client) -> Change:
        """Work out what takes our entry out: what was before, if nothing else changed since.

        Raises:
            ConfigError: The configuration is not to be changed safely.
            OSError: It cannot be read.
        """
        path = client.file(self._machine)
        before = config_file.read(path)
        known = self._record.get(client.name, path)
        if before is not None and known is not None and digest(before) == known.sha256:
            original = config_file.read(Path(known.backup)) if known.backup else None
            if original is not None or not known.backup:
                return Change(path, before, original, exact=True)
        text = config_file.decode(before)
        if client.entry(text, NAME) is None:
            return Change(path, before, before)
        prune = known is not None and known.made_section
        edit = partial(client.remove, name=NAME, prune=prune)
        command: tuple[str, ...] = ()
        if program := self._own_command(client):
            command = (program, "mcp", "remove", "--scope", "user", NAME)
        return Change(path, before, edit(text).encode(), edit, command)

    def install(self, client: Client, change: Change) -> Path | None:
        """Make the change of `plan_install`; return where the file's former content is kept.

        Raises:
            ConfigError: The file was changed meanwhile, or is not to be written.
            OSError: It could not be written.
        """
        known = self._record.get(client.name, change.path)
        if known and change.before is not None and digest(change.before) == known.sha256:
            backup = Path(known.backup) if known.backup else None  # of before we came at all
            made = known.made_section
        else:
            text = config_file.decode(change.before)
            made = client.section not in client.read(text)
            backup = None
            if change.before is not None:
                backup = config_file.back_up(change.path, change.before, self._clock.now())
        try:
            self._make(client, change, wanted=True)
        except BaseException:
            if backup is not None and not (known and known.backup == str(backup)):
                backup.unlink(missing_ok=True)
            raise
        now = config_file.read(change.path) or b""
        installation = Installation(
            str(change.path), str(backup) if backup else "", digest(now), made
        )
        self._record.put(client.name, installation)
        return backup

    def uninstall(self, client: Client, change: Change) -> None:
        """Make the change of `plan_uninstall`; a backup that is needed no more goes too.

        Raises:
            ConfigError: The file was changed meanwhile, or is not to be written.
            OSError: It could not be written.
        """
        known = self._record.get(client.name, change.path)
        self._make(client, change, wanted=False)
        if change.exact and known and known.backup:
            Path(known.backup).unlink(missing_ok=True)
        self._record.put(client.name, None)

    def backup_of(self, client: Client) -> Path | None:
        """Return where the content of before we came is kept."""
        known = self._record.get(client.name, client.file(self._machine))
        return Path(known.backup) if known and known.backup else None

    def _own_command(self, client: Client) -> str | None:
        return self._machine.find(client.program) if client.name == "claude-code" else None

    def _make(self, client: Client, change: Change, *, wanted: bool) -> None:
        """Have the client do it, where it can; do it ourselves where it has not."""
        before, after = change.before, change.after
        if change.command and change.edit:
            self._run(list(change.command))
            before = config_file.read(change.path)
            text = config_file.decode(before)
            if (client.entry(text, NAME) is not None) == wanted:
                return
            after = change.edit(text).encode()  # the client may have written something else
        config_file.replace(change.path, before, after)


def _add(client: Client, entry: dict[str, Any], text: str) -> str:
    return client.add(text, NAME, entry)
