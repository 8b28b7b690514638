"""What passes between a conversation and those who show it or tell of it. Values alone."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from iterm_mcp.testing.fake_agent.composer import unwrap


def new_id() -> str:
    """Return a fresh UUID."""
    return str(uuid.uuid4())


@dataclass
class Prompt:
    """One message for the agent.

    Attributes:
        text: As it was submitted, tags around pastes included.
        shown: As it stood in the composer.
        source: ``typed``, ``queued``, ``sdk``, or ``system`` for what no person wrote.
        client_id: The sender's own id, where the protocol has one.
        number: Counted from 1 in one conversation.
    """

    text: str
    shown: str = ""
    source: str = "typed"
    client_id: str | None = None
    prompt_id: str = field(default_factory=new_id)
    number: int = 0

    @property
    def unwrapped(self) -> str:
        """Return it as its sender meant it."""
        return unwrap(self.text)


@dataclass
class Call:
    """The use of a tool.

    Attributes:
        detail: What a person is shown of the input.
        asks: A permission is needed.
    """

    tool: str
    input: dict[str, Any]
    detail: str = ""
    asks: bool = True
    call_id: str = field(default_factory=lambda: f"toolu_{uuid.uuid4().hex[:24]}")


@dataclass
class Question:
    """What the person is asked."""

    text: str
    choices: list[str]

    @property
    def call(self) -> Call:
        """Return the tool by which the model asks it."""
        options = [{"label": one, "description": one} for one in self.choices]
        return Call(
            "AskUserQuestion",
            {"questions": [{
                "question": self.text, "header": "Choice",
                "options": options, "multiSelect": False,
            }]},
            self.text,
        )  # fmt: skip


@dataclass
class Background:
    """A shell that goes on after its turn."""

    task_id: str
    command: str

    def told(self) -> dict[str, str]:
        """Return it as hooks are told of it."""
        return {
            "id": self.task_id,
            "type": "shell",
            "status": "running",
            "description": self.command,
            "command": self.command,
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a tool may be used.

    Attributes:
        by: ``rule``, ``hook``, ``keys``, ``protocol``, ``control``.
        stops: The person refused, which ends the turn; a hook's refusal does not.
    """

    allowed: bool
    by: str
    reason: str = ""
    stops: bool = False


class TurnFailedError(Exception):
    """The model's service refused. The first argument is the kind, as ``rate_limit``."""


class TurnRefusedError(Exception):
    """The person refused a tool, which ends the turn."""


def make_call(argument: str, *, asks: bool = True) -> Call:
    """Read ``NAME INPUT`` of an order."""
    tool, _, detail = argument.partition(" ")
    tool = tool or "Bash"
    key = {"Bash": "command", "WebFetch": "url", "Grep": "pattern"}.get(tool, "file_path")
    described = {"description": detail} if tool == "Bash" else {}
    return Call(tool, {key: detail, **described}, detail, asks)
