"""The way itself: a session, a command, an agent, a task; and removing all of it again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import anyio

from iterm_mcp.errors import AgentError, ItermMcpError, NotFoundError, TerminalError
from iterm_mcp.models.callers import Caller
from iterm_mcp.models.commands import CommandState
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.messages import Cascade, ReceiptState
from iterm_mcp.models.probes import Journey, Step, StepResult
from iterm_mcp.models.sessions import Program, Size
from iterm_mcp.models.task_queries import TaskQuery
from iterm_mcp.models.tasks import SETTLED, TaskState
from iterm_mcp.services.agents.placing import Place
from iterm_mcp.services.output.patterns import Patterns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.tasks import Task
    from iterm_mcp.services.agents.placing import PlacedPane
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.commands.service import CommandService
    from iterm_mcp.services.deliveries.dead_letters import DeadLetters
    from iterm_mcp.services.deliveries.messages import MessageService
    from iterm_mcp.services.deliveries.service import DeliveryService
    from iterm_mcp.services.output.reading import Reader
    from iterm_mcp.services.output.waiting import WaitService
    from iterm_mcp.services.sessions.ending import SessionEnder
    from iterm_mcp.services.sessions.search import SessionSearch
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.services.tasks.service import TaskService

STEP_SECONDS = 30.0
"""How long a step may take until it has failed."""
TASK_SECONDS = 90.0
"""The same for the task's end: a machine that is busy has it wait for a minute."""
SUBMIT_SECONDS = 10.0
CLEAN_SECONDS = 45.0
"""How long removing all of it may take."""
GRACE_SECONDS = 2.0
SETTLE_SECONDS = 15.0
MOST_FIRST = 100
"""A tiny task goes before others, so that it tells of the way and not of the work that waits."""

EXPECTED = (ItermMcpError, OSError, TimeoutError)


class Panes(Protocol):
    """Opens panes."""

    async def open(self, program: Program, place: Place) -> PlacedPane:
        """Open a pane that runs a program."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What the probe does its steps with: what tools do theirs with."""

    panes: Panes
    sessions: SessionService
    search: SessionSearch
    ender: SessionEnder
    commands: CommandService
    reader: Reader
    waits: WaitService
    agents: AgentService
    messages: MessageService
    deliveries: DeliveryService
    letters: DeadLetters
    tasks: TaskService


class Way:
    """Goes the way once at a time; the caller sees to that.

    Args:
        mark: The name of whatever is made: unlike that of any other installation that may share
            a terminal or a database with this one.
    """

    def __init__(self, hands: Hands, clock: Clock, mark: str) -> None:
        self._hands = hands
        self._clock = clock
        self._mark = mark
        self._agent = AgentName(mark)
        self._session: SessionId | None = None

    async def go(self) -> Journey:
        """Try every step that can be tried, and remove what was made, also when cancelled."""
        at, began = self._clock.now(), self._clock.monotonic()
        steps: list[StepResult] = []
        nonce = uuid4().hex[:12]
        self._session = None
        left: list[str] = []
        try:
            for step, work, within in (
                (Step.SESSION, self._open, STEP_SECONDS),
                (Step.COMMAND, self._run, STEP_SECONDS),
                (Step.AGENT, self._tell, STEP_SECONDS),
                (Step.TASK, self._submit, TASK_SECONDS + SUBMIT_SECONDS),
            ):
                steps.append(await self._try(step, partial(work, nonce), within))
            seconds = self._clock.monotonic() - began
        finally:
            with anyio.CancelScope(shield=True):
                left += await self.clean()
        return Journey(at, seconds, tuple(steps), tuple(left))

    async def _try(
        self, step: Step, work: Callable[[], Awaitable[None]], within: float
    ) -> StepResult:
        began = self._clock.monotonic()
        reason = ""
        try:
            with anyio.fail_after(within):
                await work()
        except TimeoutError:
            reason = f"it took more than {within:g} s"
        except (ItermMcpError, OSError) as error:
            reason = str(error) or type(error).__name__
        return StepResult(step, self._clock.monotonic() - began, reason)

    async def _open(self, _nonce: str) -> None:
        program = Program(
            "/bin/sh",  # nobody's own settings are read, and nothing goes into their history
            directory="/",
            name=self._mark,
            environment={"HISTFILE": "/dev/null"},
            tags=(self._mark,),
            size=Size(80, 24),
        )
        placed = await self._hands.panes.open(program, Place(behind=True))
        self._session = placed.session_id
        if not await self._hands.sessions.wait_ready(placed.session_id):
            raise AgentError("the shell shows no prompt", hint="Look at it with read_screen.")

    def _opened(self) -> SessionId:
        if self._session is None:
            raise AgentError("there is no session to do it in", hint="See the step before.")
        return self._session

    async def _run(self, nonce: str) -> None:
        session = self._opened()
        result = await self._hands.commands.run(
            session, f"printf 'ran-%s\\n' {nonce}", timeout_seconds=STEP_SECONDS
        )
        printed = "" if result.output is None else result.output.text
        if result.state is not CommandState.FINISHED or result.exit_code != 0:
            raise AgentError(f"the command is {result.state}, with exit code {result.exit_code}")
        if f"ran-{nonce}" not in printed:
            raise AgentError("the command's output was not seen")

    async def _tell(self, nonce: str) -> None:
        hands, session = self._hands, self._opened()
        await hands.agents.register_agent(self._agent, session, kind="shell", role="a probe")
        since = await hands.reader.cursor(session)
        text = f"printf 'told-%s\\n' {nonce}"
        result = await hands.messages.cascade(Cascade(agents={self._agent: text}))
        (receipt,) = result.receipts
        if receipt.state not in {ReceiptState.WRITTEN, ReceiptState.ACCEPTED}:
            raise AgentError(f"the message is {receipt.state}: {receipt.reason}")
        waited = await hands.waits.wait(
            session,
            patterns=Patterns([f"told-{nonce}"], literal=True),
            since=since,
            timeout_seconds=STEP_SECONDS,
        )
        if waited.match is None:
            raise AgentError("the agent was told, and did not do it")

    async def _submit(self, nonce: str) -> None:
        tasks = self._hands.tasks
        part: dict[str, Json] = {
            "run": f"printf 'done-%s' {nonce}",
            "directory": "/",
            "retry": {"attempts": 1},
            "deadline": TASK_SECONDS,
            "priority": MOST_FIRST,
        }
        task = await tasks.submit_one(self._caller(), self._mark, part, f"{self._mark}-{nonce}")
        (ended,) = await tasks.wait([task.task_id], TASK_SECONDS)
        if ended.state is not TaskState.SUCCEEDED:
            why = (await tasks.why_waiting([ended])).get(ended.task_id) or (ended.reason,)
            raise AgentError(f"the task is {ended.state}: {'; '.join(why) or 'nothing says why'}")

    def _caller(self) -> Caller:
        return Caller(client=self._mark)

    async def clean(self) -> list[str]:
        """Remove whatever a run has made, this one or one that was cut off; say what could not be.

        It is bounded by `CLEAN_SECONDS`, and may be asked for again.
        """
        left: list[str] = []
        parts: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("the task", self._forget_tasks),
            ("the message", self._forget_messages),
            ("the agent", self._forget_agent),
            ("the session", self._close_sessions),
        )
        with anyio.move_on_after(CLEAN_SECONDS) as scope:
            for what, work in parts:
                try:
                    await work()
                except EXPECTED as error:
                    # A terminal that was away all the time has nothing of ours.
                    if self._session is not None or not isinstance(error, TerminalError):
                        left.append(f"{what}: {error}")
        if scope.cancelled_caught:
            left.append(f"removing it all took more than {CLEAN_SECONDS:g} s")
        return left

    async def _forget_tasks(self) -> None:
        tasks = self._hands.tasks
        page, _ = await tasks.find(TaskQuery(text=self._mark))
        for one in page.tasks:
            if one.spec.name == self._mark:
                await self._forget_task(one)

    async def _forget_task(self, task: Task) -> None:
        tasks = self._hands.tasks
        if task.state not in SETTLED:
            with suppress(ItermMcpError):  # it has ended by itself meanwhile
                await tasks.cancel(self._caller(), task.task_id, "the probe is over")
            await tasks.wait([task.task_id], SETTLE_SECONDS)
        with suppress(NotFoundError):
            await tasks.engine.purge([task.task_id])

    async def _forget_messages(self) -> None:
        waiting = await self._hands.letters.waiting(self._agent)
        await self._hands.deliveries.cancel(one.delivery_id for one in waiting)
        await self._hands.letters.purge(agent=self._agent)

    async def _forget_agent(self) -> None:
        with suppress(NotFoundError):
            await self._hands.agents.remove_agent(self._agent)

    async def _close_sessions(self) -> None:
        found = await self._hands.search.select([f"name:{self._mark}"])
        tagged = await self._hands.search.select([f"tag:{self._mark}"])
        for session in {one.info.session_id for one in (*found, *tagged)}:
            with suppress(NotFoundError):
                await self._hands.ender.close(session, confirm=True, grace_seconds=GRACE_SECONDS)
