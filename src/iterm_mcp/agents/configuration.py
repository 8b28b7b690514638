"""The files that agents read at their start: who was started before they changed is out of date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

IN_DIRECTORY: Mapping[str, tuple[str, ...]] = {
    "claude": (
        "CLAUDE.md", "CLAUDE.local.md", ".claude/CLAUDE.md", ".claude/settings.json",
        ".claude/settings.local.json", ".claude/agents", ".claude/commands", ".claude/skills",
        ".mcp.json",
    ),
    "codex": ("AGENTS.md", "AGENTS.override.md", ".codex/config.toml"),
    "gemini": ("GEMINI.md", ".gemini/settings.json", ".gemini/.env", ".env"),
}  # fmt: skip
"""By kind, in the agent's directory and in those above it."""

AT_HOME: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "claude": ("CLAUDE_CONFIG_DIR", ".claude", (
        "settings.json", "CLAUDE.md", "agents", "commands", "skills", ".credentials.json",
    )),
    "codex": ("CODEX_HOME", ".codex", ("config.toml", "AGENTS.md", "auth.json")),
    "gemini": ("GEMINI_CLI_HOME", "", (
        ".gemini/settings.json", ".gemini/GEMINI.md", ".gemini/oauth_creds.json", ".gemini/.env",
    )),
}  # fmt: skip
"""By kind, the variable that moves the person's own folder, where that is, and what is read."""

MOST_ABOVE = 16


def configuration_files(kind: str, directory: str, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files and folders that an agent reads at its start; they need not be there.

    Nothing for kinds of which nothing is known.
    """
    return tuple(dict.fromkeys(_files(kind, directory, environ)))


def configuration_state(paths: tuple[Path, ...]) -> tuple[tuple[int, int, int] | None, ...]:
    """Return what changes when one of these files does. It looks at the disk."""
    return tuple(_state(path) for path in paths)


def _files(kind: str, directory: str, environ: Mapping[str, str]) -> Iterator[Path]:
    here = Path(directory)
    for folder in (here, *list(here.parents)[:MOST_ABOVE]):
        yield from (folder / name for name in IN_DIRECTORY.get(kind, ()))
    variable, usual, names = AT_HOME.get(kind, ("", "", ()))
    home = Path(environ.get(variable) or Path(environ.get("HOME") or Path.home(), usual))
    yield from (home / name for name in names)


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
