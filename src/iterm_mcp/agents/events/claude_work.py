"""What Claude Code's tools left behind: files, commits, pull requests. Pure.

Outputs are as ``sdk-tools.d.ts`` of 2.1.330 has them. Hooks have them typed; transcripts too, but
those of subagents hold a result's text alone, and then it is the input that tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.agents.events.telling import (
    byte_count,
    line_count,
    patch_lines,
    rows,
    table,
    word,
)
from iterm_mcp.models.events import Event, EventKind, Links, event_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json

WRITERS = frozenset({"Write", "Edit", "MultiEdit", "NotebookEdit"})
CREATED = ("File created", "Created")


@dataclass(frozen=True, slots=True)
class Work:
    """A tool that did its work.

    Attributes:
        output: Its typed output; empty when only `text` is told.
        text: Its result as the model saw it.
    """

    conversation: str
    call: str
    tool: str
    input: Mapping[str, Json]
    output: Mapping[str, Json]
    text: str
    at: datetime
    source: str
    links: Links


def left_behind(work: Work) -> list[Event]:
    """Return events of what it changed."""
    if work.tool in WRITERS:
        changed = _changed(work)
        return [] if changed is None else [_file(work, changed)]
    return _git(work)


def _changed(work: Work) -> dict[str, Json] | None:
    output, given = work.output, work.input
    if output.get("staged") is True or word(output, "error"):
        return None  # held for somebody, or it did not come to it
    path = (
        word(output, "filePath") or word(output, "notebook_path")
        or word(given, "file_path") or word(given, "notebook_path")
    )  # fmt: skip
    if not path:
        return None
    return {"path": path, **(_told(work) if output else _meant(work))}


def _meant(work: Work) -> dict[str, Json]:
    """Return what an input and a result's text tell of a file that was written or edited."""
    given = work.input
    content = given.get("content")
    if work.tool != "Write" or not isinstance(content, str):
        return {"change": "modified"} | _edited(given)
    if work.text.startswith(CREATED):
        return {"change": "created", **_sizes("", content)}
    return {"change": "modified", "bytes_after": byte_count(content)}


def _told(work: Work) -> dict[str, Json]:
    """Return what a typed output tells of a file that was written or edited."""
    output = work.output
    if work.tool == "NotebookEdit":
        before, after = word(output, "original_file"), word(output, "updated_file")
        return {"change": "modified", **_sizes(before, after)}
    original, content = output.get("originalFile"), output.get("content")
    if word(output, "type") == "create":
        return {"change": "created", **_sizes("", word(output, "content"))}
    added, removed = patch_lines(rows(output, "structuredPatch"))
    change: dict[str, Json] = {
        "change": "modified", "lines_added": added, "lines_removed": removed,
    }  # fmt: skip
    if isinstance(original, str):
        change["bytes_before"] = byte_count(original)
        if isinstance(content, str):
            change["bytes_after"] = byte_count(content)
        elif word(output, "oldString") or word(output, "newString"):
            change["bytes_after"] = byte_count(_edit(original, output))
    elif work.tool in {"Edit", "MultiEdit"} and original is None and "newString" in output:
        change |= {"change": "created", **_sizes("", word(output, "newString"))}
    return change


def _edit(original: str, output: Mapping[str, Json]) -> str:
    old, new = word(output, "oldString"), word(output, "newString")
    times = -1 if output.get("replaceAll") is True else 1
    return original.replace(old, new, times) if old else new


def _edited(given: Mapping[str, Json]) -> dict[str, Json]:
    """Return how many lines an edit's input changes, counted roughly: whole texts."""
    edits = rows(given, "edits") or [dict(given)]
    return {
        "lines_added": sum(line_count(word(one, "new_string")) for one in edits),
        "lines_removed": sum(line_count(word(one, "old_string")) for one in edits),
    }


def _sizes(before: str, after: str) -> dict[str, Json]:
    sizes: dict[str, Json] = {"bytes_before": byte_count(before), "bytes_after": byte_count(after)}
    if not before:
        sizes |= {"lines_added": line_count(after), "lines_removed": 0}
    return sizes


def _file(work: Work, change: dict[str, Json]) -> Event:
    path = str(change["path"])
    return Event(
        key=event_key("claude", work.conversation, "file", work.call, path),
        at=work.at,
        kind=EventKind.FILE_CHANGED,
        source=work.source,
        subject=path,
        text=f"{change['change']} {path}",
        links=work.links,
        payload=change | {"tool": work.tool},
    )


def _git(work: Work) -> list[Event]:
    """Return the commit and the pull request that a command's typed output tells of."""
    operation = table(work.output, "gitOperation")
    commit, request = table(operation, "commit"), table(operation, "pr")
    found: list[Event] = []
    if sha := word(commit, "sha"):
        branch = word(operation, "branch") or word(table(operation, "branch"), "name")
        found.append(
            _landmark(work, EventKind.COMMIT_MADE, sha, {**commit, "sha": sha, "branch": branch})
        )
    number = request.get("number")
    if number or word(request, "url"):
        name = word(request, "url") or f"#{number}"
        found.append(_landmark(work, EventKind.PULL_REQUEST_CHANGED, name, request))
    return found


def _landmark(work: Work, kind: EventKind, name: str, payload: Mapping[str, Json]) -> Event:
    return Event(
        key=event_key("claude", work.conversation, kind, work.call, name),
        at=work.at,
        kind=kind,
        source=work.source,
        subject=name,
        text=word(work.input, "description") or word(work.input, "command"),
        links=work.links,
        payload=payload,
    )
