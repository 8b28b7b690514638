"""Whether Codex has packed conversations away that we may not have read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.cli.checking.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDERS = ("sessions", "archived_sessions")
PACKED = "*.jsonl.zst"
"""What Codex 0.169 makes of rollouts that it has not written to for long."""


def check_packed_rollouts(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Tell of compressed rollouts, which may be older than any daemon; nothing where none are."""
    home = Path(environ.get("CODEX_HOME") or Path(environ.get("HOME") or Path.home(), ".codex"))
    packed = sum(1 for folder in FOLDERS for _ in (home / folder).rglob(PACKED))
    if packed:
        text = (
            f"Codex has compressed {packed} of its conversations: what it had compressed before "
            "there was a daemon is brought in by `iterm-mcp events import`, with its folder"
        )
        yield Finding("ok", "Codex's rollouts", text)
