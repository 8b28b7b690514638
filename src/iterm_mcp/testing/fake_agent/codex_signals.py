"""What Codex tells the world: its rollout file, its hooks, and its ``notify`` program."""

from __future__ import annotations

import asyncio
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.testing.fake_agent.prompts import new_id
from iterm_mcp.testing.fake_agent.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.testing.fake_agent.hooks import Hooks, Verdict
    from iterm_mcp.testing.fake_agent.pace import Pace
    from iterm_mcp.testing.fake_agent.prompts import Background, Call, Prompt

VERSION = "0.169.0"
HTTP_STATUS = {"rate_limit": 429, "authentication_failed": 401, "overloaded": 503}


def codex_home(environ: Mapping[str, str]) -> Path:
    """Return where Codex keeps its files."""
    return Path(environ.get("CODEX_HOME") or Path(environ.get("HOME", "/"), ".codex"))


def read_config(home: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Return ``config.toml`` with what ``-c key=value`` says instead.

    Raises:
        ValueError: It is no TOML.
    """
    config: dict[str, Any] = {}
    path = home / "config.toml"
    if path.is_file():
        config = tomllib.loads(path.read_text("utf-8"))
    for override in overrides:
        key, _, value = override.partition("=")
        try:
            parsed: Any = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value
        *path_words, last = key.strip().split(".")
        place = config
        for word in path_words:
            place = place.setdefault(word, {})
        place[last] = parsed
    return config


def find_rollout(home: Path, thread_id: str | None) -> Path | None:
    """Return a conversation's file; without an id, the newest."""
    pattern = f"rollout-*-{thread_id}.jsonl" if thread_id else "rollout-*.jsonl"
    found = list((home / "sessions").glob(f"*/*/*/{pattern}"))
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def thread_of(rollout: Path) -> str:
    """Return the conversation's id from its file's name."""
    return rollout.stem[-36:]


class Rollout:
    """The conversation's lines."""

    def __init__(self, home: Path, thread_id: str, cwd: str, pace: Pace) -> None:
        self._pace = pace
        found = find_rollout(home, thread_id)
        if found is None:
            now = pace.now()
            name = f"rollout-{now:%Y-%m-%dT%H-%M-%S}-{thread_id}.jsonl"
            self.path = home / "sessions" / f"{now:%Y/%m/%d}" / name
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.write(
                "session_meta",
                id=thread_id, timestamp=pace.stamp(), cwd=cwd,
                originator="codex_cli_rs", cli_version=VERSION,
            )  # fmt: skip
        else:
            self.path = found

    def milliseconds(self) -> int:
        """Return the time as the protocol writes it."""
        return self._pace.milliseconds()

    def write(self, kind: str, **payload: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        """Append a line: ``session_meta``, ``event_msg`` or ``response_item``."""
        line = {"timestamp": self._pace.stamp(), "type": kind, "payload": payload}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def message(self, role: str, text: str) -> None:
        """Append a message of the person or of the model."""
        kind = "input_text" if role == "user" else "output_text"
        content = [{"type": kind, "text": text}]
        self.write("response_item", type="message", role=role, content=content)
        item = "UserMessage" if role == "user" else "AgentMessage"
        parts = [{"type": "text" if role == "user" else "Text", "text": text}]
        self.write("event_msg", type="item_completed", item={"type": item, "content": parts})


class CodexSignals(Signals):
    """Tells as Codex's sources say.

    Args:
        notify: The program that is started, with one more argument, when a turn is done.
    """

    def __init__(
        self,
        session_id: str,
        *,
        cwd: str,
        hooks: Hooks,
        rollout: Rollout,
        notify: Sequence[str],
        asks: bool,
    ) -> None:
        super().__init__(session_id)
        self._cwd = cwd
        self._hooks = hooks
        self._rollout = rollout
        self._notify = list(notify)
        self._asks = asks
        self._turn_id = new_id()
        self._inputs: list[str] = []

    async def opened(self, source: str) -> None:
        """Run SessionStart."""
        await self._tell("SessionStart", subject=source, source=source)

    async def submitted(self, prompt: Prompt, *, queued: bool) -> Verdict:
        """Run UserPromptSubmit."""
        if not queued:
            self._turn_id = prompt.prompt_id
        return await self._tell("UserPromptSubmit", prompt=prompt.text)

    def started(self, prompts: Sequence[Prompt]) -> None:
        """Write the turn's beginning."""
        self._turn_id = prompts[0].prompt_id
        self._inputs = [one.text for one in prompts]
        self._rollout.write("event_msg", type="task_started", turn_id=self._turn_id)
        for prompt in prompts:
            self._rollout.message("user", prompt.text)

    def called(self, call: Call) -> None:
        """Write the call."""
        call.asks = call.asks and self._asks
        self._rollout.write(
            "response_item", type="function_call", name=call.tool,
            arguments=json.dumps(call.input), call_id=call.call_id,
        )  # fmt: skip

    async def before_tool(self, call: Call) -> Verdict:
        """Run PreToolUse."""
        return await self._tool("PreToolUse", call, tool_use_id=call.call_id)

    async def permission(self, call: Call) -> Verdict:
        """Run PermissionRequest."""
        return await self._tool("PermissionRequest", call)

    async def after_tool(self, call: Call, result: str, *, failed: bool = False) -> None:
        """Write the result; run PostToolUse unless it was refused."""
        self._rollout.write(
            "response_item", type="function_call_output", call_id=call.call_id, output=result
        )
        if not failed:
            await self._tool("PostToolUse", call, tool_use_id=call.call_id, tool_response=result)

    async def subagent(self, agent_id: str, kind: str, *, ended: bool) -> None:
        """Run SubagentStart or SubagentStop."""
        event = "SubagentStop" if ended else "SubagentStart"
        await self._tell(event, subject=kind, agent_id=agent_id, agent_type=kind)

    async def compacting(self, *, ended: bool) -> None:
        """Run PreCompact or PostCompact."""
        event = "PostCompact" if ended else "PreCompact"
        await self._tell(event, subject="auto", trigger="auto")

    async def ended(self, reply: str, tasks: Sequence[Background], *, again: bool) -> Verdict:
        """Write the answer and the turn's end; run Stop and the notify program."""
        del tasks
        self._rollout.message("assistant", reply)
        verdict = await self._tell("Stop", stop_hook_active=again, last_assistant_message=reply)
        if not verdict.blocked:
            self._rollout.write(
                "event_msg", type="task_complete", turn_id=self._turn_id, last_agent_message=reply
            )
            await self._run_notify(reply)
        return verdict

    async def failed(self, kind: str, message: str) -> None:
        """Write the turn's end, which names the error."""
        status = HTTP_STATUS.get(kind)
        info = {"response_too_many_failed_attempts": {"http_status_code": status}}
        self._rollout.write(
            "event_msg", type="task_complete", turn_id=self._turn_id, last_agent_message=None,
            error={"message": message, "codex_error_info": info if status else "other"},
        )  # fmt: skip

    async def interrupted(self, *, in_tool: bool, restored: bool) -> None:
        """Write that the turn was aborted; run Interrupt, which only Codex has."""
        del in_tool, restored
        self._rollout.write(
            "event_msg", type="turn_aborted", turn_id=self._turn_id, reason="interrupted"
        )
        await self._tell("Interrupt")

    async def closing(self, reason: str) -> None:
        """Run SessionEnd."""
        await self._tell("SessionEnd", subject=reason, reason=reason)
        await self._hooks.aclose()

    async def _run_notify(self, reply: str) -> None:
        if not self._notify:
            return
        told = {
            "type": "agent-turn-complete",
            "thread-id": self.session_id,
            "turn-id": self._turn_id,
            "cwd": self._cwd,
            "client": "codex-tui",
            "input-messages": self._inputs,
            "last-assistant-message": reply,
        }
        null = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            *self._notify, json.dumps(told), stdin=null, stdout=null, stderr=null
        )
        await process.wait()

    async def _tool(self, event: str, call: Call, **more: Any) -> Verdict:  # noqa: ANN401
        return await self._tell(
            event, subject=call.tool, tool_name=call.tool, tool_input=call.input, **more
        )

    async def _tell(self, event: str, *, subject: str = "", **fields: Any) -> Verdict:  # noqa: ANN401
        payload = {
            "session_id": self.session_id,
            "transcript_path": str(self._rollout.path),
            "cwd": self._cwd,
            "hook_event_name": event,
            "model": "codex-scripted",
            "turn_id": self._turn_id,
            "permission_mode": "default",
        }
        return await self._hooks.tell(event, {**payload, **fields}, subject)
