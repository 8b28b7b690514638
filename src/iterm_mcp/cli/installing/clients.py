"""The clients that we know: where each keeps its servers, in what form."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.cli.installing import json_text, toml_text

if TYPE_CHECKING:
    from collections.abc import Mapping


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


class Client:
    """A client whose configuration is JSON with an object of servers.

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

    def file(self, machine: Machine) -> Path:
        """Return where its configuration stands, whether it is there or not."""
        raise NotImplementedError

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
