"""What our own services tell of what they do, handed to the recorder."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import anyio

from iterm_mcp.models.happenings import CommandStarted
from iterm_mcp.models.playbooks import RunState
from iterm_mcp.models.tasks import COMMAND, SETTLED, TaskState
from iterm_mcp.services.events import own_events
from iterm_mcp.services.tasks.names import worker_name
from iterm_mcp.telemetry.trace_context import current

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_lives import Forensics, Life
    from iterm_mcp.models.agent_states import AgentState
    from iterm_mcp.models.approvals import Approval
    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.models.events import Event
    from iterm_mcp.models.happenings import CommandEnded
    from iterm_mcp.models.ids import AgentName, SessionId
    from iterm_mcp.models.playbooks import Run, RunId, StepRecord
    from iterm_mcp.models.task_queries import TaskChange
    from iterm_mcp.models.tasks import TaskId
    from iterm_mcp.services.states.asking import States

MOST_COMMANDS = 5000
"""Commands, and tasks, under way that are remembered."""


class Records(Protocol):
    """Takes events at once."""

    def record(self, *events: Event) -> None:
        """Take events. Never waits and never raises."""


class Audit(Protocol):
    """Where calls of tools are written down."""

    @property
    def problem(self) -> str | None:
        """Return why nothing can be written now; None when it can."""

    def record(self, entry: Mapping[str, object], arguments: Mapping[str, object]) -> None:
        """Take an entry, never waiting; of the arguments only a digest is kept."""


class OwnFacts:
    """Is told by services what they did, never waits, and has it recorded."""

    def __init__(self, recorder: Records, clock: Clock) -> None:
        self._recorder = recorder
        self._clock = clock
        self._commands: OrderedDict[tuple[str, str], tuple[str, datetime]] = OrderedDict()
        self._states: dict[AgentName, AgentState] = {}
        self._runs: dict[RunId, RunState] = {}
        self._tasks: OrderedDict[TaskId, datetime] = OrderedDict()

    def message_moved(self, delivery: Delivery) -> None:
        """Note a step of a message."""
        self._recorder.record(own_events.message_moved(delivery))

    def approval_changed(self, approval: Approval) -> None:
        """Note what an agent asks, or how it was answered."""
        answered = own_events.approval_answered(approval)
        self._recorder.record(answered or own_events.approval_asked(approval))

    def life_changed(self, before: Life | None, after: Life, found: Forensics | None) -> None:
        """Note that an agent has started, ended or crashed."""
        if found is None:
            event = own_events.life_changed(before, after, self._clock.now())
        else:
            event = own_events.life_ended(after, found)
        if event is not None:
            self._recorder.record(event)

    def run_changed(self, run: Run, steps: tuple[StepRecord, ...]) -> None:
        """Note how far a playbook's run has come."""
        self._recorder.record(*(own_events.step_changed(run, one) for one in steps))
        if self._runs.get(run.run_id) is not run.state:
            self._recorder.record(own_events.run_changed(run))
        self._runs[run.run_id] = run.state
        if run.state is not RunState.RUNNING:
            del self._runs[run.run_id]

    def task_changed(self, change: TaskChange) -> None:
        """Note how far a task has come."""
        seconds = None
        if change.state is TaskState.RUNNING:
            self._tasks.setdefault(change.task_id, change.at)
            if len(self._tasks) > MOST_COMMANDS:
                self._tasks.popitem(last=False)
        elif change.state in SETTLED:
            begun = self._tasks.pop(change.task_id, None)
            seconds = None if begun is None else max((change.at - begun).total_seconds(), 0.0)
        agent = worker_name(change.name, change.task_id, change.attempt)
        works = change.attempt and change.kind != COMMAND
        event = own_events.task_changed(change, agent if works else "", seconds)
        if event is not None:
            self._recorder.record(event)

    def command_changed(self, session_id: SessionId, told: CommandStarted | CommandEnded) -> None:
        """Note that a command at a shell's prompt began or ended."""
        now, place = self._clock.now(), (str(session_id), str(told.prompt_id))
        if isinstance(told, CommandStarted):
            self._commands[place] = told.command, now
            if len(self._commands) > MOST_COMMANDS:
                self._commands.popitem(last=False)
            return
        command, begun = self._commands.pop(place, ("", None))
        seconds = None if begun is None else max((now - begun).total_seconds(), 0.0)
        self._recorder.record(
            own_events.command_ended(
                session_id, told.prompt_id, command, told.exit_status, now, seconds
            )
        )

    @asynccontextmanager
    async def following(self, states: States) -> AsyncIterator[None]:
        """Note the states that agents come to, for the length of the block."""
        async with states.watch() as changes, anyio.create_task_group() as group:

            async def follow() -> None:
                while True:
                    view = await changes.next()
                    before = self._states.get(view.agent)
                    self._states[view.agent] = view.state
                    self._recorder.record(own_events.state_changed(before, view, self._clock.now()))

            group.start_soon(follow)
            try:
                yield
            finally:
                group.cancel_scope.cancel()


class SessionObserver(Protocol):
    """Who wants to know what the terminal tells; see `terminal.link.TerminalObserver`."""

    def terminal_up(self, sessions: set[SessionId], *, again: bool) -> None:
        """A terminal answers; `again` when an earlier connection was lost."""

    def terminal_down(self) -> None:
        """No terminal answers any more."""

    def session_opened(self, session_id: SessionId) -> None:
        """A session was opened. May be told twice."""

    def session_ended(self, session_id: SessionId) -> None:
        """A session ended. May be told twice."""


class SessionFacts:
    """Records that sessions are opened and end, and passes on what the terminal tells.

    What came and went while no terminal answered is noted once one does. Sessions that stood
    before the first connection are no news.
    """

    def __init__(self, recorder: Records, clock: Clock, other: SessionObserver) -> None:
        self._recorder = recorder
        self._clock = clock
        self._other = other
        self._standing: set[SessionId] = set()

    def terminal_up(self, sessions: set[SessionId], *, again: bool) -> None:
        """Note what came and went meanwhile."""
        self._other.terminal_up(sessions, again=again)
        if again:
            for one in sorted(sessions - self._standing):
                self._recorder.record(own_events.session_opened(one, self._clock.now()))
            for one in sorted(self._standing - sessions):
                self._recorder.record(own_events.session_closed(one, self._clock.now()))
        self._standing = set(sessions)

    def terminal_down(self) -> None:
        """Pass it on."""
        self._other.terminal_down()

    def session_opened(self, session_id: SessionId) -> None:
        """Note a session once, however often it is announced."""
        self._other.session_opened(session_id)
        if session_id not in self._standing:
            self._standing.add(session_id)
            self._recorder.record(own_events.session_opened(session_id, self._clock.now()))

    def session_ended(self, session_id: SessionId) -> None:
        """Note a session's end once, however often it is announced."""
        self._other.session_ended(session_id)
        if session_id in self._standing:
            self._standing.discard(session_id)
            self._recorder.record(own_events.session_closed(session_id, self._clock.now()))


class RecordedCalls:
    """An audit log of which every entry is an event, too."""

    def __init__(self, audit: Audit, recorder: Records, clock: Clock) -> None:
        self._audit = audit
        self._recorder = recorder
        self._clock = clock

    @property
    def problem(self) -> str | None:
        """Return why the log cannot be written now; None when it can."""
        return self._audit.problem

    def record(self, entry: Mapping[str, object], arguments: Mapping[str, object]) -> None:
        """Write an entry down, and record it without the arguments."""
        self._audit.record(entry, arguments)
        self._recorder.record(
            own_events.tool_called(entry, uuid4().hex, self._clock.now(), current())
        )
