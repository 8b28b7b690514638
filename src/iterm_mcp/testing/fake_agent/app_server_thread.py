"""One thread of the app-server: its turns and items as notifications, its questions as requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from iterm_mcp.testing.fake_agent.codex_signals import VERSION, CodexSignals
from iterm_mcp.testing.fake_agent.prompts import Decision, new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.testing.fake_agent.codex_signals import Rollout
    from iterm_mcp.testing.fake_agent.conversation import Conversation
    from iterm_mcp.testing.fake_agent.hooks import Hooks
    from iterm_mcp.testing.fake_agent.pace import Pace
    from iterm_mcp.testing.fake_agent.prompts import Call, Prompt, Question
    from iterm_mcp.testing.fake_agent.steps import Step

FLAGS = {"permission prompt": "waitingOnApproval", "input needed": "waitingOnUserInput"}
ACCEPTED = {"accept", "acceptForSession"}
USAGE = {
    "totalTokens": 6,
    "inputTokens": 1,
    "cachedInputTokens": 0,
    "cacheWriteInputTokens": 0,
    "outputTokens": 5,
    "reasoningOutputTokens": 0,
}


class Server(Protocol):
    """What a thread needs of its server."""

    def notify(self, method: str, **params: Any) -> None:  # noqa: ANN401
        """Send a notification."""

    async def ask(self, method: str, thread_id: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401
        """Send a request, and wait for its result."""


class ThreadSignals(CodexSignals):
    """Codex's files and hooks, and the thread's status as notifications."""

    def __init__(self, server: Server, session_id: str, **more: Any) -> None:  # noqa: ANN401
        super().__init__(session_id, asks=True, **more)
        self._server = server
        self.status: dict[str, Any] = {"type": "idle"}
        self._calls: dict[str, dict[str, Any]] = {}

    def state(self, status: str, waiting_for: str | None = None) -> None:
        """Send ``thread/status/changed``."""
        now: dict[str, Any] = {"type": "idle"}
        if status in {"busy", "waiting"}:
            flag = FLAGS.get(waiting_for or "")
            now = {"type": "active", "activeFlags": [flag] if flag else []}
        if now != self.status:
            self.status = now
            self._server.notify("thread/status/changed", threadId=self.session_id, status=now)

    def called(self, call: Call) -> None:
        """Send that a command begins."""
        super().called(call)
        item = {
            "type": "commandExecution", "id": call.call_id, "command": call.detail,
            "cwd": self._cwd, "commandActions": [], "status": "inProgress",
        }  # fmt: skip
        self._calls[call.call_id] = item
        self.item("started", item)

    async def after_tool(self, call: Call, result: str, *, failed: bool = False) -> None:
        """Send how a command ended."""
        await super().after_tool(call, result, failed=failed)
        item = self._calls.pop(call.call_id, None)
        if item is not None:
            status = "declined" if failed else "completed"
            done = {**item, "status": status, "aggregatedOutput": result}
            self.item("completed", {**done, "exitCode": None if failed else 0})

    def item(self, stage: str, item: dict[str, Any]) -> None:
        """Send ``item/started`` or ``item/completed``."""
        at = {f"{stage}AtMs": self._pace_ms()}
        self._server.notify(
            f"item/{stage}", threadId=self.session_id, turnId=self._turn_id, item=item, **at
        )

    def _pace_ms(self) -> int:
        return self._rollout.milliseconds()


class AppServerThread:
    """One thread; it is a `conversation.Front`.

    Attributes:
        talk: Its conversation; set right after both were made.
        turn_id: The turn that runs.
    """

    talk: Conversation

    def __init__(
        self,
        server: Server,
        thread_id: str,
        *,
        cwd: str,
        hooks: Hooks,
        rollout: Rollout,
        notify: Sequence[str],
        pace: Pace,
    ) -> None:
        self.signals = ThreadSignals(
            server, thread_id, cwd=cwd, hooks=hooks, rollout=rollout, notify=notify
        )
        self.turn_id: str | None = None
        self._server = server
        self._thread_id = thread_id
        self._cwd = cwd
        self._rollout = rollout
        self._pace = pace
        self._created = pace.milliseconds() // 1000
        self._preview = ""

    async def live(self, source: str) -> None:
        """Work until cancelled."""
        await self.signals.opened(source)
        self.talk.rest()
        await self.talk.run()

    def described(self) -> dict[str, Any]:
        """Return the thread as the protocol shows it."""
        return {
            "id": self._thread_id,
            "sessionId": self._thread_id,
            "preview": self._preview,
            "ephemeral": False,
            "modelProvider": "scripted",
            "projectId": None,
            "createdAt": self._created,
            "updatedAt": self._pace.milliseconds() // 1000,
            "status": self.signals.status,
            "path": str(self._rollout.path),
            "cwd": self._cwd,
            "cliVersion": VERSION,
            "source": "appServer",
            "turns": [],
        }

    def turn(self, turn_id: str, status: str, error: str | None = None) -> dict[str, Any]:
        """Return a turn as the protocol shows it."""
        failure = None if error is None else {"message": error}
        return {
            "id": turn_id,
            "rootTurnId": turn_id,
            "items": [],
            "itemsView": "notLoaded",
            "status": status,
            "error": failure,
            "startedAt": None,
            "completedAt": None,
            "durationMs": None,
        }

    def show(self, prompt: Prompt) -> None:
        """Send a message as an item of the turn."""
        content = [{"type": "text", "text": prompt.text, "text_elements": []}]
        item = {"type": "userMessage", "id": new_id(), "content": content}
        if prompt.client_id is not None:
            item["clientId"] = prompt.client_id
        self.signals.item("started", item)
        self.signals.item("completed", item)

    # What a conversation wants of its front.

    def say(self, text: str) -> None:
        """Send what the agent says."""
        item = {"type": "agentMessage", "id": new_id(), "text": text}
        self.signals.item("started", {**item, "text": ""})
        self._server.notify(
            "item/agentMessage/delta",
            threadId=self._thread_id, turnId=self.turn_id or "", itemId=item["id"], delta=text,
        )  # fmt: skip
        self.signals.item("completed", item)

    def told(self, prompts: Sequence[Prompt]) -> None:
        """Send that a turn begins."""
        self.turn_id = prompts[0].prompt_id
        self._preview = self._preview or prompts[0].text
        told = self.turn(self.turn_id, "inProgress")
        self._server.notify("turn/started", threadId=self._thread_id, turn=told)
        for prompt in prompts:
            self.show(prompt)

    def over(self, prompts: Sequence[Prompt], outcome: str, reply: str) -> None:
        """Send that it has ended."""
        del reply
        turn_id, self.turn_id = prompts[0].prompt_id, None
        if outcome == "done":
            self._server.notify(
                "thread/tokenUsage/updated",
                threadId=self._thread_id, turnId=turn_id,
                tokenUsage={"total": USAGE, "last": USAGE, "modelContextWindow": 200000},
            )  # fmt: skip
        self.signals.state("idle")  # which comes before the turn's own end
        failed = outcome.startswith("failed")
        status = {"interrupted": "interrupted", "refused": "interrupted"}.get(outcome, "completed")
        told = self.turn(turn_id, "failed" if failed else status, outcome if failed else None)
        self._server.notify("turn/completed", threadId=self._thread_id, turn=told)

    def dropped(self, prompt: Prompt, reason: str) -> None:
        """Send that a hook has refused a message: its turn fails."""
        told = self.turn(prompt.prompt_id, "failed", reason)
        self._server.notify("turn/completed", threadId=self._thread_id, turn=told)

    def busy(self, text: str) -> None:
        """Send retries as errors that are tried again."""
        if "retrying" in text:
            self._server.notify(
                "error",
                threadId=self._thread_id, turnId=self.turn_id or "",
                error={"message": text}, willRetry=True,
            )  # fmt: skip

    def calls(self, call: Call) -> None:
        """Send nothing: `ThreadSignals` has."""

    def used(self, call: Call, result: str, *, failed: bool) -> None:
        """Send nothing, as above."""

    async def decide(self, call: Call) -> Decision:
        """Ask hooks, then the client."""
        verdict = await self.signals.permission(call)
        if verdict.permission in {"allow", "deny"}:
            return Decision(verdict.permission == "allow", "hook", verdict.reason)
        answer = await self._server.ask(
            "item/commandExecution/requestApproval",
            self._thread_id,
            turnId=self.turn_id or "",
            itemId=call.call_id,
            command=call.detail,
            cwd=self._cwd,
            startedAtMs=self._pace.milliseconds(),
        )
        decision = answer.get("decision")
        return Decision(decision in ACCEPTED, "protocol", str(decision), stops=decision == "cancel")

    async def choose(self, question: Question) -> str | None:
        """Ask the client."""
        options = [{"label": one, "description": one} for one in question.choices]
        asked = {
            "id": "q1", "header": "Choice", "question": question.text,
            "isOther": True, "options": options,
        }  # fmt: skip
        answer = await self._server.ask(
            "item/tool/requestUserInput",
            self._thread_id,
            turnId=self.turn_id or "",
            itemId=new_id(),
            questions=[asked],
            isBlocking=True,
        )
        chosen = ((answer.get("answers") or {}).get("q1") or {}).get("answers") or []
        return str(chosen[0]) if chosen else None

    def restore(self, prompts: Sequence[Prompt]) -> None:
        """Do nothing: there is no composer."""

    def interrupted(self) -> None:
        """Say nothing: the turn's end says it."""

    def raw(self, data: bytes) -> None:
        """Write nothing: garbage amid JSON-RPC would be another fault than the one ordered."""

    def order(self, step: Step) -> None:
        """Do the orders that need no screen."""
        if step.verb == "interrupt":
            self.talk.interrupt()
