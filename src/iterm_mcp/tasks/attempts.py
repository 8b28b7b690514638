"""What each step of an attempt does. Every step may be asked for again, after a kill at any moment.

What a step has made is written down before the step is over, so asked again it is not made again.
What it answers says what comes next, see `iterm_mcp.tasks.course`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import sqlalchemy as sa
import structlog

from iterm_mcp.errors import ItermMcpError, StoreError
from iterm_mcp.models.tasks import Outcome, TaskResult, TaskState
from iterm_mcp.tasks import asking, codec
from iterm_mcp.tasks.attempt_rows import AttemptRows, course_of, parts_of, said
from iterm_mcp.tasks.course import GONE, end, on
from iterm_mcp.tasks.orders import place_of, running_of
from iterm_mcp.tasks.settling import End, held, keep, settle
from iterm_mcp.tasks.tables import ANSWERS, TASKS
from iterm_mcp.tasks.work import Ending
from iterm_mcp.tasks.writing import clean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.tasks.attempt_rows import Made
    from iterm_mcp.tasks.course import Next
    from iterm_mcp.tasks.desk import Desk
    from iterm_mcp.tasks.lease import Lease
    from iterm_mcp.tasks.statements import Record
    from iterm_mcp.tasks.stops import Stops
    from iterm_mcp.tasks.work import Order, Work
    from iterm_mcp.tasks.writing import Writer

ANSWER_SECONDS = 15.0
"""So often what asks is looked at again: it may have been answered where it runs."""

BEAT_SECONDS = 5.0
QUICK_SECONDS = 0.05
"""A place that was had so soon is written down with what runs there: it is had again as soon."""

CLEAN_TRIES = 3
AGAIN_SECONDS = 0.25

_log = structlog.get_logger()


class Attempts:
    """Does the steps of this machine's attempts.

    Attributes:
        rows: What is written down of them.
    """

    def __init__(self, desk: Desk, work: Work, lease: Lease, stops: Stops) -> None:
        self._desk = desk
        self._work = work
        self._lease = lease
        self._stops = stops
        self._places: dict[str, str] = {}
        self.rows = AttemptRows(desk, lease, stops)

    async def prepare(self, attempt_id: str) -> Next:
        """Have it a place to work in."""
        found = await self.rows.look(attempt_id)
        if isinstance(found, dict):
            return found
        if found.row.place:
            return on()
        if found.row.ending:
            return _over(found.row)
        started = self._desk.clock.monotonic()
        try:
            place = await self._work.prepare(found.order)
        except ItermMcpError as error:
            return await self._failed(found.order, error)
        text = codec.dump(place)
        if self._desk.clock.monotonic() - started >= QUICK_SECONDS:
            return await self.rows.keep(found.order, place=text)
        self._places[attempt_id] = text
        self.rows.see(attempt_id, found)
        return on()

    async def begin(self, attempt_id: str) -> Next:
        """Have something work on it."""
        place = self._places.pop(attempt_id, "")
        found = await self.rows.look(attempt_id)
        if isinstance(found, dict):
            return found
        if found.row.running:
            starting = found.state == TaskState.STARTING  # else it stands beyond, and asks perhaps
            return await self.rows.keep(found.order, TaskState.RUNNING) if starting else on()
        if found.row.ending:
            return _over(found.row)
        place = found.row.place or place
        try:
            running = await self._work.begin(found.order, codec.load_place(place))
        except ItermMcpError as error:
            return await self._failed(found.order, error, place=place)
        text = codec.dump(running)
        return await self.rows.keep(found.order, TaskState.RUNNING, place=place, running=text)

    async def supervise(self, attempt_id: str, turn: int) -> Next:
        """Watch it until it ends or asks."""
        found = await self.rows.look(attempt_id)
        if isinstance(found, dict):
            return found
        if found.row.ending:
            return on()
        if not turn and found.state == TaskState.NEEDS_INPUT:  # it asked, and a kill came
            return {"next": "ask"}
        ending = await self._watch(found.order, found.row)
        if ending is not None and ending.question:
            return await self._ask(attempt_id, ending.question)
        return await self._ended(found.order, ending)

    async def wait_answer(self, attempt_id: str, _round: int) -> Next:
        """Wait a while for a person's answer, and hand it on."""
        task_id, number = parts_of(attempt_id)
        stop = self._stops.of(attempt_id)
        with anyio.move_on_after(ANSWER_SECONDS):
            while not stop.is_set():
                event = self._desk.bell.next()
                row, asks = await self.rows.insist(
                    lambda: self._desk.read(
                        lambda at: (
                            asking.open_answer(at, task_id, number),
                            asking.asks(at, task_id),
                        )
                    )
                )
                if row is not None:
                    return await self._give(attempt_id, row)
                if not asks:  # it was handed on, and a kill came before that was known
                    break
                await self._desk.bell.wait(event, 1.0)
        return on()

    async def collect(self, attempt_id: str) -> Next:
        """Gather what came of it, and hold it against what was asked for."""
        found = await self.rows.look(attempt_id)
        if isinstance(found, dict):
            return found
        order, row = found.order, found.row
        ending = _ending_of(row)
        if ending.outcome is Outcome.LOST:
            return end(ending.outcome, ending.reason)
        result = codec.load_result(row.result)
        if result is None:
            if found.state != TaskState.VERIFYING:
                kept = await self.rows.keep(order, TaskState.VERIFYING)
                if kept["next"] != "on":
                    return kept
            try:
                result = await self._work.collect(order, place_of(row), running_of(row), ending)
            except ItermMcpError as error:
                result = TaskResult(exit_code=ending.exit_code, problems=(said(error),))
            kept = await self.rows.keep(order, result=codec.dump(result))
            if kept["next"] != "on":
                return kept
        return _verdict(ending, result)

    async def clean(self, attempt_id: str, outcome: str) -> str:
        """Close what it opened here; return where evidence of a failure is."""
        task_id, number = parts_of(attempt_id)
        found = await self.rows.to_clean(attempt_id)
        if found is None:
            return ""
        self._stops.forget(attempt_id)
        order, row = found
        if row.ended_at is not None and row.outcome != Outcome.LOST:
            return str(row.evidence)  # it has settled, so it was clean, and then a kill came
        place = place_of(row) if row.place else None
        for attempt in range(1, CLEAN_TRIES + 1):
            try:
                evidence = await self._work.clean(order, place, outcome=Outcome(outcome))
            except ItermMcpError as error:
                _log.warning("attempt_not_cleaned", attempt=attempt_id, error=str(error))
                if attempt < CLEAN_TRIES:
                    await anyio.sleep(AGAIN_SECONDS * 2**attempt)
            else:
                if Outcome.LOST in {outcome, row.outcome}:  # else that is known by how it settles
                    await self.rows.insist(
                        lambda: self._desk.touch(lambda at: keep(at, task_id, number, cleaned=True))
                    )
                return evidence
        return ""

    async def settle(self, attempt_id: str, outcome: str, reason: str, evidence: str) -> None:
        """Write down how it ended, and all that follows."""
        task_id, number = parts_of(attempt_id)

        how = End(Outcome(outcome), reason, evidence)
        await self.rows.insist(
            lambda: self._desk.write(
                lambda at: settle(at, self._lease.holder, task_id, number, how)
            )
        )
        self._stops.forget(attempt_id)

    async def _failed(self, order: Order, error: ItermMcpError, place: str | None = None) -> Next:
        """End what could not be begun: it is not begun again once what it left is closed."""
        ending = Ending(Outcome.FAILED, said(error))
        text = codec.dump(ending)
        kept = await self.rows.keep(order, ending=text, place=place)
        return kept if kept["next"] != "on" else end(ending.outcome, ending.reason)

    async def _watch(self, order: Order, row: Record) -> Ending | None:
        """Supervise until it ends, asks, or is to be stopped; then there is no ending."""
        stop = self._stops.of(course_of(order.task_id, order.number))
        endings: list[Ending] = []

        async def supervising() -> None:
            try:
                ending = await self._work.supervise(
                    order, place_of(row), running_of(row), self._beat(order, row, stop)
                )
            except ItermMcpError as error:
                ending = Ending(Outcome.FAILED, said(error))
            endings.append(ending)
            group.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(supervising)
                await stop.wait()
                group.cancel_scope.cancel()
        except ExceptionGroup as broken:  # a bug in the work, to be told as what it is
            raise broken.exceptions[0] from None
        return endings[0] if endings else None

    def _beat(self, order: Order, row: Record, stop: anyio.Event) -> Callable[[], Awaitable[bool]]:
        task_id, number = order.task_id, order.number
        clock = self._desk.clock
        started = clock.monotonic()
        # What was just claimed has just been seen to go on.
        last = started - max(0.0, self._desk.now() - row.beat_at)

        async def beat() -> bool:
            nonlocal last
            now = clock.monotonic()
            if not stop.is_set() and now - last >= BEAT_SECONDS:
                last = now
                try:
                    await self._desk.touch(
                        lambda at: self._mark(at, task_id, number, now - started)
                    )
                except StoreError as error:
                    _log.warning("beat_not_written", attempt=order.attempt_id, error=str(error))
            return self._lease.trusted and not stop.is_set()

        return beat

    def _mark(self, writer: Writer, task_id: str, number: int, seconds: float) -> None:
        """Write down that it goes on; if it asked, and still runs, somebody answered it there."""
        row = held(writer, self._lease.holder, task_id, number)
        if row is None:
            return
        keep(writer, task_id, number, beat_at=writer.now, crashes=0)
        task = writer.task(task_id)
        if task.state == TaskState.NEEDS_INPUT and seconds > BEAT_SECONDS:
            writer.move(task, TaskState.RUNNING, "answered where it runs", attempt=number)

    async def _ask(self, attempt_id: str, question: str) -> Next:
        task_id, number = parts_of(attempt_id)

        def work(writer: Writer) -> Next:
            if held(writer, self._lease.holder, task_id, number) is None:
                return GONE
            task = writer.task(task_id)
            asked = clean(question)
            if task.state != TaskState.NEEDS_INPUT:
                writer.move(
                    task,
                    TaskState.NEEDS_INPUT,
                    "a person has to answer",
                    attempt=number,
                    question=asked,
                )
            elif task.question != asked:
                writer.connection.execute(
                    sa.update(TASKS).where(TASKS.c.task_id == task_id).values(question=asked)
                )
                writer.record(task, TaskState.NEEDS_INPUT, "it asks something else", number)
            return {"next": "ask"}

        return await self.rows.insist(lambda: self._desk.write(work))

    async def _give(self, attempt_id: str, answer: Record) -> Next:
        """Hand an answer on. Killed in between, it is handed on again rather than never."""
        task_id, number = parts_of(attempt_id)
        found = await self.rows.look(attempt_id)
        if isinstance(found, dict):
            return found
        problem = ""
        try:
            await self._work.answer(found.order, running_of(found.row), answer.text)
        except ItermMcpError as error:
            problem = f"the answer could not be handed on: {said(error)}"

        def work(writer: Writer) -> Next:
            writer.connection.execute(
                sa.update(ANSWERS)
                .where(ANSWERS.c.answer_id == answer.answer_id)
                .values(given_at=writer.now)
            )
            if held(writer, self._lease.holder, task_id, number) is None:
                return GONE
            task = writer.task(task_id)
            if problem:
                writer.record(task, TaskState.NEEDS_INPUT, clean(problem), number)
            elif task.state == TaskState.NEEDS_INPUT:
                writer.move(task, TaskState.RUNNING, f"answered by {answer.who}", attempt=number)
            return on()

        return await self.rows.insist(lambda: self._desk.write(work))

    async def _ended(self, order: Order, ending: Ending | None) -> Next:
        """Write down how it ended; where it was stopped, why it was."""

        def decide(task: Record) -> Made:
            stopped = ending is None or ending.outcome is Outcome.CANCELLED
            final = ending or Ending(Outcome.CANCELLED)
            if stopped and task.cancelling:
                final = replace(final, outcome=Outcome.CANCELLED, reason=task.cancelling)
            elif stopped:
                reason = "this machine could not reach the tasks' database for too long"
                final = replace(final, outcome=Outcome.LOST, reason=reason)
            state = None if final.outcome is Outcome.LOST else TaskState.VERIFYING
            return state, {"ending": codec.dump(final)}

        return await self.rows.decide(order, decide)


def _ending_of(row: Record) -> Ending:
    return codec.load_ending(row.ending)


def _over(row: Record) -> Next:
    ending = _ending_of(row)
    return end(ending.outcome, ending.reason)


def _verdict(ending: Ending, result: TaskResult) -> Next:
    """Say how an attempt ended by what it said of itself and what was found."""
    if ending.outcome is Outcome.SUCCEEDED and result.problems:
        return end(Outcome.REJECTED, "; ".join(result.problems))
    return end(ending.outcome, ending.reason)
