"""The clients that we know: where each keeps its servers, in what form."""

from __future__ import annotations

import json
import shutil
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.agents.claude_hooks import spool_hooks
from iterm_mcp.agents.hook_spool import SCRIPT
from iterm_mcp.cli.installing import json_text, toml_text
from iterm_mcp.cli.installing.server_entry import merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.cli.installing.server_entry import Server


@dataclass(frozen=True, slots=True)
class Machine:
    """Where clients are looked for."""

    environ: Mapping[str, str]
    platform: str = sys.platform

    @property
    def home(self) -> Path:
        """Return the user's home folder."""
        return Path(self.environ.get("HOME") or Path.home())

    def folder(self, variable: str, name: str) -> Path:
        """Return the folder that a variable names, or else one in the home folder."""
        return Path(self.environ.get(variable) or self.home / name)

    def find(self, program: str) -> str | None:
        """Return where a program is installed."""
        return shutil.which(program, path=self.environ.get("PATH", ""))


class Client(ABC):
    """A client; unless it says otherwise its configuration is JSON with an object of servers.

    Attributes:
        name: What the user calls it on our command line.
        title: What its maker calls it.
        program: The command that is there when it is installed; empty for an app.
        section: The member, or table, in which servers stand.
        then: What the user does for the change to count.
    """

    name = ""
    title = ""
    program = ""
    section = "mcpServers"
    then = ""
    comments = False

    @abstractmethod
    def file(self, machine: Machine) -> Path:
        """Return where its configuration stands, whether it is there or not."""

    def is_here(self, machine: Machine) -> bool:
        """Tell whether the machine shows a trace of it."""
        folder = self.file(machine).parent
        there = folder.is_dir() if folder != machine.home else self.file(machine).exists()
        return there or bool(self.program and machine.find(self.program))

    def read(self, text: str) -> dict[str, Any]:
        """Return what a configuration holds.

        Raises:
            ConfigError: It is not valid.
        """
        return json_text.read(text, comments=self.comments)

    def entry(self, text: str, name: str) -> Any:  # noqa: ANN401 - a user's file may hold anything
        """Return a server's entry, or None.

        Raises:
            ConfigError: The configuration is not valid.
        """
        servers = self.read(text).get(self.section)
        return servers.get(name) if isinstance(servers, dict) else None

    def wanted(self, old: object, server: Server) -> dict[str, Any]:
        """Return what our entry is to be, with what its user has set besides in an older one."""
        return merged(old, server)

    def add(self, text: str, name: str, entry: dict[str, Any]) -> str:
        """Return the text with this entry, and all the rest as it was.

        Raises:
            ConfigError: It is not valid, or not to be changed safely.
        """
        return json_text.with_member(text, self.section, name, entry, comments=self.comments)

    def remove(self, text: str, name: str, *, prune: bool) -> str:
        """Return the text without this entry; without an empty section, if that is to go too.

        Raises:
            ConfigError: It is not valid, or not to be changed safely.
        """
        return json_text.without_member(
            text, self.section, name, prune=prune, comments=self.comments
        )


class ClaudeDesktop(Client):
    """The app; it is not made for Linux, where some run it all the same."""

    name = "claude-desktop"
    title = "Claude Desktop"
    then = "Quit Claude Desktop and start it again."

    def file(self, machine: Machine) -> Path:
        """Return where its configuration stands."""
        if machine.platform == "darwin":
            folder = machine.home / "Library" / "Application Support"
        else:
            folder = machine.folder("XDG_CONFIG_HOME", ".config")
        return folder / "Claude" / "claude_desktop_config.json"


class ClaudeCode(Client):
    """It writes its file itself, often; so its own command is asked first."""

    name = "claude-code"
    title = "Claude Code"
    program = "claude"
    then = "Start a new session, or type /mcp in one that runs."

    def file(self, machine: Machine) -> Path:
        """Return where its configuration stands."""
        return machine.folder("CLAUDE_CONFIG_DIR", "") / ".claude.json"

    def add(self, text: str, name: str, entry: dict[str, Any]) -> str:
        """Return the text with this entry, as its own command writes it."""
        return super().add(text, name, {"type": "stdio", **entry})


class ClaudeCodeHooks(Client):
    """Our hooks among those of the user's own settings; beside them in lists, not in their place.

    Args:
        spool: The folder in which they leave events. By it we know them again.
    """

    name = "claude-code-hooks"
    title = "Claude Code's hooks"
    section = "hooks"
    then = "Sessions that are started from now on are told of."

    def __init__(self, spool: str) -> None:
        self._spool = spool

    def file(self, machine: Machine) -> Path:
        """Return where its settings stand."""
        return machine.folder("CLAUDE_CONFIG_DIR", ".claude") / "settings.json"

    def entry(self, text: str, name: str) -> Any:  # noqa: ANN401, ARG002 - see the base
        """Return our hooks by event; None when there are none."""
        return dict(self._ours(text)) or None

    def wanted(self, old: object, server: Server) -> dict[str, Any]:  # noqa: ARG002 - it is all ours
        """Return our hooks by event, whatever older ones were."""
        return {event: groups[0] for event, groups in spool_hooks(self._spool).items()}

    def add(self, text: str, name: str, entry: dict[str, Any]) -> str:
        """Return the text with our hooks, and without older ones."""
        if any(entry.get(event) != one for event, one in self._ours(text)):
            text = self.remove(text, name, prune=False)
        for event, one in reversed(entry.items()):
            text = json_text.with_item(text, self.section, event, one)
        return text

    def remove(self, text: str, name: str, *, prune: bool) -> str:  # noqa: ARG002 - we know ours
        """Return the text without our hooks."""
        for event, one in self._ours(text):
            text = json_text.without_item(text, self.section, event, one, prune=prune)
        return text

    def _ours(self, text: str) -> list[tuple[str, Any]]:
        events = self.read(text).get(self.section)
        if not isinstance(events, dict):
            return []
        mark = f"{self._spool}/{SCRIPT}"
        return [
            (event, one)
            for event, groups in events.items()
            for one in (groups if isinstance(groups, list) else ())
            if mark in json.dumps(one, ensure_ascii=False)
        ]


class Codex(Client):
    """TOML."""

    name = "codex"
    title = "Codex"
    program = "codex"
    section = "mcp_servers"
    then = "Start a new session."

    def file(self, machine: Machine) -> Path:
        """Return where its configuration stands."""
        return machine.folder("CODEX_HOME", ".codex") / "config.toml"

    def read(self, text: str) -> dict[str, Any]:
        """Return what a configuration holds."""
        return toml_text.read(text)

    def add(self, text: str, name: str, entry: dict[str, Any]) -> str:
        """Return the text with this entry's table."""
        return toml_text.with_table(text, self.section, name, entry)

    def remove(self, text: str, name: str, *, prune: bool) -> str:  # noqa: ARG002 - a table needs no section around it
        """Return the text without this entry's table."""
        return toml_text.without_table(text, self.section, name)


class Gemini(Client):
    """JSON with comments."""

    name = "gemini"
    title = "Gemini CLI"
    program = "gemini"
    then = "Start a new session."
    comments = True

    def file(self, machine: Machine) -> Path:
        """Return where its configuration stands."""
        return machine.folder("GEMINI_CLI_HOME", "") / ".gemini" / "settings.json"


CLIENTS: tuple[Client, ...] = (ClaudeDesktop(), ClaudeCode(), Codex(), Gemini())


def companions(client: Client, spool: str) -> tuple[Client, ...]:
    """Return what else of a client is set up with it.

    Args:
        spool: The folder in which agents' hooks leave events.
    """
    return (ClaudeCodeHooks(spool),) if isinstance(client, ClaudeCode) else ()
