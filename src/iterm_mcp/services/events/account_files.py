"""What became of files over a whole conversation. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from iterm_mcp.models.accounts import Change, ChangedFile, Commit
from iterm_mcp.models.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.events import Event

COMMITS = {EventKind.COMMIT_MADE: "commit", EventKind.PULL_REQUEST_CHANGED: "pull request"}


def files_of(events: Sequence[Event]) -> tuple[ChangedFile, ...]:
    """Return every changed path once, sorted; events come in the order of time."""
    by_path: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        path = event.payload.get("path")
        if event.kind is EventKind.FILE_CHANGED and isinstance(path, str) and path:
            by_path[path].append(event)
    return tuple(_file(path, by_path[path]) for path in sorted(by_path))


def _file(path: str, changes: Sequence[Event]) -> ChangedFile:
    first, last = changes[0].payload, changes[-1].payload
    made, gone = first.get("change") == "created", last.get("change") == "deleted"
    change = {
        (True, True): Change.PASSING,
        (True, False): Change.CREATED,
        (False, True): Change.DELETED,
        (False, False): Change.MODIFIED,
    }[made, gone]
    return ChangedFile(
        path,
        change,
        len(changes),
        _sum(changes, "lines_added"),
        _sum(changes, "lines_removed"),
        0 if made else _number(changes[0], "bytes_before"),
        None if gone else _number(changes[-1], "bytes_after"),
    )


def _number(event: Event, name: str) -> int | None:
    value = event.payload.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _sum(changes: Sequence[Event], name: str) -> int | None:
    told = [value for one in changes if (value := _number(one, name)) is not None]
    return sum(told) if told else None


def commits_of(events: Sequence[Event]) -> tuple[Commit, ...]:
    """Return commits and what happened to pull requests, in the order of time."""
    return tuple(
        Commit(event.at, COMMITS[event.kind], event.subject, event.text)
        for event in events
        if event.kind in COMMITS
    )
