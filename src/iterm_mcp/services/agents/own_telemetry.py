"""Whether a user has said already where an agent exports to: then that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.agents.configuration import configuration_files
from iterm_mcp.agents.telemetry import exports_by_itself, speaks_of_it

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_CHARACTERS = 1 << 20
_SETTINGS = {".json", ".toml", ".env"}


async def has_own_telemetry(kind: str, directory: str, environ: Mapping[str, str]) -> bool:
    """Tell whether its environment or its settings say anything of what it exports.

    Args:
        environ: What the agent will have, with what leads to its user's own settings.
    """
    program = kind.removesuffix("-headless")
    if exports_by_itself(program, environ):
        return True
    paths = configuration_files(program, directory, environ)
    return await to_thread.run_sync(_speak_of_it, program, paths)


def _speak_of_it(kind: str, paths: tuple[Path, ...]) -> bool:
    return any(
        speaks_of_it(kind, _text(path))
        for path in paths
        if path.suffix in _SETTINGS or path.name in _SETTINGS
    )


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(MOST_CHARACTERS)
    except OSError:
        return ""
