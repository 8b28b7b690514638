"""Files of the store as opening makes them: to make one takes longer than most tests.

Tests of the store itself, and of its steps to the newest version, have theirs made.
"""

from __future__ import annotations

import sqlite3
import tempfile
from functools import cache
from pathlib import Path

from anyio import to_thread

from iterm_mcp.store.migrations import migrate


async def lay_store(path: Path) -> str:
    """Put an empty store there, unless there is a file; return where it is."""
    await to_thread.run_sync(_lay, path)
    return str(path)


def _lay(path: Path) -> None:
    if not path.exists():
        path.touch(0o600)
        path.write_bytes(_empty())


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory(prefix="im-") as folder:
        path = Path(folder, "state.db")
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            migrate(connection)
        finally:
            connection.close()  # what stands in the log comes into the file
        return path.read_bytes()
