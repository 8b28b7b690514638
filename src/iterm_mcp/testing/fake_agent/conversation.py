"""What happens between a message's arrival and the end of its turn.

It knows neither keys nor protocols: a `Front` shows things and asks the person, `Signals` tell the
rest of the world. Messages that come amid a turn wait; turns are cancelled to interrupt them.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol, TypeVar

from iterm_mcp.testing.fake_agent.prompts import (
    Background,
    Prompt,
    TurnFailedError,
    TurnRefusedError,
    new_id,
)
from iterm_mcp.testing.fake_agent.steps import AT_ONCE, StepError
from iterm_mcp.testing.fake_agent.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from iterm_mcp.testing.fake_agent.pace import Pace
    from iterm_mcp.testing.fake_agent.prompts import Call, Decision, Question
    from iterm_mcp.testing.fake_agent.scenario import Scenario
    from iterm_mcp.testing.fake_agent.signals import Signals
    from iterm_mcp.testing.fake_agent.steps import Step
    from iterm_mcp.testing.fake_agent.truth import Truth

Result = TypeVar("Result")
STOP_BLOCKS = 8
"""How often in a row a hook may keep a turn from ending."""


class Front(Protocol):
    """Where a conversation is seen, and where the person is asked."""

    def say(self, text: str) -> None:
        """Show what the agent says."""

    def told(self, prompts: Sequence[Prompt]) -> None:
        """Show the prompts that a turn begins with."""

    def busy(self, text: str) -> None:
        """Show what it is busy with; empty is that it is idle."""

    def calls(self, call: Call) -> None:
        """Show that the model wants a tool."""

    def used(self, call: Call, result: str, *, failed: bool) -> None:
        """Show how a tool's use ended."""

    async def decide(self, call: Call) -> Decision:
        """Ask whether a tool may be used; cancelled when somebody else decides first."""

    async def choose(self, question: Question) -> str | None:
        """Ask the person; None is a refusal."""

    def over(self, prompts: Sequence[Prompt], outcome: str, reply: str) -> None:
        """Tell how a turn ended: ``done``, ``interrupted``, ``refused`` or ``failed: KIND``."""

    def dropped(self, prompt: Prompt, reason: str) -> None:
        """Tell that a hook has refused a message."""

    def restore(self, prompts: Sequence[Prompt]) -> None:
        """Give an interrupted prompt back for editing."""

    def interrupted(self) -> None:
        """Show that the turn was stopped."""

    def raw(self, data: bytes) -> None:
        """Write to the terminal as it is."""

    def order(self, step: Step) -> None:
        """Do one of the orders of `steps.AT_ONCE`, or ``exit``."""


class Stage(Front, Protocol):
    """A front that is a whole program's.

    Attributes:
        talk: Its conversation; set before it is opened.
        left: Done with the exit code when it is over.
    """

    talk: Conversation
    left: asyncio.Future[int]

    def open(self) -> None:
        """Take the terminal, or begin to listen."""

    def close(self) -> None:
        """Give the terminal back."""

    async def work(self) -> None:
        """Do what goes on beside the conversation, until cancelled."""


class Conversation:
    """One conversation.

    Args:
        merges: Whether all that waits makes one turn; otherwise each makes its own.
        restores: ``auto`` gives an interrupted prompt back when nothing was said yet and nothing
            waits; ``always`` and ``never`` do as they say.
    """

    def __init__(
        self,
        front: Front,
        signals: Signals,
        scenario: Scenario,
        pace: Pace,
        truth: Truth,
        group: asyncio.TaskGroup,
        *,
        merges: bool = True,
        restores: str = "auto",
    ) -> None:
        self.front = front
        self.signals = signals
        self.scenario = scenario
        self.pace = pace
        self.truth = truth
        self._group = group
        self._merges = merges
        self._restores = restores
        self._waiting: list[Prompt] = []
        self._arrived = asyncio.Event()
        self._count = 0
        self._turn: asyncio.Task[str] | None = None
        self._playing: Turn | None = None
        self._admitting = 0
        self.tasks: dict[str, Background] = {}
        self._state = ""

    @property
    def busy(self) -> bool:
        """Tell whether a turn runs, or a message that came first is being admitted."""
        return self._turn is not None or self._admitting > 0

    @property
    def queued(self) -> list[Prompt]:
        """Return what waits for the turn's end."""
        return self._waiting if self._turn is not None else []

    def become(self, state: str, status: str, waiting_for: str | None = None) -> None:
        """Write down a state; tell the world its status."""
        if state != self._state:
            self._state = state
            self.truth.note("state", state=state, status=status, waiting_for=waiting_for)
        self.signals.state(status, waiting_for)

    def rest(self) -> None:
        """Become idle, in the way that what still runs in the background allows."""
        self.become(*(("background", "shell") if self.tasks else ("ready", "idle")))

    def tell(self, prompt: Prompt) -> None:
        """Take a message, now; what it does comes later."""
        self._count += 1
        prompt.number = self._count
        queued = self.busy or bool(self._waiting)
        if queued and prompt.source == "typed":
            prompt.source, prompt.text = "queued", prompt.text.strip()
        self._note_received(prompt, "queued" if queued else "submitted")
        for fault in self.scenario.draw():
            self.truth.note("fault", order=f"{fault.verb} {fault.argument}".strip(), by="chance")
            self.order(fault)
        self._admitting += 1
        self._group.create_task(self._admit(prompt, queued=queued))

    def steer(self, prompt: Prompt) -> None:
        """Give the turn that runs one more message; there must be one."""
        assert self._playing is not None  # noqa: S101 - the caller has looked
        self._count += 1
        prompt.number = self._count
        self._note_received(prompt, "steered")
        self._playing.steps += self.scenario.steps(prompt.unwrapped)

    def order(self, step: Step) -> None:
        """Do an order from outside of a turn: at once, or as a turn that nobody asked for."""
        if step.verb in AT_ONCE or step.verb == "exit":
            self.front.order(step)
        else:
            self._group.create_task(Turn(self, [step]).alone())

    def interrupt(self) -> bool:
        """Stop the turn, if there is one."""
        if self._turn is None or self._turn.done():
            return False
        self.truth.note("interrupt")
        self._turn.cancel()
        return True

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                count = len(self._waiting) if self._merges else 1
                prompts, self._waiting = self._waiting[:count], self._waiting[count:]
                await self._take_turn(prompts)

    def spawn(self, work: Coroutine[object, object, Result]) -> asyncio.Task[Result]:
        """Let something go on beside the conversation, as long as it lasts."""
        return self._group.create_task(work)

    def bang(self, command: str) -> None:
        """Run a command of the person's own; what is queued waits for it."""
        self.spawn(self._bang(command))

    def background(self, seconds: float, command: str) -> Background:
        """Leave a shell running."""
        task = Background(new_id()[:8], command)
        self.tasks[task.task_id] = task
        self._group.create_task(self._end_background(task, seconds))
        return task

    def _note_received(self, prompt: Prompt, stage: str) -> None:
        self.truth.note(
            "received",
            conversation=self.signals.session_id,
            number=prompt.number,
            stage=stage,
            text=prompt.text,
            unwrapped=prompt.unwrapped,
            shown=prompt.shown,
            client_id=prompt.client_id,
            source=prompt.source,
        )

    async def _admit(self, prompt: Prompt, *, queued: bool) -> None:
        try:
            if not queued:
                self.become("submitting", "busy")
            verdict = await self.signals.submitted(prompt, queued=queued)
            if verdict.blocked:
                self.truth.note("refused", number=prompt.number, reason=verdict.reason)
                self.front.dropped(prompt, verdict.reason)
                if not self._waiting and self._turn is None:
                    self.rest()
                return
            if verdict.context:
                self.truth.note("context", number=prompt.number, texts=verdict.context)
            if queued or prompt.source == "system":
                self.signals.enqueued(prompt)
            self._waiting.append(prompt)
            if self._turn is None:
                self.front.busy("…")
            self._arrived.set()
        finally:
            self._admitting -= 1

    async def _take_turn(self, prompts: list[Prompt]) -> None:
        turn = Turn(self, [step for one in prompts for step in self.scenario.steps(one.unwrapped)])
        began = self.pace.clock.monotonic()
        self.become("working", "busy")
        self.signals.started(prompts)
        self.front.told(prompts)
        numbers = [one.number for one in prompts]
        talk = self.signals.session_id
        self.truth.note("turn_started", conversation=talk, numbers=numbers)
        self._turn = self._group.create_task(self._play(turn))
        self._playing = turn
        outcome = "done"
        try:
            await asyncio.wait({self._turn})
            outcome = "interrupted" if self._turn.cancelled() else self._turn.result()
        finally:
            self._turn = self._playing = None
        if outcome == "interrupted":
            await self._stop(turn, prompts)
        elif outcome != "refused":
            self.signals.settled(self.pace.clock.monotonic() - began)
        self.truth.note(
            "turn_ended",
            conversation=talk,
            numbers=numbers,
            outcome=outcome,
            said="\n".join(turn.said),
        )
        self.front.over(prompts, outcome, turn.said[-1] if turn.said else "")
        self.front.busy("")
        self.rest()

    async def _play(self, turn: Turn) -> str:
        try:
            await turn.play()
        except TurnFailedError as error:
            kind = str(error)
            self.front.say(f"API Error: {kind}")
            await self.signals.failed(kind, f"API Error: {kind}")
            return f"failed: {kind}"
        except TurnRefusedError:
            await self.signals.interrupted(in_tool=True, restored=False)
            self.front.interrupted()
            return "refused"
        except StepError as error:
            self.front.say(str(error))
            self.truth.note("not_understood", why=str(error))
        for again in range(STOP_BLOCKS):
            reply = turn.said[-1] if turn.said else ""
            tasks = list(self.tasks.values())
            verdict = await self.signals.ended(reply, tasks, again=again > 0)
            if not verdict.blocked:
                break
            self.truth.note("kept_going", reason=verdict.reason)
            turn.steps = self.scenario.steps(verdict.reason)
            await turn.play()
        return "done"

    async def _stop(self, turn: Turn, prompts: list[Prompt]) -> None:
        untouched = not turn.said and not self._waiting and not turn.used_tools
        restores = self._restores == "always" or (self._restores == "auto" and untouched)
        await self.signals.interrupted(in_tool=turn.in_tool, restored=restores)
        self.front.interrupted()
        if restores:
            self.truth.note("restored", numbers=[one.number for one in prompts])
            self.front.restore(prompts)

    async def _bang(self, command: str) -> None:
        self.truth.note("bang", command=command)
        self.become("working", "busy")
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        printed, _ = await process.communicate()
        output = printed.decode("utf-8", "replace").rstrip("\n")
        self.front.say(f"!{command}\n{output}")
        await self.signals.bash(command, output)
        await self.signals.ended(output, list(self.tasks.values()), again=False)
        self.signals.settled(0.0)
        self.rest()

    async def _end_background(self, task: Background, seconds: float) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await self.pace.spend(seconds)
            del self.tasks[task.task_id]
            self.tell(
                Prompt(
                    "<task-notification>\n"
                    f"<task-id>{task.task_id}</task-id>\n<status>completed</status>\n"
                    f"<summary>{task.command}</summary>\n</task-notification>",
                    source="system",
                )
            )
