"""``sessions/<pid>.json``, in which a running Claude Code keeps its status. Pure but for one look.

Nobody documents it; it was seen from 2.1.329 on, written anew within 50 ms of each change, and
empty for a moment while it is. It tells what no hook does: that a person has refused, or
interrupted. It outlives a process that was killed, and a pid is used again, so it counts only for
the process that wrote it. A file of a form that we do not know tells nothing. The sibling
``<pid>.<hash>.key`` is a secret: never read.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.observations import Json

STATUSES = frozenset({"idle", "busy", "waiting", "shell"})
"""Its own words, which are also `Fact.ACTIVITY`'s. Any other word tells nothing yet."""

EVIDENCE_CHARACTERS = 2000
_CONVERSATION = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")
_START_FIELD = 19  # of /proc/<pid>/stat, counted from what follows the program's name
_FOLDER_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """What the file says.

    Attributes:
        process_start: When the process was started, in the system's own unit; empty if not told.
        conversation: The conversation's id; it changes with ``/clear`` and ``/resume``.
        status: One of `STATUSES`, or empty.
        waiting_for: Such as ``permission prompt`` and ``input needed``, or empty.
        said_at: When it came to its status, ISO 8601; a status between two looks is missed, but
            not that it is another since. Empty if not told.
    """

    pid: int
    process_start: str
    conversation: str
    directory: str
    status: str
    waiting_for: str
    said_at: str = ""

    def belongs_to(self, pid: int, process_start: str) -> bool:
        """Tell whether a process wrote it; where its start is not known, the pid has to do."""
        same = not process_start or not self.process_start or self.process_start == process_start
        return self.pid == pid and same


def config_folder(environment: Mapping[str, str]) -> Path:
    """Return where a Claude Code with this environment keeps its files."""
    own = environment.get("CLAUDE_CONFIG_DIR")
    return Path(own) if own else Path(environment.get("HOME") or Path.home(), ".claude")


def registry_path(environment: Mapping[str, str], pid: int) -> Path:
    """Return the file of one process."""
    return config_folder(environment) / "sessions" / f"{pid}.json"


def transcript_path(environment: Mapping[str, str], directory: str, conversation: str) -> Path:
    """Return a conversation's transcript; the directory is the one in which it was begun."""
    folder = re.sub(r"[^A-Za-z0-9]", "-", directory)
    return config_folder(environment) / "projects" / folder / f"{conversation}.jsonl"


def process_start(pid: int) -> str:
    """Return when a process was started, as the file would say it.

    Only Linux is known: there it is the kernel's ticks since the machine was. Empty elsewhere, and
    for a process that is no more.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return fields[_START_FIELD] if len(fields) > _START_FIELD else ""


def read_entry(content: bytes | None) -> Entry | None:
    """Return what a file says; None when it is missing, half written, or of another form."""
    try:
        data = json.loads(content or b"")
    except ValueError:
        return None
    if not isinstance(data, dict):
        return None
    pid, conversation = data.get("pid"), data.get("sessionId")
    if not isinstance(pid, int) or isinstance(pid, bool):
        return None
    if not isinstance(conversation, str) or not _CONVERSATION.fullmatch(conversation):
        return None
    status = _text(data, "status")
    return Entry(
        pid,
        _text(data, "procStart"),
        conversation,
        _text(data, "cwd"),
        status if status in STATUSES else "",
        _text(data, "waitingFor") if status == "waiting" else "",
        _moment(data.get("statusUpdatedAt")),
    )


def registry_sightings(entry: Entry, transcript: str) -> tuple[Sighting, ...]:
    """Return what an entry tells."""
    evidence = f"status {entry.status or 'not told'}"
    if entry.waiting_for:
        evidence += f", waiting for {entry.waiting_for}"
    conversation: dict[str, Json] = {"id": entry.conversation, "transcript": transcript}
    told = [_sighting(Fact.CONVERSATION, conversation, f"sessionId {entry.conversation}")]
    if entry.status:
        activity: dict[str, Json] = {"is": entry.status}
        if entry.waiting_for:
            activity["for"] = entry.waiting_for
        if entry.said_at:
            activity["at"] = entry.said_at
        told.append(_sighting(Fact.ACTIVITY, activity, evidence))
    return tuple(told)


def _sighting(fact: Fact, value: Mapping[str, Json], evidence: str) -> Sighting:
    return Sighting(fact, value, ObservationSource.REGISTRY, evidence[:EVIDENCE_CHARACTERS])


def _moment(milliseconds: object) -> str:
    """Return a time that is written as milliseconds of the epoch."""
    if not isinstance(milliseconds, int | float) or isinstance(milliseconds, bool):
        return ""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return ""


def _text(data: Mapping[str, object], key: str) -> str:
    value = data.get(key)
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
