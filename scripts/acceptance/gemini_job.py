"""A stand-in for Gemini's model that does one job, and keeps the books of what it answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scripts.canary.gemini_model import answer
from scripts.canary.local_model import Json, LocalModel, events, serve_local

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

PROMPT = "Do the whole job."
LAST_WORDS = "The job is done."


def steps(project: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return what the agent is told to do, in order."""
    new, old = str(project / "new.txt"), str(project / "old.txt")
    return [
        ("write_file", {"file_path": new, "content": "one\ntwo\nthree\n"}),
        ("read_file", {"file_path": old}),
        (
            "replace",
            {
                "file_path": old, "old_string": "beta", "new_string": "gamma\ndelta",
                "instruction": "Tell more than beta.",
            },
        ),
        ("run_shell_command", {"command": "echo broken >&2; exit 3", "description": "fails"}),
        ("run_shell_command", {"command": "rm gone.txt", "description": "removes a file"}),
        ("read_file", {"file_path": str(project / "nowhere.txt")}),
    ]  # fmt: skip


class GeminiJobModel(LocalModel):
    """Does the job, over Gemini's API.

    Attributes:
        answered: Every answer: ``usage``, ``tool``.
        asides: Answers to questions beside the job, such as which model should answer.
    """

    def __init__(self, project: Path) -> None:
        super().__init__()
        self._project = project
        self.answered: list[dict[str, Any]] = []
        self.asides: list[dict[str, Any]] = []

    def reply(self, path: str, request: Json) -> tuple[bytes, str]:
        """Return an answer, as a stream where one is asked for."""
        if "countTokens" in path:
            return b'{"totalTokens": 6}', "application/json"
        streamed = "alt=sse" in path
        used = sum(
            "functionResponse" in part
            for one in request.get("contents", [])
            for part in one.get("parts", [])
        )
        plan = steps(self._project)
        told = answer(LAST_WORDS if streamed else "{}")
        tool = ""
        if streamed and used < len(plan):
            tool, given = plan[used]
            part = {"functionCall": {"name": tool, "args": given, "id": f"job_{used}"}}
            told["candidates"][0]["content"]["parts"] = [part]
        with self._lock:
            book = self.answered if streamed else self.asides
            number = len(book) + 1
            told["usageMetadata"] = usage = {
                "promptTokenCount": 1000 * number + 7,
                "cachedContentTokenCount": 900 * number,
                "candidatesTokenCount": 20 * number,
                "thoughtsTokenCount": 10 * number,
                "totalTokenCount": 1030 * number + 7,
            }
            book.append({"usage": usage, "tool": tool, "path": path.partition("?")[0]})
        if streamed:
            return events([f"data: {json.dumps(told)}\r\n\r\n"])
        return json.dumps(told).encode(), "application/json"


def furnish(project: Path) -> None:
    """Put the files into the project that the job is about."""
    (project / "old.txt").write_text("alpha\nbeta\n", "utf-8")
    (project / "gone.txt").write_text("nobody needs this\n", "utf-8")


def serve_gemini_job(project: Path) -> AbstractContextManager[GeminiJobModel]:
    """Serve it on a free loopback port for the length of the block."""
    return serve_local(GeminiJobModel(project))
