"""Claude Code's files: ``sessions/<pid>.json`` says who runs, ``projects/…jsonl`` what was said."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.testing.fake_agent.prompts import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.testing.fake_agent.pace import Pace

VERSION = "2.1.330"
START_FIELD = 19
"""Where /proc/<pid>/stat has the start time, counted from what follows the program's name."""


def config_folder(environ: Mapping[str, str]) -> Path:
    """Return where Claude Code keeps its files."""
    return Path(environ.get("CLAUDE_CONFIG_DIR") or Path(environ.get("HOME", "/"), ".claude"))


def transcript_path(folder: Path, cwd: str, session_id: str) -> Path:
    """Return the transcript of a conversation that was begun in a directory."""
    return folder / "projects" / re.sub(r"[^A-Za-z0-9]", "-", cwd) / f"{session_id}.jsonl"


def newest_conversation(folder: Path, cwd: str) -> str | None:
    """Return the id of the directory's newest conversation."""
    found = transcript_path(folder, cwd, "x").parent.glob("*.jsonl")
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    return newest.stem if newest else None


def start_ticks(pid: int) -> str:
    """Return when a process was started, in the kernel's ticks; empty where it does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[START_FIELD]


class Registry:
    """The file that says what this process is doing. It is there from `write` to `remove`.

    It is replaced whole, so that a reader never sees half of it.
    """

    def __init__(self, folder: Path, session_id: str, cwd: str, pace: Pace, name: str) -> None:
        pid = os.getpid()
        self._pace = pace
        self._path = folder / "sessions" / f"{pid}.json"
        self._entry: dict[str, Any] = {
            "pid": pid,
            "sessionId": session_id,
            "cwd": cwd,
            "startedAt": pace.milliseconds(),
            "procStart": start_ticks(pid),
            "version": VERSION,
            "peerProtocol": 1,
            "peerFeatures": ["notify_idle", "reply_across_default_dirs", "artifact_yield"],
            "kind": "interactive",
            "entrypoint": "cli",
            "name": name or f"{Path(cwd).name}-{session_id[:2]}",
            "nameSource": "user" if name else "derived",
        }

    def open(self) -> None:
        """Say who runs, and no status yet."""
        self._save()

    def write(self, status: str, waiting_for: str | None) -> None:
        """Say a status, unless it is said already."""
        if (self._entry.get("status"), self._entry.get("waitingFor")) == (status, waiting_for):
            return
        now = self._pace.milliseconds()
        self._entry.pop("waitingFor", None)
        if waiting_for is not None:
            self._entry["waitingFor"] = waiting_for
        self._entry.update(status=status, updatedAt=now, statusUpdatedAt=now)
        self._save()

    def _save(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".tmp")
        fresh.write_text(json.dumps(self._entry), "utf-8")
        fresh.replace(self._path)

    def remove(self) -> None:
        """Take the file away, as an orderly end does."""
        self._path.unlink(missing_ok=True)


class Transcript:
    """The conversation's lines, appended one by one."""

    def __init__(self, path: Path, session_id: str, cwd: str, pace: Pace, mode: str) -> None:
        self.path = path
        self.mode = mode
        self._session_id = session_id
        self._cwd = cwd
        self._pace = pace
        self._parent: str | None = None
        self._turns = 0
        self.messages = 0
        self._holding = False
        self._held: list[dict[str, Any]] = []

    def plain(self, kind: str, **fields: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        """Append a line that is no message."""
        self._append({"type": kind, **fields, "sessionId": self._session_id})

    def queue(self, operation: str, content: str | None = None) -> None:
        """Append what happens to the queue: ``enqueue`` or ``dequeue``."""
        more = {} if content is None else {"content": content}
        self.plain("queue-operation", operation=operation, timestamp=self._pace.stamp(), **more)

    def prompt(self, text: str, prompt_id: str, source: str) -> None:
        """Append what a person, or the agent itself, has asked."""
        self._turns += 1
        human = source != "system"
        self._message(
            "user",
            promptId=prompt_id,
            message={"role": "user", "content": text},
            permissionMode=self.mode,
            origin={"kind": "human" if human else "task-notification"},
            promptSource=source,
            turnOrigin="human" if human else "system",
            turnPosition={"promptIndex": self._turns, "turnIndex": self._turns},
        )

    def user_text(self, text: str, prompt_id: str) -> None:
        """Append a line that stands for the person's doing, as an interruption."""
        content = [{"type": "text", "text": text}]
        self._message("user", promptId=prompt_id, message={"role": "user", "content": content})

    def bash(self, part: str, text: str) -> None:
        """Append what a person ran, or what it printed: ``input`` or ``stdout``."""
        content = f"<bash-{part}>{text}</bash-{part}>"
        self._message("user", message={"role": "user", "content": content})

    def hold(self) -> None:
        """Keep lines back until the next prompt, as the real one does after an interruption."""
        self._holding = True

    def release(self) -> None:
        """Append what was kept back."""
        self._holding = False
        held, self._held = self._held, []
        for line in held:
            self._append(line)

    def assistant(self, content: list[dict[str, Any]], stop_reason: str) -> str:
        """Append what the model answered; return the line's id."""
        message = {
            "id": f"msg_{new_id().replace('-', '')[:24]}",
            "type": "message",
            "role": "assistant",
            "model": "claude-scripted",
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": {
                "input_tokens": 1,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 5,
                "service_tier": "standard",
            },
        }
        return self._message("assistant", message=message, requestRef=new_id())

    def tool_result(self, call_id: str, result: str, source: str, **fields: Any) -> None:  # noqa: ANN401
        """Append how a tool's use ended."""
        failed = bool(fields.get("toolDenialKind"))
        block = {"type": "tool_result", "content": result, "is_error": failed}
        content = [{**block, "tool_use_id": call_id}]
        self._message(
            "user",
            message={"role": "user", "content": content},
            toolUseResult=result,
            sourceToolAssistantUUID=source,
            **fields,
        )

    def system(self, subtype: str, **fields: Any) -> None:  # noqa: ANN401
        """Append a line of the program's own, as ``turn_duration``."""
        self._message("system", subtype=subtype, **fields)

    def _message(self, kind: str, **fields: Any) -> str:  # noqa: ANN401
        line_id = new_id()
        self.messages += 1
        self._append({
            "parentUuid": self._parent,
            "isSidechain": False,
            "type": kind,
            **fields,
            "uuid": line_id,
            "timestamp": self._pace.stamp(),
            "userType": "external",
            "entrypoint": "cli",
            "cwd": self._cwd,
            "sessionId": self._session_id,
            "version": VERSION,
            "gitBranch": "HEAD",
        })  # fmt: skip
        self._parent = line_id
        return line_id

    def _append(self, line: dict[str, Any]) -> None:
        if self._holding:
            self._held.append(line)
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
