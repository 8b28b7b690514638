"""What Claude Code tells the world: its registry file, its transcript, its hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.testing.fake_agent.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.testing.fake_agent.claude_files import Registry, Transcript
    from iterm_mcp.testing.fake_agent.hooks import Hooks, Verdict
    from iterm_mcp.testing.fake_agent.prompts import Background, Call, Prompt

INTERRUPTED = "[Request interrupted by user]"
INTERRUPTED_TOOL = "[Request interrupted by user for tool use]"
REJECTED = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected. "
    "STOP what you are doing and wait for the user to tell you how to proceed."
)
READ_ONLY = {"Read", "Grep", "Glob", "LS", "TodoWrite"}
EDITS = {"Edit", "Write", "NotebookEdit"}


class ClaudeSignals(Signals):
    """Tells as Claude Code 2.1.330 was seen to tell.

    Args:
        allowed: What ``--allowedTools`` names: a tool, or ``Bash(prefix:*)``.
        registry: None in the headless mode, which has no file.
    """

    def __init__(
        self,
        session_id: str,
        *,
        cwd: str,
        hooks: Hooks,
        registry: Registry | None,
        transcript: Transcript,
        mode: str,
        allowed: Sequence[str] = (),
    ) -> None:
        super().__init__(session_id)
        self._cwd = cwd
        self._hooks = hooks
        self._registry = registry
        self._transcript = transcript
        self._mode = mode
        self._allowed = list(allowed)
        self._prompt_id: str | None = None
        self._callers: dict[str, str] = {}
        self._agent_id: str | None = None
        self._last_prompt = ""
        self._tools: list[str] = []

    async def opened(self, source: str) -> None:
        """Write who runs, and that it is idle; run SessionStart."""
        if self._registry is not None:
            self._registry.open()
        self.state("idle")
        await self._tell("SessionStart", subject=source, source=source, model="claude-scripted")

    def state(self, status: str, waiting_for: str | None = None) -> None:
        """Write the registry file."""
        if self._registry is not None:
            self._registry.write(status, waiting_for)

    async def submitted(self, prompt: Prompt, *, queued: bool) -> Verdict:
        """Run UserPromptSubmit, at once even amid a turn, whose id it then has."""
        if not queued:
            self._prompt_id = prompt.prompt_id
        return await self._tell("UserPromptSubmit", permission=True, prompt=prompt.text)

    def enqueued(self, prompt: Prompt) -> None:
        """Write ``enqueue``."""
        self._transcript.queue("enqueue", prompt.text)

    def started(self, prompts: Sequence[Prompt]) -> None:
        """Write ``dequeue`` for those that waited, and all as the person's lines."""
        self._transcript.release()
        for prompt in prompts:
            if prompt.source in {"queued", "system"}:
                self._transcript.queue("dequeue")
        for prompt in prompts:
            self._transcript.prompt(prompt.text, prompt.prompt_id, prompt.source)
            self._prompt_id, self._last_prompt = prompt.prompt_id, prompt.text
        self._tools = []

    def called(self, call: Call) -> None:
        """Write that the model wants a tool."""
        block = {"type": "tool_use", "id": call.call_id, "name": call.tool, "input": call.input}
        self._callers[call.call_id] = self._transcript.assistant([block], "tool_use")
        self._tools.append(call.tool)
        call.asks = call.asks and not self._permitted(call)

    async def before_tool(self, call: Call) -> Verdict:
        """Run PreToolUse."""
        return await self._tool_event("PreToolUse", call, tool_use_id=call.call_id)

    async def permission(self, call: Call) -> Verdict:
        """Run PermissionRequest, which names no tool_use_id."""
        return await self._tool_event("PermissionRequest", call)

    async def still_waiting(self, call: Call) -> None:
        """Run Notification."""
        await self._tell(
            "Notification",
            subject="permission_prompt",
            message=f"Claude needs your permission to use {call.tool}",
            notification_type="permission_prompt",
        )

    async def after_tool(self, call: Call, result: str, *, failed: bool = False) -> None:
        """Write the result; run PostToolUse, but not when the person has refused."""
        caller = self._callers.get(call.call_id, "")
        if failed:
            if result == "rejected":
                self._transcript.hold()
            self._transcript.tool_result(
                call.call_id,
                REJECTED if result == "rejected" else result,
                caller,
                toolDenialKind="user-rejected" if result == "rejected" else "hook-denied",
                toolDenialBeforeRun=True,
            )
            return
        self._transcript.tool_result(call.call_id, result, caller)
        more = {"tool_response": {"stdout": result}, "duration_ms": 1}
        await self._tool_event("PostToolUse", call, tool_use_id=call.call_id, **more)

    async def subagent(self, agent_id: str, kind: str, *, ended: bool) -> None:
        """Run SubagentStart or SubagentStop."""
        fields: dict[str, Any] = {"agent_id": agent_id, "agent_type": kind}
        if ended:
            path = str(self._transcript.path.with_name(f"agent-{agent_id}.jsonl"))
            fields |= {"stop_hook_active": False, "agent_transcript_path": path}
            fields |= {"last_assistant_message": "done", "background_tasks": []}
        event = "SubagentStop" if ended else "SubagentStart"
        await self._tell(event, permission=True, subject=kind, **fields)

    async def compacting(self, *, ended: bool) -> None:
        """Run PreCompact or PostCompact."""
        more = {"compact_summary": "in short"} if ended else {"custom_instructions": None}
        event = "PostCompact" if ended else "PreCompact"
        await self._tell(event, subject="auto", trigger="auto", **more)

    async def ended(self, reply: str, tasks: Sequence[Background], *, again: bool) -> Verdict:
        """Write the answer; run Stop with what still runs in the background."""
        self._transcript.assistant([{"type": "text", "text": reply}], "end_turn")
        verdict = await self._tell(
            "Stop",
            permission=True,
            effort={"level": "medium"},
            stop_hook_active=again,
            last_assistant_message=reply,
            background_tasks=[one.told() for one in tasks],
            session_crons=[],
        )
        if verdict.ran:
            self._transcript.system(
                "stop_hook_summary",
                hookCount=verdict.ran,
                hookErrors=[],
                preventedContinuation=verdict.blocked,
                stopReason=verdict.reason,
                level="suggestion",
            )
        return verdict

    def settled(self, seconds: float) -> None:
        """Write how long the turn took, which tells its end even without hooks."""
        self._transcript.system(
            "turn_duration",
            durationMs=int(seconds * 1000),
            messageCount=self._transcript.messages,
            isMeta=False,
        )
        if self._tools:
            self._transcript.plain("tools-used", tools=self._tools)
        self._transcript.plain("last-prompt", lastPrompt=self._last_prompt)

    async def failed(self, kind: str, message: str) -> None:
        """Run StopFailure."""
        self._transcript.assistant([{"type": "text", "text": message}], "stop_sequence")
        await self._tell(
            "StopFailure", subject=kind, error=kind, error_details=message,
            last_assistant_message=message,
        )  # fmt: skip

    async def interrupted(self, *, in_tool: bool, restored: bool) -> None:
        """Write the interruption, unless the prompt was given back; no hook tells of it."""
        if not restored:
            self._transcript.hold()
            text = INTERRUPTED_TOOL if in_tool else INTERRUPTED
            self._transcript.user_text(text, self._prompt_id or "")

    async def bash(self, command: str, output: str) -> None:
        """Write the person's own command."""
        self._transcript.release()
        self._transcript.bash("input", command)
        self._transcript.bash("stdout", output)

    async def closing(self, reason: str) -> None:
        """Run SessionEnd, and take the registry file away."""
        self._transcript.release()
        await self._tell("SessionEnd", subject=reason, reason=reason)
        await self._hooks.aclose()
        if self._registry is not None:
            self._registry.remove()

    def _permitted(self, call: Call) -> bool:
        if self._mode in {"bypassPermissions", "auto"} or call.tool in READ_ONLY:
            return True
        if self._mode == "acceptEdits" and call.tool in EDITS:
            return True
        for rule in self._allowed:
            tool, _, pattern = rule.removesuffix(")").partition("(")
            prefix = pattern.removesuffix("*").removesuffix(":").rstrip()
            named = call.tool == tool or call.tool.startswith(f"{tool}__")
            if named and call.detail.startswith(prefix):
                return True
        return False

    async def _tool_event(self, event: str, call: Call, **more: Any) -> Verdict:  # noqa: ANN401
        return await self._tell(
            event,
            permission=True,
            subject=call.tool,
            effort={"level": "medium"},
            tool_name=call.tool,
            tool_input=call.input,
            **more,
        )

    async def _tell(
        self,
        event: str,
        *,
        permission: bool = False,
        subject: str = "",
        **fields: Any,  # noqa: ANN401 - whatever JSON can hold
    ) -> Verdict:
        payload: dict[str, Any] = {
            "session_id": self.session_id,
            "transcript_path": str(self._transcript.path),
            "cwd": self._cwd,
            "hook_event_name": event,
        }
        if self._prompt_id is not None:
            payload["prompt_id"] = self._prompt_id
        if permission:
            payload["permission_mode"] = self._mode
        return await self._hooks.tell(event, {**payload, **fields}, subject)
