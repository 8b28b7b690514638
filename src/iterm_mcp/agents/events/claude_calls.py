"""The events of one use of a tool by Claude Code, the same from hooks and transcripts. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iterm_mcp.agents.events.claude_work import Work, left_behind
from iterm_mcp.agents.events.telling import digest, flat, subject_of, word
from iterm_mcp.models.events import Event, EventKind, Links, event_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a tool.

    Attributes:
        links: With conversation, turn, subagent and call.
    """

    tool: str
    input: Mapping[str, Json]
    links: Links
    source: str

    def key(self, *parts: str) -> str:
        """Return the key of a fact about this use."""
        return event_key("claude", self.links.conversation, "call", self.links.call, *parts)

    def started(self, at: datetime) -> Event:
        """Return its beginning."""
        return Event(
            key=self.key("started"),
            at=at,
            kind=EventKind.TOOL_STARTED,
            source=self.source,
            subject=subject_of(self.tool, self.input),
            text=f"{self.tool} {subject_of(self.tool, self.input)}",
            links=self.links,
            payload={"tool": self.tool, "input": dict(self.input)},
        )

    def ended(
        self, at: datetime, output: Json, text: str, seconds: float | None = None
    ) -> list[Event]:
        """Return its end, and what it left behind.

        Args:
            output: As the tool gave it: an object where it is typed.
            text: As the model saw it; empty where only `output` is told.
        """
        typed = output if isinstance(output, dict) else {}
        shown = text or _shown(output)
        event = Event(
            key=self.key("ended"),
            at=at,
            kind=EventKind.TOOL_ENDED,
            source=self.source,
            subject=subject_of(self.tool, self.input),
            text=shown,
            links=self.links,
            payload={"tool": self.tool, "output": output},
            duration_seconds=seconds,
        )
        work = Work(
            self.links.conversation, self.links.call, self.tool, self.input, typed, shown, at,
            self.source, self.links,
        )  # fmt: skip
        return [event, *left_behind(work)]

    def failed(
        self, at: datetime, error: str, seconds: float | None = None, *, interrupted: bool = False
    ) -> Event:
        """Return its failure; it shares its key with an end, for it has but one."""
        return Event(
            key=self.key("ended"),
            at=at,
            kind=EventKind.TOOL_FAILED,
            source=self.source,
            subject=subject_of(self.tool, self.input),
            text=error,
            links=self.links,
            payload={"tool": self.tool, "error": error, "interrupted": interrupted},
            duration_seconds=seconds,
        )

    def asked(self, at: datetime) -> Event:
        """Return the question whether it may be used."""
        what = self.links.call or digest(self.tool, dict(self.input))
        return Event(
            key=event_key(
                "claude", self.links.conversation, "permission", self.links.turn, what, "requested"
            ),
            at=at,
            kind=EventKind.PERMISSION_REQUESTED,
            source=self.source,
            subject=subject_of(self.tool, self.input),
            text=f"{self.tool} {subject_of(self.tool, self.input)}",
            links=self.links,
            payload={"tool": self.tool, "input": dict(self.input)},
        )

    def denied(self, at: datetime, by: str, reason: str) -> Event:
        """Return that it may not be used."""
        return Event(
            key=self.key("denied"),
            at=at,
            kind=EventKind.PERMISSION_ANSWERED,
            source=self.source,
            subject=subject_of(self.tool, self.input),
            text=reason,
            links=self.links,
            payload={"tool": self.tool, "answer": "deny", "by": by},
        )

    def with_call(self, call: str) -> Use:
        """Return the same with the agent's own id of it."""
        return replace(self, links=replace(self.links, call=call))


def _shown(output: Json) -> str:
    """Return an output as text, out of what tools commonly call theirs."""
    if not isinstance(output, dict):
        return flat(output)
    parts = [word(output, name) for name in ("stdout", "stderr", "content", "result", "text")]
    if not isinstance(output.get("content"), str):
        parts.append(flat(output.get("content")))
    return "\n".join(part for part in parts if part)
