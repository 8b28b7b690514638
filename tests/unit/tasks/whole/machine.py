"""An engine in the hands of a test: all of it but DBOS, the clock and what attempts consist of.

In the place of DBOS stands a journal in memory: which courses there are outlives kills, as in its
database; how far they came does not, as there. Of an attempt's course one step is done at a time,
when the test says so; so there is no race but those that the test makes, and none that it cannot
make again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from tests.unit.tasks.whole.scripted import KilledError, ScriptedWork

from iterm_mcp.tasks import asking
from iterm_mcp.tasks.attempts import Attempts
from iterm_mcp.tasks.changes import Changes
from iterm_mcp.tasks.course import ABANDONED, abandon_attempt, run_attempt
from iterm_mcp.tasks.desk import Desk
from iterm_mcp.tasks.dispatcher import Dispatcher
from iterm_mcp.tasks.forgetting import Forgetter
from iterm_mcp.tasks.lease import Lease
from iterm_mcp.tasks.stops import Stops

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sqlalchemy import Connection

    from iterm_mcp.tasks.course import Steps
    from iterm_mcp.tasks.database import TaskDatabase
    from iterm_mcp.tasks.durable import Durable
    from iterm_mcp.tasks.engine import EngineOptions


class _PauseError(BaseException):
    """One step was done, which is all for now."""


class Journal:
    """Which courses there are, in the place of DBOS, and what their steps answered in this life."""

    def __init__(self) -> None:
        self.courses: dict[str, list[Any]] = {}
        self.reasons: dict[str, str] = {}
        self.over: dict[str, str] = {}

    @property
    def going_on(self) -> list[str]:
        """Return the courses that are not over."""
        return [one for one in self.courses if one not in self.over]

    def recover(self) -> None:
        """Have all that is not over begin anew, as in a new life."""
        for one in self.going_on:
            self.courses[one] = []

    async def start(self, attempt_ids: Sequence[str]) -> None:
        """See `Durable.start`."""
        for one in attempt_ids:
            self.courses.setdefault(one, [])

    async def abandon(self, attempt_id: str, reason: str) -> None:
        """See `Durable.abandon`."""
        self.reasons.setdefault(f"{attempt_id}{ABANDONED}", reason)
        self.courses.setdefault(f"{attempt_id}{ABANDONED}", [])

    async def ended(self, attempt_ids: Sequence[str]) -> dict[str, str]:
        """See `Durable.ended`."""
        return {one: self.over[one] for one in attempt_ids if one in self.over}

    async def forget(self, attempt_ids: Sequence[str]) -> None:
        """See `Durable.forget`."""
        for one in (name for each in attempt_ids for name in (each, f"{each}{ABANDONED}")):
            self.courses.pop(one, None)
            self.over.pop(one, None)

    async def busy(self, attempt_ids: Sequence[str]) -> set[str]:
        """See `Durable.busy`."""
        return {one.removesuffix(ABANDONED) for one in self.going_on} & set(attempt_ids)


class _JournaledSteps:
    """Answers from the journal; the first step that it does not know is done, and then it stops."""

    def __init__(
        self, attempts: Attempts, answers: list[Any], interfere: Callable[[], None]
    ) -> None:
        self._attempts = attempts
        self._answers = answers
        self._interfere = interfere
        self._at = 0
        self._done = False

    def __getattr__(self, step: str) -> Callable[..., Awaitable[Any]]:
        async def answer(*arguments: Any) -> Any:  # noqa: ANN401 - of any step
            self._at += 1
            if self._at <= len(self._answers):
                return self._answers[self._at - 1]
            if self._done:
                raise _PauseError
            answer = await getattr(self._attempts, step)(*arguments)
            self._interfere()
            self._done = True
            self._answers.append(json.loads(json.dumps(answer)))
            return self._answers[-1]

        return answer


class Machine:
    """One machine.

    Args:
        meanwhile: Called in the middle of steps, see `ScriptedWork`.
        interfere: Called when a step is done and nobody has written down what it answered; it may
            raise `KilledError`.

    Attributes:
        alive: Its engine runs.
        deposed: Its work was given to others, and it does not know it yet.
    """

    def __init__(
        self,
        options: EngineOptions,
        database: TaskDatabase,
        meanwhile: Callable[[], Awaitable[None]],
        interfere: Callable[[], None],
    ) -> None:
        self.options = options
        self.name = options.machine
        self._database = database
        self._interfere = interfere
        self.work = ScriptedWork(options.clock, meanwhile)
        self.journal = Journal()
        self.alive = False
        self.deposed = False
        self._forgetting = False
        self._open()

    def _open(self) -> None:
        self.desk = Desk(
            self._database, self.options, Changes(self.options.tell), self.options.machine
        )
        self.desk.is_shared = True  # as on a database of several machines
        self.lease = Lease(self.options, self._database, self.desk, self.name)
        self._stops = Stops(self.desk, self.lease)
        self._attempts = Attempts(self.desk, self.work, self.lease, self._stops)
        durable = cast("Durable", self.journal)
        self._dispatcher = Dispatcher(
            self.options, self.desk, self.lease, self._attempts.rows, durable
        )
        self._forgetter = Forgetter(self.desk, self.work, durable, self.name)

    async def start(self) -> None:
        """Begin a life, and go on with what the last one has left."""
        self._open()
        self.journal.recover()
        self.desk.forget = self.forget
        await self.lease.enrol()
        self.alive, self.deposed = True, False
        await self.reconcile()

    async def end(self) -> None:
        """End this life in good order."""
        await self.lease.leave()
        self.alive = False

    async def beat(self) -> list[str]:
        """Renew the lease, and take over the work of others; return their names."""
        taken = await self.lease.beat()
        self.deposed = False
        return taken

    async def dispatch(self) -> None:
        """Start what may start."""
        await self._dispatcher._dispatch()

    async def reconcile(self) -> None:
        """Have those go on that stand half-way."""
        await self._dispatcher._reconcile()

    async def forget(self) -> bool:
        """Remove what is kept of purged tasks; tell whether nothing is left."""
        if self._forgetting:  # who asks meanwhile would wait for the one that does
            return False
        self._forgetting = True
        try:
            return await self._forgetter.forget()
        except KilledError:
            self.alive = False
            return False
        finally:
            self._forgetting = False

    async def step(self, course: str, *, patient: bool = False) -> bool:
        """Do the next step of a course; tell whether there was one.

        A kill ends the machine's life.

        Args:
            patient: Also one that waits a while for somebody who says nothing.
        """
        answers = self.journal.courses[course]
        attempt_id = course.removesuffix(ABANDONED)
        stop = self._stops.of(attempt_id)
        await self._stops.look()
        asks = bool(answers) and answers[-1] == {"next": "ask"}
        if asks and not patient and not stop.is_set() and not await self._answered(attempt_id):
            return False
        steps = cast("Steps", _JournaledSteps(self._attempts, answers, self._interfere))
        try:
            if course == attempt_id:
                await run_attempt(steps, attempt_id)
            else:
                await abandon_attempt(steps, attempt_id, self.journal.reasons[course])
        except _PauseError:
            return True
        except Exception as error:  # noqa: BLE001 - as DBOS does: the course is over by it
            self.journal.over[course] = str(error)
            return True
        except BaseException as error:
            if not _is_kill(error):
                raise
            self.alive = False
            return True
        self.journal.over[course] = ""
        return True

    async def _answered(self, attempt_id: str) -> bool:
        task_id, _, number = attempt_id.rpartition("~")

        def answered(at: Connection) -> bool:
            given = asking.open_answer(at, task_id, int(number)) is not None
            return given or not asking.asks(at, task_id)

        return await self.desk.read(answered)


def _is_kill(error: BaseException) -> bool:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return isinstance(error, KilledError)
