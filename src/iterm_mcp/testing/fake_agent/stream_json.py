"""``claude -p``: a conversation as JSON lines, or one answer as text.

Every message goes through ``command_lifecycle`` queued, started, and completed or cancelled; it is
replayed when its turn begins. Each message makes its own turn. Permissions are asked for by
``can_use_tool`` where the caller said that it answers, and denied otherwise.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from iterm_mcp.testing.fake_agent.channel import Channel
from iterm_mcp.testing.fake_agent.claude_files import VERSION
from iterm_mcp.testing.fake_agent.claude_signals import INTERRUPTED
from iterm_mcp.testing.fake_agent.prompts import Decision, Prompt, new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.testing.fake_agent.claude_signals import ClaudeSignals
    from iterm_mcp.testing.fake_agent.conversation import Conversation
    from iterm_mcp.testing.fake_agent.options import ClaudeArguments
    from iterm_mcp.testing.fake_agent.prompts import Call, Question
    from iterm_mcp.testing.fake_agent.steps import Step
    from iterm_mcp.testing.fake_agent.truth import Truth

TOOLS = ["Task", "AskUserQuestion", "Bash", "Edit", "Read", "WebFetch", "Write"]


class StreamJson:
    """Speaks stream-json, or text; it is a `conversation.Front`.

    Attributes:
        talk: The conversation; set right after both were made.
        left: Done with the exit code when the input has ended and all is answered.
    """

    talk: Conversation

    def __init__(
        self, given: ClaudeArguments, signals: ClaudeSignals, cwd: str, truth: Truth
    ) -> None:
        self.left: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._given = given
        self._signals = signals
        self._cwd = cwd
        self._truth = truth
        self._channel = Channel(self._heard, self._broken, self._input_ended)
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._ended = False
        self._unanswered = 0
        self._requests = 1

    def open(self) -> None:
        """Begin to listen, or take the prompt from the command line."""
        if self._given.stream_in:
            self._channel.open()
            return
        text = self._given.prompt or sys.stdin.read()
        self._unanswered += 1
        self._ended = True
        asyncio.get_running_loop().call_soon(lambda: self.talk.tell(Prompt(text, source="sdk")))

    def close(self) -> None:
        """Listen no more."""
        if self._given.stream_in:
            self._channel.close()

    async def work(self) -> None:
        """Do nothing: all that is to do follows from what is heard."""

    def hook(self, subtype: str, event: str, outcome: str | None) -> None:
        """Tell of a hook, where that was asked for."""
        if self._given.hook_events:
            more = {} if outcome is None else {"outcome": outcome}
            self._send("system", subtype=subtype, hook_event=event, **more)

    # What a conversation wants of its front.

    def say(self, text: str) -> None:
        """Send what the agent says."""
        self._assistant({"type": "text", "text": text})

    def told(self, prompts: Sequence[Prompt]) -> None:
        """Send that a turn begins: started, init, and the message again."""
        for prompt in prompts:
            self._lifecycle(prompt, "started")
        self._send(
            "system",
            subtype="init",
            cwd=self._cwd,
            tools=TOOLS,
            mcp_servers=[],
            model="claude-scripted",
            permissionMode=self._given.mode,
            apiKeySource="none",
            claude_code_version=VERSION,
        )
        for prompt in prompts:
            if self._given.replay and self._given.stream_in:
                self._send(
                    "user",
                    message={"role": "user", "content": prompt.text},
                    parent_tool_use_id=None,
                    uuid=prompt.client_id or new_id(),
                    isReplay=True,
                )

    def over(self, prompts: Sequence[Prompt], outcome: str, reply: str) -> None:
        """Send the result, and that the message is done with."""
        interrupted = outcome in {"interrupted", "refused"}
        failed = outcome.startswith("failed")
        result = {
            "subtype": "error_during_execution" if interrupted else "success",
            "is_error": interrupted or failed,
            "num_turns": self._requests,
            "duration_ms": 1,
            "duration_api_ms": 1,
            "total_cost_usd": 0.0,
            "usage": {"input_tokens": 1, "output_tokens": 5},
            "stop_reason": None if interrupted else "end_turn",
            "permission_denials": [],
            "terminal_reason": "aborted_streaming" if interrupted else "completed",
            "user_message_uuids": [one.client_id for one in prompts if one.client_id],
        }
        if not interrupted:
            result["result"] = f"API Error: {outcome}" if failed else reply
        self._requests = 1
        self._send("result", **result)
        if not self._given.stream_out:
            sys.stdout.write(f"{result.get('result', '')}\n")
            sys.stdout.flush()
        for prompt in prompts:
            self._lifecycle(prompt, "cancelled" if interrupted else "completed")
        self._done(len(prompts), 1 if failed and not self._given.stream_in else 0)

    def dropped(self, prompt: Prompt, reason: str) -> None:
        """Send that a hook has refused the message."""
        del reason
        self._lifecycle(prompt, "completed")
        self._done(1, 0)

    def busy(self, text: str) -> None:
        """Send retries; the rest needs no words."""
        if "retrying" in text:
            self._send("system", subtype="api_retry", message=text)

    def calls(self, call: Call) -> None:
        """Send that the model wants a tool."""
        self._requests += 1
        self._assistant(
            {"type": "tool_use", "id": call.call_id, "name": call.tool, "input": call.input}
        )

    def used(self, call: Call, result: str, *, failed: bool) -> None:
        """Send the tool's result."""
        block = {"type": "tool_result", "tool_use_id": call.call_id, "content": result}
        content = [{**block, "is_error": failed}]
        message = {"role": "user", "content": content}
        self._send("user", message=message, parent_tool_use_id=None, tool_use_result=result)

    async def decide(self, call: Call) -> Decision:
        """Ask hooks, then the caller."""
        verdict = await self._signals.permission(call)
        if verdict.permission in {"allow", "deny"}:
            return Decision(verdict.permission == "allow", "hook", verdict.reason)
        if not self._given.asks_host:
            return Decision(allowed=False, by="rule", reason="nobody can be asked")
        answer = await self._can_use_tool(call)
        allowed = answer.get("behavior") == "allow"
        return Decision(
            allowed, "protocol", str(answer.get("message", "")), stops=bool(answer.get("interrupt"))
        )

    async def choose(self, question: Question) -> str | None:
        """Ask the caller, whose updated input holds the answers."""
        if not self._given.asks_host:
            return None
        answer = await self._can_use_tool(question.call)
        answers = (answer.get("updatedInput") or {}).get("answers") or {}
        return str(answers[question.text]) if question.text in answers else None

    def restore(self, prompts: Sequence[Prompt]) -> None:
        """Do nothing: there is no composer."""

    def interrupted(self) -> None:
        """Send the interruption as a line of the person's."""
        content = [{"type": "text", "text": INTERRUPTED}]
        message = {"role": "user", "content": content}
        self._send("user", message=message, parent_tool_use_id=None, uuid=new_id())

    def raw(self, data: bytes) -> None:
        """Write amid the protocol, as a program that prints by mistake."""
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def order(self, step: Step) -> None:
        """Do the orders that need no screen."""
        if step.verb == "exit":
            self._leave(0)
        elif step.verb == "interrupt":
            self.talk.interrupt()
        else:
            self._truth.note("not_understood", why=f"no screen to {step.verb} on")

    # What the caller says.

    def _heard(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "user":
                self._take_message(message)
            case "control_request":
                self._control(str(message.get("request_id")), message.get("request") or {})
            case "control_response":
                answer = message.get("response") or {}
                self._channel.send(message)  # the real one says it again, too
                waiting = self._asked.pop(str(answer.get("request_id")), None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer.get("response") or {})
            case _:
                self._truth.note("not_understood", why="an unknown type", message=message)

    def _broken(self, text: str) -> None:
        self._truth.note("not_understood", why="not JSON", line=text)
        sys.stderr.write(f"Error parsing streaming input line: {text[:200]}\n")
        self._leave(1)

    def _take_message(self, message: dict[str, Any]) -> None:
        content = (message.get("message") or {}).get("content", "")
        if isinstance(content, list):
            content = "\n".join(str(one.get("text", "")) for one in content)
        prompt = Prompt(str(content), source="sdk", client_id=message.get("uuid") or new_id())
        self._unanswered += 1
        self._lifecycle(prompt, "queued")
        self.talk.tell(prompt)

    def _control(self, request_id: str, request: dict[str, Any]) -> None:
        answer: dict[str, Any] = {}
        match request.get("subtype"):
            case "initialize":
                answer = {"commands": [], "output_style": "default", "models": []}
            case "interrupt":
                self.talk.interrupt()
                waiting = [one.client_id for one in self.talk.queued]
                answer = {"still_queued": waiting}
            case "set_permission_mode" | "set_model":
                answer = {}
            case unknown:
                why = f"Unsupported control request subtype: {unknown}"
                told = {"subtype": "error", "request_id": request_id, "error": why}
                self._channel.send({"type": "control_response", "response": told})
                return
        done = {"subtype": "success", "request_id": request_id, "response": answer}
        self._channel.send({"type": "control_response", "response": done})

    async def _can_use_tool(self, call: Call) -> dict[str, Any]:
        request_id = new_id()
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[request_id] = waiting
        request = {
            "subtype": "can_use_tool",
            "tool_name": call.tool,
            "display_name": call.tool,
            "input": call.input,
            "permission_suggestions": [],
            "tool_use_id": call.call_id,
        }
        self._channel.send(
            {"type": "control_request", "request_id": request_id, "request": request}
        )
        try:
            return await waiting
        finally:
            if self._asked.pop(request_id, None) is not None:
                cancel = {"type": "control_cancel_request", "request_id": request_id}
                self._channel.send(cancel)

    def _input_ended(self) -> None:
        self._ended = True
        self._done(0, 0)

    def _done(self, count: int, code: int) -> None:
        self._unanswered -= count
        if self._ended and self._unanswered <= 0:
            self._leave(code)

    def _assistant(self, block: dict[str, Any]) -> None:
        message = {
            "id": f"msg_{new_id()[:8]}",
            "type": "message",
            "role": "assistant",
            "model": "claude-scripted",
            "content": [block],
            "stop_reason": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        self._send("assistant", message=message, parent_tool_use_id=None)

    def _lifecycle(self, prompt: Prompt, state: str) -> None:
        if self._given.stream_in and prompt.client_id:
            self._send("command_lifecycle", command_uuid=prompt.client_id, state=state)

    def _send(self, kind: str, **fields: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        if self._given.stream_out:
            common = {"session_id": self._signals.session_id, "uuid": new_id()}
            self._channel.send({"type": kind, **common, **fields})

    def _leave(self, code: int) -> None:
        if not self.left.done():
            self.left.set_result(code)
