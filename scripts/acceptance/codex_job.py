"""A stand-in for OpenAI's model that does one job, and keeps the books of what it answered.

It has what an account of a job of Codex must tell: files added, changed, moved and removed by a
patch, commands that succeed and fail, a subagent, and tokens of every kind.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from scripts.canary.local_model import Json, LocalModel, events, serve_local

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

PROMPT = "Do the whole job."
ERRAND = "Write helper.txt as you were told."
LAST_WORDS = "The job is done."
ERRAND_WORDS = "The helper stands."
PATCH = """*** Begin Patch
*** Add File: new.txt
+one
+two
+three
*** Update File: old.txt
@@
 alpha
-beta
+gamma
+delta
*** Delete File: gone.txt
*** End Patch"""

Step = tuple[str, str, dict[str, Any]]
"""Namespace, tool, arguments."""


def _shell(command: str) -> Step:
    return "", "exec_command", {"cmd": command}


def steps() -> list[Step]:
    """Return what the agent is told to do, in order."""
    return [
        _shell(f"apply_patch <<'EOF'\n{PATCH}\nEOF"),
        _shell("cat old.txt"),
        _shell("echo broken >&2; exit 3"),
        ("multi_agent_v1", "spawn_agent", {"message": ERRAND}),
        ("multi_agent_v1", "wait_agent", {"targets": ["?"], "timeout_ms": 60000}),
        _shell("rm other.txt"),
    ]


def errand() -> list[Step]:
    """Return what the subagent is told to do."""
    return [_shell("apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: helper.txt\n+help\n"
                   "*** End Patch\nEOF")]  # fmt: skip


class CodexJobModel(LocalModel):
    """Does the job, over OpenAI's responses API.

    Attributes:
        answered: Every answer: ``who``, ``id``, ``usage``, ``call``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answered: list[dict[str, Any]] = []

    def reply(self, path: str, request: Json) -> tuple[bytes, str]:
        """Return the stream of the next answer, and write it down."""
        del path
        if "input" not in request:  # it reports what it did, and asks nothing
            return b"{}", "application/json"
        items = [one for one in request["input"] if isinstance(one, dict)]
        outputs = [one for one in items if one.get("type") == "function_call_output"]
        inner = ERRAND in json.dumps(_asked(items)[:1])
        plan, who = (errand(), "subagent") if inner else (steps(), "agent")
        call = f"call_{who}_{len(outputs)}"
        if len(outputs) < len(plan):
            space, tool, given = plan[len(outputs)]
            if tool == "wait_agent":
                found = re.search(r"[0-9a-f-]{36}", str(outputs[-1].get("output")))
                given = given | {"targets": [found[0] if found else "?"]}
            item: Json = {
                "type": "function_call", "id": f"fc_{call}", "call_id": call, "name": tool,
                "arguments": json.dumps(given),
            } | ({"namespace": space} if space else {})  # fmt: skip
        else:
            call, words = "", ERRAND_WORDS if inner else LAST_WORDS
            item = {
                "type": "message", "id": f"msg_{who}", "role": "assistant",
                "content": [{"type": "output_text", "text": words}],
            }  # fmt: skip
        with self._lock:
            usage, name = self._enter(who, call)
        lines: list[Json] = [
            {"type": "response.created", "response": {"id": name}},
            {"type": "response.output_item.done", "item": item},
            {"type": "response.completed", "response": {"id": name, "usage": usage}},
        ]
        return events([f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in lines])

    def _enter(self, who: str, call: str) -> tuple[Json, str]:
        number = len(self.answered) + 1
        usage: Json = {
            "input_tokens": 1000 * number + 7,
            "input_tokens_details": {"cached_tokens": 900 * number, "cache_write_tokens": 5},
            "output_tokens": 30 * number,
            "output_tokens_details": {"reasoning_tokens": 10 * number},
            "total_tokens": 1030 * number + 7,
        }
        name = f"resp_{number}"
        self.answered.append({"who": who, "id": name, "usage": usage, "call": call})
        return usage, name


def _asked(items: list[Json]) -> list[str]:
    """Return what was asked, without what the program itself adds."""
    told = [
        "".join(str(part.get("text", "")) for part in item.get("content", []))
        for item in items
        if item.get("role") == "user"
    ]
    return [one for one in told if not one.startswith(("<", "# AGENTS.md"))]


def furnish(project: Path) -> None:
    """Put the files into the project that the job is about."""
    (project / "old.txt").write_text("alpha\nbeta\n", "utf-8")
    (project / "gone.txt").write_text("nobody needs this\n", "utf-8")
    (project / "other.txt").write_text("nor this\n", "utf-8")


def serve_codex_job() -> AbstractContextManager[CodexJobModel]:
    """Serve it on a free loopback port for the length of the block."""
    return serve_local(CodexJobModel(), "/v1")
