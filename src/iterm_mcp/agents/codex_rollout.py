"""Codex's own record of a conversation, its rollout: which file it is, and what its lines tell.

``~/.codex/sessions/YYYY/MM/DD/rollout-<time>-<thread>.jsonl``, or below ``CODEX_HOME``; a line is
``{timestamp, type, payload}``. Read from what Codex 0.169 writes. Lines of other kinds, and torn
ones, tell nothing.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterm_mcp.models.observations import Json

EVIDENCE_CHARACTERS = 300
TAIL_BYTES = 64 * 1024
_LIMITS = {"usage_limit_exceeded", "rate_limit_exceeded", "usagelimitexceeded", "rate_limit"}
_AUTH = {"unauthorized", "authentication_failed"}
_OVERLOADS = {"server_overloaded", "overloaded"}
_TOO_MANY = 429
_OF_NOW = frozenset({Fact.ACTIVITY, Fact.TROUBLE})
_FORBIDDEN = {401, 403}


def codex_home(environment: Mapping[str, str]) -> Path | None:
    """Return where a Codex with this environment keeps its files; None when nothing tells."""
    if environment.get("CODEX_HOME"):
        return Path(environment["CODEX_HOME"])
    return Path(environment["HOME"], ".codex") if environment.get("HOME") else None


def thread_of(path: Path) -> str:
    """Return the conversation's id, which ends the file's name."""
    return path.stem[-36:]


class RolloutReader:
    """Reads the lines of one rollout, in order.

    Turns carry the time of their line (``at``): what is read may have happened long ago.

    Args:
        since: When the process was started, in seconds since 1970. What a former one did at its
            end, of which there may be no word, is not what this one does.
    """

    def __init__(self, path: Path, since: float | None = None) -> None:
        self._path = path
        self._since = since
        self._turn = ""
        self._stamp = ""
        self._readers: dict[str, Callable[[dict[str, Any], str], tuple[Sighting, ...]]] = {
            "turn_context": self._context,
            "task_started": self._started,
            "turn_started": self._started,
            "user_message": self._said,  # up to about 0.150
            "item_completed": self._completed,
            "task_complete": self._ended,
            "turn_complete": self._ended,
            "turn_aborted": self._aborted,
            "error": self._failed,
            "stream_error": self._retried,
            "context_compacted": self._compacted,
        }

    def read(self, line: bytes) -> tuple[Sighting, ...]:
        """Return what a line tells."""
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            return ()
        if not isinstance(entry, dict) or not isinstance(entry.get("payload"), dict):
            return ()
        payload = entry["payload"]
        self._stamp = str(entry.get("timestamp") or "")
        kind = entry.get("type")
        word = payload.get("type") if kind == "event_msg" else kind
        reader = self._readers.get(word) if isinstance(word, str) else None
        evidence = line[:EVIDENCE_CHARACTERS].decode("utf-8", "replace")
        told = reader(payload, evidence) if reader else ()
        if self._is_past():
            return tuple(one for one in told if one.fact not in _OF_NOW)
        return told

    def _is_past(self) -> bool:
        if self._since is None:
            return False
        try:
            return datetime.fromisoformat(self._stamp).timestamp() < self._since
        except ValueError:
            return False

    def conversation(self, model: str = "") -> Sighting:
        """Return which conversation it is, as the file's name tells."""
        told: dict[str, Json] = {"id": thread_of(self._path), "transcript": str(self._path)}
        if model:
            told["model"] = model
        return _seen(Fact.CONVERSATION, told, self._path.name)

    def _context(self, payload: dict[str, Any], evidence: str) -> tuple[Sighting, ...]:
        del evidence
        return (self.conversation(str(payload["model"])),) if payload.get("model") else ()

    def _started(self, payload: dict[str, Any], evidence: str) -> tuple[Sighting, ...]:
        self._turn = str(payload.get("turn_id") or "")
        return (
            _seen(Fact.ACTIVITY, {"is": "busy"}, evidence),
            _seen(Fact.TROUBLE, {}, evidence),
        )

    def _said(self, payload: dict[str, Any], evidence: str) -> tuple[Sighting, ...]:
        told = self._phase("started")
        told["prompt"] = str(payload.get("message") or "")
        return (_seen(Fact.TURN, told, evidence),)

    def _completed(self, payload: dict[str, Any], evidence: str) -> tuple[Sighting, ...]:
        item = payload.get("item")
        if not isinstance(item, dict) or item.get("type") != "UserMessage":
            return ()
        self._turn = str(payload.get("turn_id") or self._turn)
        parts = item.get("content")
        texts = [
            str(part.get("text") or "")
            for part in (parts if isinstance(parts, list) else [])
            if isinstance(part, dict)
        ]
        return self._said({"message": "\n".join(texts)}, evidence)

    def _ended(self, payload: dict[str, Any], evidence: str) -> tuple[Sighting, ...]:
        self._turn = str(payload.get("turn_id") or self._turn)
        error = payload.get("error")
        return (
            self._failed(error, evidence)
            if isinstance(error, dict)
            else self._over("ended", evidence)
        )

    def _aborted(self, payload: dict[str, Any], evidence: str) -> tuple[Sighting, ...]:
        self._turn = str(payload.get("turn_id") or self._turn)
        return self._over("interrupted", evidence)

    def _failed(self, payload: dict[str, Any], evidence: str) -> tuple[Sighting, ...]:
        trouble: dict[str, Json] = {"what": _trouble(payload)}
        trouble["text"] = str(payload.get("message") or "")
        return (_seen(Fact.TROUBLE, trouble, evidence), *self._over("failed", evidence))

    def _retried(self, payload: dict[str, Any], evidence: str) -> tuple[Sighting, ...]:
        trouble: dict[str, Json] = {"what": _trouble(payload)}
        trouble["text"] = str(payload.get("message") or "")
        return (_seen(Fact.TROUBLE, trouble, evidence),)

    def _compacted(self, payload: dict[str, Any], evidence: str) -> tuple[Sighting, ...]:
        del payload
        return (_seen(Fact.ACTIVITY, {"is": "busy"}, evidence),)

    def _over(self, phase: str, evidence: str) -> tuple[Sighting, ...]:
        return (
            _seen(Fact.TURN, self._phase(phase), evidence),
            _seen(Fact.ACTIVITY, {"is": "idle"}, evidence),
        )

    def _phase(self, phase: str) -> dict[str, Json]:
        told: dict[str, Json] = {"phase": phase}
        if self._turn:
            told["prompt_id"] = self._turn
        if self._stamp:
            told["at"] = self._stamp
        return told


def _trouble(payload: Mapping[str, Any]) -> str:
    """Return the word for an error, from its code: a word, or an object with one key.

    The object's value may tell the status of HTTP.
    """
    info = payload.get("codex_error_info")
    word, status = str(info or ""), None
    if isinstance(info, dict):
        word = next(iter(info), "")
        inner = info.get(word)
        status = inner.get("http_status_code") if isinstance(inner, dict) else None
    if word in _LIMITS or status == _TOO_MANY:
        return "rate_limited"
    if word in _AUTH or status in _FORBIDDEN:
        return "auth_failed"
    return "overloaded" if word in _OVERLOADS else "api_retry"


def _seen(fact: Fact, value: Mapping[str, Json], evidence: str) -> Sighting:
    return Sighting(fact, value, ObservationSource.TRANSCRIPT, evidence)
