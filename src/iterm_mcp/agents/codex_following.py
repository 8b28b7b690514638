"""Following one Codex by its rollout."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.agents.codex_rollout import TAIL_BYTES, RolloutReader, codex_home
from iterm_mcp.agents.located_files import arguments_of, following, open_files, started_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from iterm_mcp.agents.files import Files, Following
    from iterm_mcp.agents.kind import Occupant
    from iterm_mcp.models.observations import Sighting

_ROLLOUT = re.compile(r"rollout-.*\.jsonl")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HEAD_BYTES = 1 << 20
"""The first line holds the model's instructions, some 20 KB."""
SLACK_SECONDS = 2.0


def follow_codex(
    occupant: Occupant, files: Files, see: Callable[[Sighting], None]
) -> AbstractAsyncContextManager[None]:
    """Follow one process's rollout for the length of the block; see `AgentKind.follow`."""

    def follow(path: Path, began: float | None) -> Following:
        reader = RolloutReader(path, began)
        see(reader.conversation())

        def take(lines: list[bytes]) -> None:
            for line in lines:
                for sighting in reader.read(line):
                    see(sighting)

        return files.follow_lines(path, take, tail_bytes=TAIL_BYTES)

    return following(occupant.pid, lambda known: find_rollout(occupant, known), follow)


def find_rollout(occupant: Occupant, known: Path | None = None) -> Path | None:
    """Return the rollout that a process writes; None while that cannot be said for sure.

    It is the one that the process has open, or was told to resume, or else the only one of its
    directory that came to be since the process was started.
    """
    for name in open_files(occupant.pid):
        if _ROLLOUT.fullmatch(Path(name).name):
            return Path(name)
    home = codex_home(occupant.environment)
    if home is None or known is not None:
        return known
    words = arguments_of(occupant.pid)
    resumed = next((word for word in words if "resume" in words and _ID.fullmatch(word)), None)
    if resumed is not None:
        return max((home / "sessions").glob(f"*/*/*/rollout-*-{resumed}.jsonl"), default=None)
    began = started_at(occupant.pid)
    if began is None:
        return None
    fitting = [path for path in _written_since(home, began) if _is_of(path, occupant, began)]
    return fitting[0] if len(fitting) == 1 else None


def _written_since(home: Path, began: float) -> Iterator[Path]:
    """Yield the rollouts of the days since then; folders are named by the local day."""
    day = datetime.fromtimestamp(began, UTC) - timedelta(days=1)
    for _ in range(3):
        yield from (home / "sessions" / f"{day:%Y/%m/%d}").glob("rollout-*.jsonl")
        day += timedelta(days=1)


def _is_of(path: Path, occupant: Occupant, began: float) -> bool:
    if path.stat().st_mtime < began - SLACK_SECONDS:
        return False
    with path.open("rb") as file:
        line = file.read(HEAD_BYTES).partition(b"\n")[0]
    try:
        meta = json.loads(line)["payload"]
        stamp = datetime.fromisoformat(str(meta["timestamp"]))
        directory = str(meta["cwd"])
    except (ValueError, KeyError, TypeError):  # torn, or of an unknown form
        return False
    return stamp.timestamp() >= began - SLACK_SECONDS and directory == occupant.directory
