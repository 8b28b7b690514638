"""What Gemini CLI tells the world: its hooks, and the file of the chat."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.testing.fake_agent.prompts import new_id
from iterm_mcp.testing.fake_agent.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.testing.fake_agent.hooks import Hooks, Verdict
    from iterm_mcp.testing.fake_agent.pace import Pace
    from iterm_mcp.testing.fake_agent.prompts import Background, Call, Prompt

DEFAULTS_VARIABLE = "GEMINI_CLI_SYSTEM_DEFAULTS_PATH"
"""Leads to a file with settings whose hooks are run beside the user's own."""


def chats_folder(environ: Mapping[str, str], cwd: str) -> Path:
    """Return where the chats of a directory are kept."""
    home = Path(environ.get("GEMINI_CLI_HOME") or environ.get("HOME", "/"))
    return home / ".gemini" / "tmp" / hashlib.sha256(cwd.encode()).hexdigest() / "chats"


def find_chat(folder: Path, session_id: str | None = None) -> Path | None:
    """Return the chat of a conversation; without one, the directory's newest."""
    found = list(folder.glob("session-*.json"))
    if session_id is not None:
        found = [one for one in found if json.loads(one.read_text())["sessionId"] == session_id]
    return max(found, key=lambda one: one.stat().st_mtime, default=None)


class Chat:
    """The chat's file, written anew with every message."""

    def __init__(self, folder: Path, session_id: str, cwd: str, pace: Pace) -> None:
        now = pace.now()
        self.path = folder / f"session-{now:%Y-%m-%dT%H-%M}-{session_id[:8]}.json"
        self._pace = pace
        self._messages: list[dict[str, Any]] = []
        self._head = {
            "sessionId": session_id,
            "projectHash": folder.parent.name or cwd,
            "startTime": pace.stamp(),
        }

    def resume(self, path: Path) -> str:
        """Go on with a chat; return its conversation's id."""
        data = json.loads(path.read_text("utf-8"))
        self.path = path
        self._messages = data.pop("messages", [])
        self._head = {key: data[key] for key in self._head if key in data}
        return str(self._head["sessionId"])

    def add(self, kind: str, content: str) -> None:
        """Append a message: ``user``, ``gemini``, ``info`` or ``error``."""
        message = {
            "id": new_id(), "timestamp": self._pace.stamp(), "type": kind, "content": content
        }  # fmt: skip
        self._messages.append(message)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = {**self._head, "lastUpdated": self._pace.stamp(), "messages": self._messages}
        fresh = self.path.with_suffix(".tmp")
        fresh.write_text(json.dumps(whole, ensure_ascii=False), "utf-8")
        fresh.replace(self.path)


class GeminiSignals(Signals):
    """Tells as Gemini CLI's sources say."""

    def __init__(
        self, session_id: str, *, cwd: str, hooks: Hooks, chat: Chat, pace: Pace, asks: bool
    ) -> None:
        super().__init__(session_id)
        self._cwd = cwd
        self._hooks = hooks
        self._chat = chat
        self._pace = pace
        self._asks = asks
        self._prompt = ""

    async def opened(self, source: str) -> None:
        """Run SessionStart."""
        await self._tell("SessionStart", subject=source, source=source)

    async def submitted(self, prompt: Prompt, *, queued: bool) -> Verdict:
        """Run BeforeAgent, which for what waits comes only with its turn."""
        if queued:
            return await super().submitted(prompt, queued=queued)
        self._prompt = prompt.text
        return await self._tell("BeforeAgent", prompt=prompt.text)

    def started(self, prompts: Sequence[Prompt]) -> None:
        """Write what the person said."""
        self._prompt = "\n\n".join(one.text for one in prompts)
        self._chat.add("user", self._prompt)

    def called(self, call: Call) -> None:
        """Look whether it must be asked for."""
        call.asks = call.asks and self._asks

    async def before_tool(self, call: Call) -> Verdict:
        """Run BeforeTool."""
        return await self._tool("BeforeTool", call)

    async def permission(self, call: Call) -> Verdict:
        """Run Notification(ToolPermission), which can decide nothing."""
        await self._tell(
            "Notification",
            subject="ToolPermission",
            notification_type="ToolPermission",
            message=f"Tool {call.tool} requires confirmation",
            details={"type": "exec", "title": call.tool, "command": call.detail},
        )
        return await super().permission(call)

    async def after_tool(self, call: Call, result: str, *, failed: bool = False) -> None:
        """Run AfterTool, unless it was refused."""
        if not failed:
            await self._tool("AfterTool", call, tool_response={"llmContent": result})

    async def compacting(self, *, ended: bool) -> None:
        """Run PreCompress."""
        if not ended:
            await self._tell("PreCompress", subject="auto", trigger="auto")

    async def ended(self, reply: str, tasks: Sequence[Background], *, again: bool) -> Verdict:
        """Write the answer; run AfterAgent."""
        del tasks
        self._chat.add("gemini", reply)
        return await self._tell(
            "AfterAgent", prompt=self._prompt, prompt_response=reply, stop_hook_active=again
        )

    async def failed(self, kind: str, message: str) -> None:
        """Write the error."""
        self._chat.add("error", f"{kind}: {message}")

    async def interrupted(self, *, in_tool: bool, restored: bool) -> None:
        """Write the interruption; no hook tells of it."""
        del in_tool, restored
        self._chat.add("info", "Request cancelled.")

    async def closing(self, reason: str) -> None:
        """Run SessionEnd."""
        ended = "exit" if reason == "prompt_input_exit" else "other"
        await self._tell("SessionEnd", subject=ended, reason=ended)
        await self._hooks.aclose()

    async def _tool(self, event: str, call: Call, **more: Any) -> Verdict:  # noqa: ANN401
        return await self._tell(
            event, subject=call.tool, tool_name=call.tool, tool_input=call.input, **more
        )

    async def _tell(self, event: str, *, subject: str = "", **fields: Any) -> Verdict:  # noqa: ANN401
        payload = {
            "session_id": self.session_id,
            "transcript_path": str(self._chat.path),
            "cwd": self._cwd,
            "hook_event_name": event,
            "timestamp": self._pace.stamp(),
        }
        return await self._hooks.tell(event, {**payload, **fields}, subject)
