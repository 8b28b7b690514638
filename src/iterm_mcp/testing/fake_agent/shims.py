"""Programs named ``claude``, ``codex`` and ``gemini`` that start the fake ones.

A script's own name is what the system shows of it, so whoever looks for the real program's process
finds these.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("claude", "codex", "gemini")
EXECUTABLE = 0o755


def write_shims(folder: Path) -> list[Path]:
    """Write the three programs; return their paths. They use this very Python.

    Raises:
        OSError: The folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in NAMES:
        path = folder / name
        path.write_text(
            f"#!{sys.executable}\n"
            "import sys\n"
            "from iterm_mcp.testing.fake_agent.__main__ import main\n"
            f"sys.exit(main(['{name}', *sys.argv[1:]]))\n",
            "utf-8",
        )
        path.chmod(EXECUTABLE)
        written.append(path)
    return written
