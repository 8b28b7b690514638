"""Claude Code's transcripts as events, line by line. Pure.

A conversation's own transcript and those of its subagents are read alike; the lines say which they
are of. Read from what 2.1.330 writes. Facts that hooks tell as well have the same keys. What only a
transcript tells: every answer of a model with its tokens, and what the whole has cost so far.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.agents.claude_prompts import is_own, unwrapped
from iterm_mcp.agents.claude_transcript import INTERRUPTED
from iterm_mcp.agents.events.claude_calls import Use
from iterm_mcp.agents.events.line_events import LineEvents
from iterm_mcp.agents.events.telling import (
    count,
    digest,
    flat,
    moment,
    rows,
    seconds_of,
    table,
    time_of,
    word,
)
from iterm_mcp.models.events import Event, EventKind, Links, TokenUsage, event_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json

SOURCE = "claude.transcript"
SYNTHETIC = "<synthetic>"

_STOPPED = re.compile(r"<task-id>([^<]{1,100})</task-id>.*<status>completed</status>", re.DOTALL)
_RESULT = re.compile(r"<result>(.*)</result>", re.DOTALL)
REMEMBERED_CALLS = 5000


class ClaudeTranscriptEvents(LineEvents):
    """Reads a transcript, the conversation's own or a subagent's."""

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._turn = ""
        self._last_words = ""
        self._answered = ""
        self._held: Event | None = None
        self._begun: dict[str, datetime] = {}
        self._subagents: set[str] = set()
        self._uses: OrderedDict[str, Use] = OrderedDict()
        self._readers: dict[str, Callable[[Mapping[str, Json], datetime, Links], list[Event]]] = {
            "user": self._user,
            "assistant": self._assistant,
            "system": self._system,
            "ai-title": self._title,
            "custom-title": self._title,
            "queue-operation": self._queued,
        }

    @property
    def holding(self) -> bool:
        """Whether an answer is held back, whose later lines may tell more tokens."""
        return self._held is not None

    def finish(self) -> list[Event]:
        """Return what was held back until more is known; call it at the file's end."""
        return self._release()

    def _line(self, line: Mapping[str, Json]) -> list[Event]:
        conversation = word(line, "sessionId")
        kind = word(line, "type")
        if kind == "cost-state":
            return self._release() + _cost_so_far(line, conversation)
        at = time_of(word(line, "timestamp"))
        reader = self._readers.get(kind)
        if reader is None or not conversation or at is None:
            return []
        self._turn = word(line, "promptId") or self._turn
        links = Links(
            kind="claude", conversation=conversation, turn=self._turn,
            subagent=word(line, "agentId"),
        )  # fmt: skip
        told = [] if kind == "assistant" else self._release()
        if not self._started and not links.subagent:
            self._started = True
            told.append(_start(line, at, links))
        if links.subagent:
            self._begun.setdefault(links.subagent, at)
        return told + reader(line, at, links)

    def _user(self, line: Mapping[str, Json], at: datetime, links: Links) -> list[Event]:
        message = table(line, "message")
        results = [one for one in rows(message, "content") if one.get("type") == "tool_result"]
        if results:
            return [event for one in results for event in self._result(line, one, at, links)]
        text = flat(message.get("content"))
        if text.startswith(INTERRUPTED):
            return [
                _event(EventKind.TURN_INTERRUPTED, at, links, "interrupted", word(line, "uuid"))
            ]
        if (
            not text or links.subagent or line.get("isMeta") or line.get("isCompactSummary")
            or is_own(text) or line.get("promptSource") == "system"
        ):  # fmt: skip
            return []
        text = unwrapped(text)
        prompt = _event(EventKind.PROMPT_SUBMITTED, at, links, "prompt", links.turn, digest(text))
        return [
            replace(
                prompt, text=text, subject=text.strip().partition("\n")[0],
                payload={"via": word(line, "promptSource") or "user"},
            )
        ]  # fmt: skip

    def _result(
        self, line: Mapping[str, Json], result: Mapping[str, Json], at: datetime, links: Links
    ) -> list[Event]:
        call = word(result, "tool_use_id")
        known = self._uses.pop(call, None)
        if known is None:
            known = Use("", {}, replace(links, call=call), SOURCE)
        text = flat(result.get("content"))
        if denial := word(line, "toolDenialKind"):
            by = "person" if denial.startswith("user") else denial
            return [
                known.denied(at, by, denial), known.failed(at, text, interrupted=by == "person"),
            ]  # fmt: skip
        if result.get("is_error") is True:
            interrupted = text.startswith(INTERRUPTED)
            return [known.failed(at, text, interrupted=interrupted)]
        output = line.get("toolUseResult")
        told = known.ended(at, output if isinstance(output, (dict, list)) else text, text)
        typed = table(line, "toolUseResult")
        if word(typed, "agentId") and word(typed, "status") == "completed":
            kind = word(known.input, "subagent_type")
            told += _subagent_end(
                at, links, word(typed, "agentId"), kind, flat(typed.get("content"))
            )
        return told

    def _queued(self, line: Mapping[str, Json], at: datetime, links: Links) -> list[Event]:
        """Read the word that a subagent in the background has stopped."""
        content = word(line, "content")
        found = _STOPPED.search(content)
        if word(line, "operation") != "enqueue" or found is None or not is_own(content):
            return []
        result = _RESULT.search(content)
        return _subagent_end(at, links, found[1], "", "" if result is None else result[1])

    def _assistant(self, line: Mapping[str, Json], at: datetime, links: Links) -> list[Event]:
        message = table(line, "message")
        answer = _answer(line, message, at, links)
        told = self._subagent_start(line, links)
        if answer is not None and answer.key != self._answered:
            if self._held is not None and self._held.key != answer.key:
                told += self._release()
            self._held = answer  # its later lines may tell more tokens
            if word(message, "stop_reason"):  # then all its tokens are told
                self._answered = answer.key
                told += self._release()
        for block in rows(message, "content"):
            if block.get("type") == "tool_use" and (call := word(block, "id")):
                use = Use(
                    word(block, "name"), table(block, "input"), replace(links, call=call), SOURCE
                )
                self._uses[call] = use
                if len(self._uses) > REMEMBERED_CALLS:
                    self._uses.popitem(last=False)
                told.append(use.started(at))
            elif block.get("type") == "text":
                self._last_words = word(block, "text")
        if line.get("isApiErrorMessage") is True and not links.subagent:
            error = word(line, "error") or "api_error"
            failed = _event(EventKind.TURN_FAILED, at, links, "turn", links.turn, "failed", error)
            payload: dict[str, Json] = {"error": error}
            told.append(replace(failed, subject=error, text=self._last_words, payload=payload))
        return told

    def _subagent_start(self, line: Mapping[str, Json], links: Links) -> list[Event]:
        """Return a subagent's beginning, once its first answer has told of which type it is."""
        begun = self._begun.pop(links.subagent, None)
        if begun is None or not self._unseen(links.subagent):
            return []
        kind = word(line, "attributionAgent")
        started = _event(
            EventKind.SUBAGENT_STARTED, begun, links, "subagent", links.subagent, "started"
        )
        payload: dict[str, Json] = {"type": kind, "subagent": links.subagent}
        return [replace(started, subject=kind, payload=payload)]

    def _unseen(self, subagent: str) -> bool:
        unseen = subagent not in self._subagents
        self._subagents.add(subagent)
        return unseen

    def _system(self, line: Mapping[str, Json], at: datetime, links: Links) -> list[Event]:
        match word(line, "subtype"):
            case "turn_duration":
                last = self._last_words
                ended = _event(
                    EventKind.TURN_ENDED, at, links, "turn", links.turn, "ended", digest(last)
                )
                seconds = seconds_of(line, "durationMs")
                return [replace(ended, text=last, duration_seconds=seconds)]
            case "compact_boundary":
                facts = table(line, "compactMetadata")
                compacted = _event(
                    EventKind.CONTEXT_COMPACTED, at, links, "compacted", word(line, "uuid")
                )
                payload: dict[str, Json] = {
                    "trigger": word(facts, "trigger"),
                    "tokens_before": count(facts, "preTokens"),
                    "tokens_after": count(facts, "postTokens"),
                }
                return [replace(compacted, subject=word(facts, "trigger"), payload=payload)]
        return []

    def _title(self, line: Mapping[str, Json], at: datetime, links: Links) -> list[Event]:
        title = word(line, "aiTitle") or word(line, "customTitle") or word(line, "title")
        named = _event(EventKind.AGENT_NOTIFIED, at, links, "title", digest(title))
        return [replace(named, subject="title", text=title, payload={"title": title})]

    def _release(self) -> list[Event]:
        held, self._held = self._held, None
        return [] if held is None else [held]


def _start(line: Mapping[str, Json], at: datetime, links: Links) -> Event:
    start = _event(EventKind.CONVERSATION_STARTED, at, links, "start")
    payload: dict[str, Json] = {
        "source": "startup",
        "directory": word(line, "cwd"),
        "version": word(line, "version"),
        "branch": word(line, "gitBranch"),
    }
    return replace(start, subject="startup", payload=payload)


def _subagent_end(at: datetime, links: Links, name: str, kind: str, words: str) -> list[Event]:
    own = replace(links, subagent=name)
    ended = _event(EventKind.SUBAGENT_ENDED, at, own, "subagent", name, "ended", digest(words))
    payload: dict[str, Json] = {"type": kind, "subagent": name}
    return [replace(ended, subject=kind, text=words, payload=payload)]


def _answer(
    line: Mapping[str, Json], message: Mapping[str, Json], at: datetime, links: Links
) -> Event | None:
    """Return one answer of a model; None for what Claude Code says by itself.

    Its key is of the answer alone: a conversation that was forked has copies of the lines of the
    one it comes from, and the answer was paid for once.
    """
    usage, model, name = table(message, "usage"), word(message, "model"), word(message, "id")
    if not usage or not name or model == SYNTHETIC:
        return None
    written = table(usage, "cache_creation")
    long = count(written, "ephemeral_1h_input_tokens")
    counted = TokenUsage(
        input=count(usage, "input_tokens"),
        cache_read=count(usage, "cache_read_input_tokens"),
        cache_write=max(count(usage, "cache_creation_input_tokens") - long, 0),
        cache_write_1h=long,
        output=count(usage, "output_tokens"),
        reasoning=count(table(usage, "output_tokens_details"), "thinking_tokens"),
    )
    request = word(line, "requestId") or word(line, "requestRef")
    return Event(
        key=event_key("claude", "answer", name, request),
        at=at,
        kind=EventKind.MODEL_ANSWERED,
        source=SOURCE,
        subject=model,
        links=replace(links, model=model),
        payload={
            "request": request,
            "message": name,
            "stop": word(message, "stop_reason"),
            "speed": word(usage, "speed"),
            "tier": word(usage, "service_tier"),
            "effort": word(line, "effort"),
        },
        usage=counted,
    )


def _cost_so_far(line: Mapping[str, Json], conversation: str) -> list[Event]:
    """Return what Claude Code itself says that the conversation has cost, with no time of its own.

    It is a sum that grows; `startTime` and the running time tell when it was said.
    """
    begun, lasted = line.get("startTime"), line.get("totalDuration")
    cost = line.get("totalCostUSD")
    if (
        not isinstance(cost, (int, float))
        or not isinstance(begun, (int, float))
        or not conversation
    ):
        return []
    lasted = lasted if isinstance(lasted, (int, float)) else 0
    at = moment((begun + lasted) / 1000)
    if at is None:
        return []
    links = Links(kind="claude", conversation=conversation)
    told = _event(EventKind.METRIC_REPORTED, at, links, "cost", digest(dict(line)))
    payload: dict[str, Json] = {
        "name": "cost.total", "value": cost, "unit": "USD",
        "attributes": {key: line[key] for key in line.keys() - {"type", "sessionId"}},
    }  # fmt: skip
    return [replace(told, subject="cost.total", payload=payload)]


def _event(kind: EventKind, at: datetime, links: Links, *key: str) -> Event:
    return Event(event_key("claude", links.conversation, *key), at, kind, SOURCE, links=links)
