"""What ``codex exec --json`` prints, as events, line by line. Pure.

The stream has no times, no ids of turns and none but numbers for items, and begins anew when a
thread goes on. So a fact is known by all that was printed up to it: whoever reads the same stream
again, as a whole or cut off, tells the same facts. A rollout tells all of it better; who takes a
stream in has to see that only one of both is told. Read from what 0.169 prints.

A line ``{"type": "iterm_mcp.stamp", "at": …}`` of our own says when what follows was printed.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import uuid
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.agents.events.codex_calls import CodexUse, shown, tool_of
from iterm_mcp.agents.events.codex_rollout_events import usage_of
from iterm_mcp.agents.events.line_events import LineEvents
from iterm_mcp.agents.events.telling import flat, moment, rows, table, time_of, word
from iterm_mcp.models.events import Event, EventKind, Links, event_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json

SOURCE = "codex.exec"
STAMP = "iterm_mcp.stamp"
LAST = frozenset({"turn.completed", "turn.failed"})
"""With these a turn is over."""
REMEMBERED_ITEMS = 5000
LEAST_SECONDS = 0.001
UUID_OF_TIME = 7
_SAID = frozenset({"agent_message", "reasoning", "error"})
_BESIDE = frozenset({"id", "type", "status", "command", "changes", "prompt", "items", "query"})
"""What an item has that is no output."""
_OVER = frozenset({"completed", "errored", "shutdown", "not_found"})
"""How a subagent is that does nothing more for now."""


def stamp(at: datetime) -> bytes:
    """Return the line that says when what follows was printed."""
    return json.dumps({"type": STAMP, "at": at.isoformat()}).encode() + b"\n"


class CodexExecEvents(LineEvents):
    """Reads what was printed; what a turn tells is held back until it is over.

    Args:
        at: When it happened, where no stamp says.
        links: What is known of it: session, agent, model.
    """

    def __init__(self, at: datetime, links: Links | None = None) -> None:
        super().__init__()
        self.thread = ""
        self._at = at
        self._links = replace(links or Links(), kind="codex")
        self._seen = hashlib.sha256()
        self._held: list[Event] = []
        self._began: datetime | None = None
        self._said = ""
        self._uses: OrderedDict[str, tuple[CodexUse, datetime]] = OrderedDict()
        self._gone: set[str] = set()

    @property
    def holding(self) -> bool:
        """Whether a turn is not over."""
        return bool(self._held)

    def finish(self) -> list[Event]:
        """Return what was told of a turn that never ended."""
        return self._release()

    def _line(self, line: Mapping[str, Json]) -> list[Event] | None:
        kind = word(line, "type")
        if kind == STAMP:
            self._at = max(time_of(word(line, "at")) or self._at, self._at)
            return []
        if kind == "thread.started":
            return self._start(word(line, "thread_id"))
        if not self.thread or not kind:
            return None
        self._seen.update(json.dumps(line, sort_keys=True).encode() + b"\n")
        if kind.startswith("item."):
            self._held += self._item(kind.removeprefix("item."), table(line, "item"))
        elif kind == "turn.started":
            self._held.append(self._begun())
        elif kind == "error":
            self._held.append(self._log("error", word(line, "message")))
        elif kind in LAST:
            return self._over(line)
        return []

    def _start(self, thread: str) -> list[Event] | None:
        """Begin a thread; several streams may stand in one file, each as if it stood alone."""
        if not thread:
            return None
        before = self._release()
        self._seen = hashlib.sha256(thread.encode())
        self._uses.clear()
        self._gone.clear()
        self.thread = thread
        self._links = replace(self._links, conversation=thread)
        begun = _born(thread) or self._at
        self._at = max(begun, self._at)
        event = self._event(EventKind.CONVERSATION_STARTED, "start")
        told: dict[str, Json] = {"source": "startup", "originator": "codex_exec"}
        return [*before, replace(event, at=begun, subject="startup", payload=told)]

    def _begun(self) -> Event:
        """Return a prompt of which nobody says what it was."""
        self._began = self._at
        event = self._event(EventKind.PROMPT_SUBMITTED, "exec", self._digest(), "prompt")
        return replace(event, payload={"via": "exec"})

    def _over(self, line: Mapping[str, Json]) -> list[Event]:
        turn, text = self._digest(), self._said
        usage = usage_of(table(line, "usage"))
        if usage.total:
            key = event_key("codex", self.thread, "exec", turn, "answers")
            answers = Event(
                key, self._at, EventKind.MODEL_ANSWERED, SOURCE, self._links.model,
                links=self._links, payload={"message": "", "of": "turn"}, usage=usage,
            )  # fmt: skip
            self._held.append(answers)
        if word(line, "type") == "turn.failed":
            text = word(table(line, "error"), "message")
            failed = self._event(EventKind.TURN_FAILED, "exec", turn, "failed")
            self._held.append(replace(failed, subject="error", text=text, payload={"error": text}))
        else:
            ended = self._event(EventKind.TURN_ENDED, "exec", turn, "ended")
            self._held.append(replace(ended, text=text, duration_seconds=self._since(self._began)))
        return self._release()

    def _release(self) -> list[Event]:
        """Return what was held back, as that of one turn."""
        turn = f"exec-{self._digest()}"
        told = [replace(one, links=replace(one.links, turn=turn)) for one in self._held]
        self._held, self._said, self._began = [], "", None
        return told

    def _item(self, phase: str, item: Mapping[str, Json]) -> list[Event]:
        """Read an item; a use of a tool that was never begun is begun by its end."""
        kind, name = word(item, "type"), word(item, "id")
        if kind in _SAID:
            return self._say(kind, item) if phase == "completed" else []
        named = _TOOLS.get(kind)
        if named is None or not name or phase not in {"started", "completed"}:
            return []
        told: list[Event] = []
        if name not in self._uses:
            links = replace(self._links, call=f"{name}-{self._digest()}")
            self._uses[name] = CodexUse(*named(item), links, SOURCE), self._at
            told.append(self._uses[name][0].started(self._at))
            if len(self._uses) > REMEMBERED_ITEMS:
                self._uses.popitem(last=False)
        if phase == "completed":
            told += self._done(item, *self._uses.pop(name))
        return told

    def _done(self, item: Mapping[str, Json], use: CodexUse, began: datetime) -> list[Event]:
        status, text, seconds = word(item, "status"), _shown(item), self._since(began)
        if status in {"failed", "declined"}:
            error = word(table(item, "error"), "message") or text or status
            declined = status == "declined"
            return [
                use.failed(
                    self._at, error, seconds, interrupted=declined, exit_code=item.get("exit_code")
                )
            ]
        output: dict[str, Json] = {key: item[key] for key in item.keys() - _BESIDE}
        told = [use.ended(self._at, output, text, seconds)]
        for one in rows(item, "changes"):
            told += use.touched(self._at, word(one, "path"), word(one, "kind"))
        return told + self._subagents(item)

    def _subagents(self, item: Mapping[str, Json]) -> list[Event]:
        receivers = item.get("receiver_thread_ids")
        told: list[Event] = []
        if word(item, "tool") == "spawn_agent" and isinstance(receivers, list):
            told += (
                self._subagent(EventKind.SUBAGENT_STARTED, one, "started")
                for one in receivers
                if isinstance(one, str) and one
            )
        for name, state in sorted(table(item, "agents_states").items()):
            found = state if isinstance(state, dict) else {}
            if word(found, "status") in _OVER and name not in self._gone:
                self._gone.add(name)
                ended = self._subagent(EventKind.SUBAGENT_ENDED, name, "ended", "exec")
                told.append(replace(ended, text=word(found, "message")))
        return told

    def _subagent(self, kind: EventKind, name: str, *key: str) -> Event:
        event = self._event(kind, "subagent", name, *key)
        told: dict[str, Json] = {"type": "default", "subagent": name}
        return replace(
            event, subject="default", links=replace(self._links, subagent=name), payload=told
        )

    def _say(self, kind: str, item: Mapping[str, Json]) -> list[Event]:
        """Tell what was said; the last answer is the turn's, those before are told as they are."""
        text = word(item, "text") or word(item, "message")
        if kind != "agent_message":
            return [self._log(kind, text)]
        before, self._said = self._said, text
        return [self._log(kind, before)] if before else []

    def _log(self, name: str, text: str) -> Event:
        event = self._event(EventKind.LOG_REPORTED, "exec", self._digest(), name)
        subject = f"codex.exec.{name}"
        return replace(event, subject=subject, text=text, payload={"name": subject})

    def _since(self, began: datetime | None) -> float | None:
        """Return how long ago something was; None where no stamps tell."""
        seconds = 0.0 if began is None else (self._at - began).total_seconds()
        return seconds if seconds >= LEAST_SECONDS else None

    def _digest(self) -> str:
        """Return a word for all that was printed so far."""
        return self._seen.hexdigest()[:20]

    def _event(self, kind: EventKind, *key: str) -> Event:
        name = event_key("codex", self.thread, *key)
        return Event(name, self._at, kind, SOURCE, links=self._links)


def _shown(item: Mapping[str, Json]) -> str:
    return flat(table(item, "result").get("content")) or shown(item)


def _command(item: Mapping[str, Json]) -> tuple[str, dict[str, Json]]:
    text = word(item, "command")
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    wrapped = words[1:2] in (["-lc"], ["-c"])
    return tool_of("shell", "", json.dumps({"command": words if wrapped else text}))


def _mcp(item: Mapping[str, Json]) -> tuple[str, dict[str, Json]]:
    arguments = item.get("arguments")
    given: dict[str, Json] = {"input": arguments}
    if isinstance(arguments, dict):
        given = arguments
    return f"mcp__{word(item, 'server')}__{word(item, 'tool')}", given


_TOOLS: Mapping[str, Callable[[Mapping[str, Json]], tuple[str, dict[str, Json]]]] = {
    "command_execution": _command,
    "file_change": lambda item: ("apply_patch", {"changes": item.get("changes")}),
    "mcp_tool_call": _mcp,
    "collab_tool_call": lambda item: (word(item, "tool"), {"prompt": item.get("prompt")}),
    "web_search": lambda item: ("web_search", {"query": item.get("query")}),
    "todo_list": lambda item: ("update_plan", {"plan": item.get("items")}),
}
"""Items that are uses of tools: the tool and its input, as rollouts name them."""


def _born(name: str) -> datetime | None:
    """Return when a thread began, as its id tells; None for an id that tells no time."""
    try:
        found = uuid.UUID(name)
    except ValueError:
        return None
    return moment((found.int >> 80) / 1000) if found.version == UUID_OF_TIME else None
