"""A stand-in for a model that does one job, and keeps the books of what it answered.

The job has everything that an account of it must tell: a file written, edited and removed, a
command that fails, a subagent that writes a file of its own, and tokens of every kind.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scripts.acceptance.mock_model import ScriptedModel, message_events, serve_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from scripts.acceptance.mock_model import Event

PROMPT = "Do the whole job."
ERRAND = "Write helper.txt as you were told."
WORDS = "Next:"
LAST_WORDS = "The job is done."
ERRAND_WORDS = "The helper stands."

Step = tuple[str, dict[str, Any]]


def steps(project: Path) -> list[Step]:
    """Return what the agent is told to do, in order."""
    new, old = str(project / "new.txt"), str(project / "old.txt")
    return [
        ("Write", {"file_path": new, "content": "one\ntwo\nthree\n"}),
        ("Read", {"file_path": old}),
        ("Edit", {"file_path": old, "old_string": "beta", "new_string": "gamma\ndelta"}),
        ("Bash", {"command": "echo broken >&2; exit 3", "description": "fails"}),
        (
            "Agent",
            {"description": "an errand", "prompt": ERRAND, "subagent_type": "general-purpose"},
        ),
        ("Bash", {"command": "rm gone.txt", "description": "removes a file"}),
    ]


def errand(project: Path) -> list[Step]:
    """Return what the subagent is told to do."""
    return [("Write", {"file_path": str(project / "helper.txt"), "content": "help\n"})]


@dataclass
class JobModel(ScriptedModel):
    """Does the job.

    Attributes:
        project: Where it is done.
        answered: Every answer to the agent or its subagent: ``who``, ``id``, ``usage``, ``tool``.
        asides: Answers to questions beside the job, such as for a title.
    """

    project: Path = field(kw_only=True)
    answered: list[dict[str, Any]] = field(default_factory=list)
    asides: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, request: dict[str, Any]) -> list[Event]:
        """Return the events of the next answer, and write it down."""
        model = str(request.get("model", "scripted"))
        messages = request.get("messages", [])
        if not request.get("tools"):
            return self._say(model, "A job", self.asides, "aside")
        inner = ERRAND in json.dumps(messages[:1])
        plan = errand(self.project) if inner else steps(self.project)
        who = "subagent" if inner else "agent"
        used = _used(messages)
        if used >= len(plan):
            return self._say(model, ERRAND_WORDS if inner else LAST_WORDS, self.answered, who)
        name, arguments = plan[used]
        call = f"toolu_{who}_{used}"
        block = {"type": "tool_use", "id": call, "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
        told = message_events(model, block, delta, "tool_use")
        return self._entered(_with_words(told), self.answered, who, call)

    def _say(self, model: str, words: str, book: list[dict[str, Any]], who: str) -> list[Event]:
        delta = {"type": "text_delta", "text": words}
        told = message_events(model, {"type": "text", "text": ""}, delta, "end_turn")
        return self._entered(told, book, who, "")

    def _entered(
        self, told: list[Event], book: list[dict[str, Any]], who: str, call: str
    ) -> list[Event]:
        """Give the answer a usage of its own, and write both down."""
        number = len(self.answered) + 1
        usage = {
            "input_tokens": 10 + number,
            "cache_creation_input_tokens": 100 * number + 7,
            "cache_read_input_tokens": 1000 * number,
            "cache_creation": {
                "ephemeral_5m_input_tokens": 100 * number,
                "ephemeral_1h_input_tokens": 7,
            },
            "output_tokens": 3 * number,
        }
        first = told[0][1]["message"]
        first["usage"] = usage | {"output_tokens": 1}  # as the real service does: not yet all
        told[-2][1]["usage"] = usage
        book.append(
            {"who": who, "id": first["id"], "model": first["model"], "usage": usage, "tool": call}
        )
        return told


def _with_words(told: list[Event]) -> list[Event]:
    """Return an answer of two blocks: words go before the tool."""
    words: list[dict[str, Any]] = [
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": WORDS},
        },
        {"type": "content_block_stop", "index": 0},
    ]
    for _, event in told[1:4]:
        event["index"] = 1
    return [told[0], *((str(one["type"]), one) for one in words), *told[1:]]


def _used(messages: Sequence[dict[str, Any]]) -> int:
    """Return how many tools were used in a conversation."""
    return sum(
        block.get("type") == "tool_result"
        for message in messages
        for block in (message["content"] if isinstance(message.get("content"), list) else [])
    )


def furnish(project: Path) -> None:
    """Put the files into the project that the job is about."""
    (project / "old.txt").write_text("alpha\nbeta\n", "utf-8")
    (project / "gone.txt").write_text("nobody needs this\n", "utf-8")


def serve_job(project: Path) -> AbstractContextManager[JobModel]:
    """Serve it on a free loopback port for the length of the block."""
    return serve_model(JobModel(lambda _results: None, project=project))
