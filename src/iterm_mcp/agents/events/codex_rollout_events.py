"""Codex's rollouts as events, line by line. Pure.

A thread's own rollout and those of its subagents are read alike; the first line says which it is.
Read from what 0.169 writes, and for tokens and prompts also from what it wrote up to about 0.150.
Facts that hooks tell as well have the same keys.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.agents.events.codex_calls import CodexUse, shown, tool_of
from iterm_mcp.agents.events.line_events import LineEvents
from iterm_mcp.agents.events.telling import (
    count,
    digest,
    flat,
    table,
    time_of,
    word,
)
from iterm_mcp.models.events import Event, EventKind, Links, TokenUsage, event_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json

SOURCE = "codex.rollout"
REMEMBERED_CALLS = 5000
LEAST_SECONDS = 0.001
_RUNNING = "Process running with session ID"
"""How a shell's output tells that the command goes on; its end is told by an item of its own."""


class CodexRolloutEvents(LineEvents):
    """Reads a rollout, a thread's own or a subagent's."""

    def __init__(self) -> None:
        super().__init__()
        self._links = Links(kind="codex")
        self._thread = ""
        self._type = ""
        self._recorded = False
        self._limits: dict[str, str] = {}
        self._tokens = 0
        self._uses: OrderedDict[str, CodexUse] = OrderedDict()
        self._over: OrderedDict[str, None] = OrderedDict()
        self._readers: dict[str, Callable[[Mapping[str, Json], datetime], list[Event]]] = {
            "session_meta": self._meta,
            "turn_context": self._context,
            "token_usage_record": self._answer,
            "compacted": self._compacted,
            "function_call": self._called,
            "custom_tool_call": self._called,
            "local_shell_call": self._called,
            "function_call_output": self._returned,
            "custom_tool_call_output": self._returned,
            "task_started": self._began,
            "turn_started": self._began,
            "user_message": self._asked,
            "item_completed": self._item,
            "token_count": self._counted,
            "task_complete": self._ended,
            "turn_complete": self._ended,
            "turn_aborted": self._aborted,
            "error": self._failed,
        }

    def _line(self, line: Mapping[str, Json]) -> list[Event] | None:
        payload = line.get("payload")
        if not isinstance(payload, dict):
            return None
        kind, at = word(line, "type"), time_of(word(line, "timestamp"))
        if kind in {"event_msg", "response_item"}:
            kind = word(payload, "type")
        reader = self._readers.get(kind)
        if reader is None or at is None or not (self._thread or kind == "session_meta"):
            return []
        return reader(payload, at)

    def _meta(self, payload: Mapping[str, Json], at: datetime) -> list[Event]:
        thread = word(payload, "id")
        if not thread or self._thread:  # one that was forked holds its parent's, too
            return []
        self._thread = thread
        spawn = table(table(table(payload, "source"), "subagent"), "thread_spawn")
        parent = word(payload, "parent_thread_id") or word(spawn, "parent_thread_id")
        begun = time_of(word(payload, "timestamp")) or at
        if not parent:
            self._links = replace(self._links, conversation=thread)
            started = self._event(EventKind.CONVERSATION_STARTED, begun, "start")
            told: dict[str, Json] = {
                "source": "startup", "directory": word(payload, "cwd"),
                "version": word(payload, "cli_version"),
                "branch": word(table(payload, "git"), "branch"),
                "originator": word(payload, "originator"),
            }  # fmt: skip
            return [replace(started, subject="startup", payload=told)]
        root = word(payload, "session_id") or parent
        self._links = replace(
            self._links, conversation=root if root != thread else parent, subagent=thread
        )
        self._type = word(spawn, "agent_role") or word(payload, "agent_role") or "default"
        started = self._event(EventKind.SUBAGENT_STARTED, begun, "subagent", thread, "started")
        name = word(payload, "agent_nickname")
        told = {"type": self._type, "subagent": thread, "name": name}
        return [replace(started, subject=self._type, text=name, payload=told)]

    def _context(self, payload: Mapping[str, Json], at: datetime) -> list[Event]:
        self._turn(payload)
        before, after = self._links.model, word(payload, "model")
        if not after or before == after:
            return []
        self._links = replace(self._links, model=after)
        if not before:
            return []
        switched = self._event(EventKind.MODEL_SWITCHED, at, "model", self._links.turn, after)
        told: dict[str, Json] = {"before": before, "after": after}
        return [replace(switched, subject=after, text=f"{before} → {after}", payload=told)]

    def _began(self, payload: Mapping[str, Json], at: datetime) -> list[Event]:
        del at
        self._turn(payload)
        if trace := word(payload, "trace_id"):
            self._links = replace(self._links, trace=trace)
        return []

    def _asked(self, payload: Mapping[str, Json], at: datetime) -> list[Event]:
        return self._prompt(word(payload, "message"), at)

    def _prompt(self, text: str, at: datetime) -> list[Event]:
        if not text.strip() or self._links.subagent:
            return []
        prompt = self._event(
            EventKind.PROMPT_SUBMITTED, at, "prompt", self._links.turn, digest(text)
        )
        first = text.strip().partition("\n")[0]
        return [replace(prompt, text=text, subject=first, payload={"via": "user"})]

    def _called(self, payload: Mapping[str, Json], at: datetime) -> list[Event]:
        call = word(payload, "call_id") or word(payload, "id")
        if not call:
            return []
        arguments = word(payload, "arguments") or word(payload, "input")
        name = word(payload, "name") or "local_shell"
        if action := table(payload, "action"):
            arguments = json.dumps(action)
        tool, given = tool_of(name, word(payload, "namespace"), arguments)
        self._turn(table(payload, "internal_chat_message_metadata_passthrough"))
        use = CodexUse(tool, given, replace(self._links, call=call), SOURCE)
        self._uses[call] = use
        if len(self._uses) > REMEMBERED_CALLS:
            self._uses.popitem(last=False)
        return [use.started(at)]

    def _returned(self, payload: Mapping[str, Json], at: datetime) -> list[Event]:
        """Read what a model was given back; an item tells more, if there was one before."""
        call = word(payload, "call_id")
        text = flat(payload.get("output")) or word(table(payload, "output"), "content")
        if not call or call in self._over or (_RUNNING in text and self._use(call).tool == "Bash"):
            return []
        use = self._use(call)
        self._settle(call)
        if text.rstrip().endswith("aborted by user"):
            return [use.failed(at, text, interrupted=True)]
        if text.startswith(("unsupported call", "failed to parse", "rejected")):
            return [use.failed(at, text)]
        return [use.ended(at, text, text)]

    def _item(self, payload: Mapping[str, Json], at: datetime) -> list[Event]:
        item = table(payload, "item")
        kind, call = word(item, "type"), word(item, "id")
        self._turn(payload)
        if kind == "UserMessage":
            return self._prompt(flat(item.get("content")), at)
        if kind == "ContextCompaction" or not call or call not in self._uses:
            return []
        if kind not in {"CommandExecution", "FileChange", "McpToolCall", "CollabAgentToolCall"}:
            return []
        return self._finished(item, kind, self._use(call), at, _seconds(payload, item))

    def _finished(
        self,
        item: Mapping[str, Json],
        kind: str,
        use: CodexUse,
        at: datetime,
        seconds: float | None,
    ) -> list[Event]:
        self._settle(use.links.call)
        status, text = word(item, "status"), shown(item)
        if status in {"declined", "denied"}:
            return [use.failed(at, text or status, seconds, interrupted=True)]
        if status not in {"completed", "success"}:
            error = text or word(item, "stderr") or word(table(item, "error"), "message") or status
            return [use.failed(at, error, seconds, exit_code=item.get("exit_code"))]
        beside = {"id", "type", "status", "command", "cwd", "duration", "changes", "parsed_cmd"}
        output: dict[str, Json] = {key: item[key] for key in item.keys() - beside}
        told = [use.ended(at, output, text, seconds)]
        if kind == "FileChange":
            for path, change in sorted(table(item, "changes").items()):
                if isinstance(change, dict):
                    told += use.file(at, path, change)
        return told

    def _use(self, call: str) -> CodexUse:
        return self._uses.get(call) or CodexUse("", {}, replace(self._links, call=call), SOURCE)

    def _settle(self, call: str) -> None:
        self._over[call] = None
        if len(self._over) > REMEMBERED_CALLS:
            self._over.popitem(last=False)

    def _answer(self, payload: Mapping[str, Json], at: datetime) -> list[Event]:
        """Read an answer's tokens; a copy of another thread's was paid for there."""
        name, thread = word(payload, "response_id"), word(payload, "thread_id") or self._thread
        self._recorded = True
        if not name or thread != self._thread:
            return []
        self._turn(payload)
        return self._answered(table(payload, "usage"), at, name)

    def _counted(self, payload: Mapping[str, Json], at: datetime) -> list[Event]:
        info = table(payload, "info")
        told = self._limited(table(payload, "rate_limits"), at)
        total = table(info, "total_token_usage")
        if not self._recorded and total:
            told += self._answered(
                table(info, "last_token_usage"), at,
                f"{count(total, 'input_tokens')}+{count(total, 'output_tokens')}",
            )  # fmt: skip
        return told

    def _answered(self, usage: Mapping[str, Json], at: datetime, name: str) -> list[Event]:
        counted = usage_of(usage)
        self._tokens = counted.total
        if not counted.total:
            return []
        key = event_key("codex", self._thread, "answer", name)
        return [
            Event(
                key, at, EventKind.MODEL_ANSWERED, SOURCE, self._links.model, links=self._links,
                payload={"message": name}, usage=counted,
            )
        ]  # fmt: skip

    def _limited(self, limits: Mapping[str, Json], at: datetime) -> list[Event]:
        """Return how much of what a plan allows is used up, whenever that has changed."""
        told = []
        for window in ("primary", "secondary"):
            state = table(limits, window)
            used, known = state.get("used_percent"), digest(state)
            if not isinstance(used, (int, float)) or self._limits.get(window) == known:
                continue
            self._limits[window] = known
            name = f"rate_limit.{window}.used"
            metric = self._event(EventKind.METRIC_REPORTED, at, "limit", window, known)
            payload: dict[str, Json] = {
                "name": name, "value": used, "unit": "%",
                "attributes": state | {"plan": limits.get("plan_type")},
            }  # fmt: skip
            told.append(replace(metric, subject=name, payload=payload))
        return told

    def _compacted(self, payload: Mapping[str, Json], at: datetime) -> list[Event]:
        stamp = at.isoformat()
        event = self._event(EventKind.CONTEXT_COMPACTED, at, "compacted", self._thread, stamp)
        told: dict[str, Json] = {"tokens_before": self._tokens}
        return [replace(event, text=word(payload, "message"), payload=told)]

    def _ended(self, payload: Mapping[str, Json], at: datetime) -> list[Event]:
        self._turn(payload)
        if error := table(payload, "error"):
            return self._failed(error, at)
        last = word(payload, "last_agent_message")
        turn = self._links.turn
        if subagent := self._links.subagent:
            over = self._event(EventKind.SUBAGENT_ENDED, at, "subagent", subagent, "ended", turn)
            told: dict[str, Json] = {"type": self._type, "subagent": subagent}
            return [replace(over, subject=self._type, text=last, payload=told)]
        over = self._event(EventKind.TURN_ENDED, at, "turn", turn, "ended")
        duration = payload.get("duration_ms")
        seconds = duration / 1000 if isinstance(duration, (int, float)) else None
        return [replace(over, text=last, duration_seconds=seconds)]

    def _aborted(self, payload: Mapping[str, Json], at: datetime) -> list[Event]:
        self._turn(payload)
        event = self._event(EventKind.TURN_INTERRUPTED, at, "interrupted", self._links.turn)
        return [replace(event, payload={"reason": word(payload, "reason")})]

    def _failed(self, payload: Mapping[str, Json], at: datetime) -> list[Event]:
        info = payload.get("codex_error_info")
        name = next(iter(info), "error") if isinstance(info, dict) else info
        error = name if isinstance(name, str) and name else "error"
        event = self._event(
            EventKind.TURN_FAILED, at, "turn", self._links.turn, "failed", self._links.subagent
        )
        text = word(payload, "message")
        return [replace(event, subject=error, text=text, payload={"error": error})]

    def _turn(self, payload: Mapping[str, Json]) -> None:
        if (turn := word(payload, "turn_id")) and turn != self._links.turn:
            self._links = replace(self._links, turn=turn)

    def _event(self, kind: EventKind, at: datetime, *key: str) -> Event:
        name = event_key("codex", self._links.conversation, *key)
        return Event(name, at, kind, SOURCE, links=self._links)


def usage_of(usage: Mapping[str, Json]) -> TokenUsage:
    """Return tokens as OpenAI counts them, where the input holds what was cached, each once."""
    read, written = count(usage, "cached_input_tokens"), count(usage, "cache_write_input_tokens")
    output = count(usage, "output_tokens")
    return TokenUsage(
        input=max(count(usage, "input_tokens") - read - written, 0),
        cache_read=read,
        cache_write=written,
        output=output,
        reasoning=min(count(usage, "reasoning_output_tokens"), output),
    )


def _seconds(payload: Mapping[str, Json], item: Mapping[str, Json]) -> float | None:
    """Return how long an item took; None where Codex tells only how long its output took."""
    duration = table(item, "duration")
    told = count(duration, "secs") + count(duration, "nanos") / 1e9
    begun, over = count(payload, "started_at_ms"), count(payload, "completed_at_ms")
    seconds = max(told, (over - begun) / 1000)
    return seconds if seconds >= LEAST_SECONDS else None
