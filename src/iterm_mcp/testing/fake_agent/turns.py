"""One turn: its steps, one after the other."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING

from iterm_mcp.testing.fake_agent.prompts import (
    Question,
    TurnFailedError,
    TurnRefusedError,
    make_call,
    new_id,
)
from iterm_mcp.testing.fake_agent.steps import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.testing.fake_agent.conversation import Conversation
    from iterm_mcp.testing.fake_agent.prompts import Call
    from iterm_mcp.testing.fake_agent.steps import Step

RETRIES = 10
RETRY_WORDS = {
    "rate_limit": "429 slow down",
    "overloaded": "529 overloaded",
    "authentication_failed": "401 bad key",
    "server_error": "500 server error",
}


class Turn:
    """Plays steps in a conversation.

    Attributes:
        steps: What is left to begin with; `play` may be called again with others.
        said: What the agent has said.
        in_tool: A tool is being used, or asked for.
        used_tools: A tool was wanted.
    """

    def __init__(self, conversation: Conversation, steps: list[Step]) -> None:
        self._talk = conversation
        self.steps = steps
        self.said: list[str] = []
        self.in_tool = False
        self.used_tools = False

    async def play(self) -> None:
        """Do all steps; something is said in any case.

        Raises:
            TurnFailedError: The model's service was told to refuse.
            TurnRefusedError: The person has refused a tool.
                StepError: A step's argument is not understood.
        """
        self._talk.front.busy("working")
        done, said = 0, len(self.said)
        while done < len(self.steps):  # steering adds to them
            await self._do(self.steps[done])
            done += 1
        if len(self.said) == said:
            self._say("ok")

    async def alone(self) -> None:
        """Do the steps outside of any turn, saying nothing of it."""
        for step in self.steps:
            await self._do(step)

    async def _do(self, step: Step) -> None:
        if step.verb in AT_ONCE or step.verb == "exit":
            self._talk.front.order(step)
        else:
            await _STEPS[step.verb](self, step)

    def _say(self, text: str) -> None:
        self.said.append(text)
        self._talk.front.say(text)

    async def _work(self, step: Step) -> None:
        await self._talk.pace.spend(step.number(1.0))

    async def _tell(self, step: Step) -> None:
        self._say(step.argument)

    async def _tool(self, step: Step) -> None:
        call = make_call(step.argument)
        self.used_tools = True
        self._wants(call)
        self.in_tool = True
        allowed = await self._may_use(call)
        if allowed:
            await self._used(call, "done")
            self._talk.truth.note("tool_used", tool=call.tool, input=call.input, id=call.call_id)
        self.in_tool = False

    def _wants(self, call: Call) -> None:
        self._talk.signals.called(call)
        self._talk.front.calls(call)

    async def _used(self, call: Call, result: str, *, failed: bool = False) -> None:
        await self._talk.signals.after_tool(call, result, failed=failed)
        self._talk.front.used(call, result, failed=failed)

    async def _may_use(self, call: Call) -> bool:
        talk = self._talk
        verdict = await talk.signals.before_tool(call)
        if verdict.permission == "deny" or verdict.blocked:
            await self._denied(call, "hook", verdict.reason)
            return False
        if verdict.permission == "allow" or not (call.asks or verdict.permission == "ask"):
            return True
        talk.become("waiting_permission", "waiting", "permission prompt")
        talk.truth.note("asked", tool=call.tool, input=call.input, id=call.call_id)
        decision = await talk.front.decide(call)
        talk.truth.note("decided", id=call.call_id, allowed=decision.allowed, by=decision.by)
        talk.become("working", "busy")
        if decision.stops:
            await self._used(call, "rejected", failed=True)
            raise TurnRefusedError
        if not decision.allowed:
            await self._denied(call, decision.by, decision.reason)
        return decision.allowed

    async def _denied(self, call: Call, by: str, reason: str) -> None:
        self._talk.truth.note("denied", tool=call.tool, by=by, reason=reason, id=call.call_id)
        await self._used(call, reason or "denied", failed=True)
        self._say(f"{call.tool} was denied: {reason}")

    async def _ask(self, step: Step) -> None:
        text, *choices = [part.strip() for part in step.argument.split("|")]
        question = Question(text or "Which one?", choices or ["A", "B"])
        call = self._talk.signals.question_call(question)
        self.used_tools = self.in_tool = True
        self._wants(call)
        await self._talk.signals.before_tool(call)
        self._talk.become("waiting_question", "waiting", "input needed")
        self._talk.truth.note("asked", tool=call.tool, question=question.text, id=call.call_id)
        answer = await self._talk.front.choose(question)
        self._talk.truth.note("chosen", id=call.call_id, answer=answer)
        self._talk.become("working", "busy")
        if answer is None:
            await self._used(call, "rejected", failed=True)
            raise TurnRefusedError
        await self._used(call, answer)
        self.in_tool = False
        self._say(f"You chose {answer}")

    async def _retry(self, step: Step) -> None:
        words = [*step.argument.split(), "3", "1", "rate_limit"][:3]
        count, seconds, kind = int(words[0]), float(words[1]), words[2]
        state = {"rate_limit": "rate_limited", "authentication_failed": "auth_failed"}
        self._talk.become(state.get(kind, "api_retry"), "busy")
        for attempt in range(1, count + 1):
            shown = f"{RETRY_WORDS.get(kind, kind)} · retrying in {max(1, round(seconds))}s"
            self._talk.front.busy(f"{shown} · attempt {attempt}/{RETRIES}")
            await self._talk.pace.spend(seconds)
        self._talk.become("working", "busy")
        self._talk.front.busy("working")

    async def _fail(self, step: Step) -> None:
        raise TurnFailedError(step.argument or "unknown")

    async def _background(self, step: Step) -> None:
        call = make_call(f"Bash {step.rest('sleep')}")
        call.input["run_in_background"] = True
        self.used_tools = True
        self._wants(call)
        await self._talk.signals.before_tool(call)
        task = self._talk.background(step.number(1.0), call.detail)
        self._talk.truth.note("background", id=task.task_id, command=task.command)
        await self._used(call, f"Command running in background with ID: {task.task_id}")

    async def _subagent(self, step: Step) -> None:
        agent, kind = f"a{new_id()[:8]}", step.rest("general-purpose")
        await self._talk.signals.subagent(agent, kind, ended=False)
        await self._talk.pace.spend(step.number(1.0))
        await self._talk.signals.subagent(agent, kind, ended=True)

    async def _compact(self, _step: Step) -> None:
        self._talk.become("compacting", "busy")
        await self._talk.signals.compacting(ended=False)
        await self._talk.pace.spend(0.2)
        await self._talk.signals.compacting(ended=True)
        self._talk.become("working", "busy")

    async def _print(self, step: Step) -> None:
        for number in range(int(step.number(100))):
            self._talk.front.say(f"line {number}")
            if number % 100 == 0:
                await asyncio.sleep(0)

    async def _garbage(self, step: Step) -> None:
        self._talk.front.raw(self._talk.scenario.dice.randbytes(int(step.number(256))))

    async def _notify(self, step: Step) -> None:
        self._talk.front.raw(f"\x1b]9;{step.argument or 'look here'}\x07\x07".encode())

    async def _title(self, step: Step) -> None:
        self._talk.front.raw(f"\x1b]0;{step.argument}\x07".encode())

    async def _crash(self, step: Step) -> None:
        self._talk.truth.note("crashing", how=step.argument or "1")
        die(step.argument or "1")

    async def _hang(self, step: Step) -> None:
        seconds = step.number(3600) * self._talk.pace.factor
        self._talk.truth.note("state", state="hung", status="busy", seconds=seconds)
        time.sleep(seconds)  # noqa: ASYNC251 - nothing may go on, which is the point
        self._talk.truth.note("state", state="working", status="busy")


_STEPS: dict[str, Callable[[Turn, Step], Awaitable[None]]] = {
    "work": Turn._work,  # noqa: SLF001 - this module's own, as all below
    "say": Turn._tell,  # noqa: SLF001
    "tool": Turn._tool,  # noqa: SLF001
    "ask": Turn._ask,  # noqa: SLF001
    "retry": Turn._retry,  # noqa: SLF001
    "fail": Turn._fail,  # noqa: SLF001
    "background": Turn._background,  # noqa: SLF001
    "subagent": Turn._subagent,  # noqa: SLF001
    "compact": Turn._compact,  # noqa: SLF001
    "print": Turn._print,  # noqa: SLF001
    "garbage": Turn._garbage,  # noqa: SLF001
    "notify": Turn._notify,  # noqa: SLF001
    "title": Turn._title,  # noqa: SLF001
    "crash": Turn._crash,  # noqa: SLF001
    "hang": Turn._hang,  # noqa: SLF001
}


def die(how: str) -> None:
    """End this process by an exit code or a signal's name, tidying nothing."""
    if how.isdigit():
        os._exit(int(how))
    number = getattr(signal, f"SIG{how.upper().removeprefix('SIG')}", signal.SIGKILL)
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(1)  # the signal was one that kills nobody
