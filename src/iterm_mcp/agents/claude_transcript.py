"""A conversation's transcript, line by line: prompts, its queue, how turns ended. Pure.

Claude Code appends to ``projects/<directory>/<conversation>.jsonl``; the lines are as 2.1.329 and
2.1.330 write them. Unlike hooks they are there without any installation, and tell that a person
interrupted. Each sighting's value has ``at``, the line's own time, since the end of a transcript is
also read after the fact.
"""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING

from iterm_mcp.agents.claude_hooks import trouble
from iterm_mcp.agents.claude_prompts import is_own, unwrapped
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from iterm_mcp.models.observations import Json

INTERRUPTED = "[Request interrupted by user"
"""How a line of the person's begins when they interrupted; ``for tool use`` may follow."""

TAIL_BYTES = 256 * 1024
"""How much of the end of a transcript is read when it is first followed."""

EVIDENCE_CHARACTERS = 2000
QUEUE_LIMIT = 1000


class ClaudeTranscript:
    """Reads a transcript's lines in order. It remembers what waits in the agent's own queue."""

    def __init__(self) -> None:
        self._queue: deque[str] = deque(maxlen=QUEUE_LIMIT)

    def read(self, lines: Iterable[bytes]) -> tuple[Sighting, ...]:
        """Return what further lines tell; those that are no JSON, or unknown, tell nothing."""
        told: list[Sighting] = []
        for raw in lines:
            try:
                line = json.loads(raw)
            except ValueError:
                continue
            if isinstance(line, dict) and not line.get("isSidechain"):
                told += self._line(line, raw)
        return tuple(told)

    def _line(self, line: Mapping[str, Json], raw: bytes) -> list[Sighting]:
        read = self._READERS.get(_text(line, "type"))
        if read is None:
            return []
        evidence = raw[: EVIDENCE_CHARACTERS * 4].decode("utf-8", "replace")[:EVIDENCE_CHARACTERS]
        at = _text(line, "timestamp")
        return [
            Sighting(
                fact, {**value, "at": at} if at and value else value,
                ObservationSource.TRANSCRIPT, evidence,
            )
            for fact, value in read(self, line)
        ]  # fmt: skip

    def _user(self, line: Mapping[str, Json]) -> list[tuple[Fact, dict[str, Json]]]:
        content = _content(line)
        if isinstance(content, list):
            texts = [_text(one, "text") for one in content if isinstance(one, dict)]
            if any(text.startswith(INTERRUPTED) for text in texts):
                return [
                    (Fact.TURN, _turn("interrupted", line)),
                    (Fact.ACTIVITY, {"is": "idle"}),
                    (Fact.DIALOG, {}),
                ]
            if any(isinstance(one, dict) and "tool_use_id" in one for one in content):
                return []  # a tool's result
            content = "\n".join(texts)
        if not isinstance(content, str) or not content or line.get("isMeta"):
            return []
        if content.startswith(INTERRUPTED):
            return [(Fact.TURN, _turn("interrupted", line)), (Fact.ACTIVITY, {"is": "idle"})]
        if is_own(content) or line.get("promptSource") == "system":
            return []
        turn = _turn("started", line) | {"prompt": unwrapped(content)}
        if source := _text(line, "promptSource"):
            turn["via"] = source
        return [(Fact.TURN, turn), (Fact.ACTIVITY, {"is": "busy"})]

    def _queued(self, line: Mapping[str, Json]) -> list[tuple[Fact, dict[str, Json]]]:
        content = _text(line, "content")
        match _text(line, "operation"):
            case "enqueue" if content:
                self._queue.append(content)
                if not is_own(content):  # as the end of a background task is
                    return [(Fact.TURN, {"phase": "queued", "prompt": unwrapped(content)})]
            case "dequeue" if self._queue:
                first = self._queue.popleft()
                if not is_own(first):
                    return [(Fact.TURN, {"phase": "dequeued", "prompt": unwrapped(first)})]
            case "remove" if content in self._queue:
                self._queue.remove(content)
            case "popAll":  # back in the composer, by the person's wish
                self._queue.clear()
        return []

    def _system(self, line: Mapping[str, Json]) -> list[tuple[Fact, dict[str, Json]]]:
        match _text(line, "subtype"):
            case "turn_duration":
                turn = _turn("ended", line)
                if isinstance(spent := line.get("durationMs"), (int, float)):
                    turn["seconds"] = spent / 1000
                return [(Fact.TURN, turn), (Fact.ACTIVITY, {"is": "idle"}), (Fact.DIALOG, {})]
            case "api_error":
                return [(Fact.TROUBLE, _retry(line))]
            case "compact_boundary":
                return [(Fact.ACTIVITY, {"is": "busy"})]
        return []

    def _assistant(self, line: Mapping[str, Json]) -> list[tuple[Fact, dict[str, Json]]]:
        if not line.get("isApiErrorMessage"):
            return []
        content = _content(line)
        blocks = content if isinstance(content, list) else []
        text = "\n".join(_text(one, "text") for one in blocks if isinstance(one, dict))
        failed = trouble(_text(line, "error"), text)
        return [(Fact.TURN, _turn("failed", line)), *([(Fact.TROUBLE, failed)] if failed else [])]

    _READERS: Mapping[
        str,
        Callable[[ClaudeTranscript, Mapping[str, Json]], list[tuple[Fact, dict[str, Json]]]],
    ] = {
        "user": _user,
        "queue-operation": _queued,
        "system": _system,
        "assistant": _assistant,
    }


def _turn(phase: str, line: Mapping[str, Json]) -> dict[str, Json]:
    turn: dict[str, Json] = {"phase": phase}
    if prompt_id := _text(line, "promptId"):
        turn["prompt_id"] = prompt_id
    return turn


def _retry(line: Mapping[str, Json]) -> dict[str, Json]:
    error = line.get("error")
    status = error.get("status") if isinstance(error, dict) else None
    what = {401: "auth_failed", 403: "auth_failed", 429: "rate_limited", 529: "overloaded"}
    value: dict[str, Json] = {
        "what": what.get(status, "api_retry") if isinstance(status, int) else "api_retry"
    }
    for ours, theirs in (("attempt", "retryAttempt"), ("of", "maxRetries")):
        if isinstance(number := line.get(theirs), int):
            value[ours] = number
    return value


def _content(line: Mapping[str, Json]) -> Json:
    message = line.get("message")
    return message.get("content") if isinstance(message, dict) else None


def _text(line: Mapping[str, Json], key: str) -> str:
    value = line.get(key)
    return value if isinstance(value, str) else ""
