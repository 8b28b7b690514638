"""What happens in our own terminals and to our own agents, as events. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.agents.events.telling import digest
from iterm_mcp.models.agent_lives import Phase
from iterm_mcp.models.approvals import Asks
from iterm_mcp.models.deliveries import Stage
from iterm_mcp.models.events import Event, EventKind, Links, event_key
from iterm_mcp.models.playbooks import StepState
from iterm_mcp.models.tasks import SETTLED, TaskState
from iterm_mcp.services.traces.messages import context_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.agent_lives import Forensics, Life
    from iterm_mcp.models.agent_states import AgentState, StateView
    from iterm_mcp.models.approvals import Approval
    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.playbooks import Run, StepRecord
    from iterm_mcp.models.task_queries import TaskChange
    from iterm_mcp.telemetry.trace_context import TraceContext

SOURCE = "iterm-mcp"


def session_opened(session_id: SessionId, at: datetime) -> Event:
    """Return that a session was opened."""
    return _session(EventKind.SESSION_OPENED, session_id, at)


def session_closed(session_id: SessionId, at: datetime) -> Event:
    """Return that a session has ended."""
    return _session(EventKind.SESSION_CLOSED, session_id, at)


def _session(kind: EventKind, session_id: SessionId, at: datetime) -> Event:
    return Event(
        key=event_key("own", kind, session_id, at.isoformat()),
        at=at,
        kind=kind,
        source=SOURCE,
        subject=str(session_id),
        links=Links(session=session_id),
    )


def command_ended(
    session_id: SessionId,
    prompt_id: str,
    command: str,
    exit_status: int,
    at: datetime,
    seconds: float | None,
) -> Event:
    """Return that a command at a shell's prompt has ended.

    Args:
        command: Empty where nobody saw it begin.
        seconds: None likewise.
    """
    return Event(
        key=event_key("own", "command", session_id, prompt_id),
        at=at,
        kind=EventKind.COMMAND_ENDED,
        source=SOURCE,
        subject=command.strip().partition("\n")[0],
        text=command,
        links=Links(session=session_id),
        payload={"command": command, "exit_status": exit_status},
        duration_seconds=seconds,
    )


def state_changed(before: AgentState | None, view: StateView, now: datetime) -> Event:
    """Return that an agent came to another state."""
    at = view.since or now
    came_from = "" if before is None else before.value
    return Event(
        key=event_key(
            "own", "state", view.agent, str(view.epoch), view.state, digest(view.reason),
            at.isoformat(),
        ),
        at=at,
        kind=EventKind.AGENT_STATE_CHANGED,
        source=SOURCE,
        subject=view.state.value,
        text=view.reason,
        links=Links(agent=view.agent),
        payload={
            "before": came_from, "after": view.state.value, "reason": view.reason,
            "epoch": view.epoch,
        },
    )  # fmt: skip


def life_changed(before: Life | None, after: Life, now: datetime) -> Event | None:
    """Return what a change of an agent's life comes to; None for what is no event.

    Spares, which nobody asked for, have none; once handed out they have started.
    """
    if after.spare is not None:
        return None
    known = before is not None and before.spare is None and before.token == after.token
    if after.phase is Phase.RUNNING:
        if known and before is not None and before.phase is Phase.RUNNING:
            return None
        order = after.order
        return _life(
            EventKind.AGENT_STARTED, after, after.begun_at or now, "started", text=order.prompt,
            epoch=after.epoch, again=after.epoch > 1, directory=order.directory, model=order.model,
            template=order.template,
        )  # fmt: skip
    ended = {Phase.ENDED, Phase.QUARANTINED}
    if not known or before is None or after.phase not in ended or before.phase in ended:
        return None
    return _life(
        EventKind.AGENT_ENDED, after, now, "ended", text=after.reason, epoch=after.epoch,
        reason=after.reason, next=after.phase.value,
    )  # fmt: skip


def life_ended(after: Life, found: Forensics) -> Event | None:
    """Return that an agent's process was found gone; None for a spare's."""
    if after.spare is not None:
        return None
    return _life(
        EventKind.AGENT_CRASHED if found.crash else EventKind.AGENT_ENDED, after, found.at,
        "ended", text=found.reason, epoch=found.epoch, reason=found.reason, code=found.code,
        signal=found.signal, next=after.phase.value,
    )  # fmt: skip


def _life(
    kind: EventKind, life: Life, at: datetime, what: str, *, text: str = "", **payload: Json
) -> Event:
    return Event(
        key=event_key("own", "agent", life.agent, life.token, str(life.epoch), what),
        at=at,
        kind=kind,
        source=SOURCE,
        subject=str(life.agent),
        text=text,
        links=Links(
            session=life.session_id or "", agent=life.agent, kind=life.order.kind,
            team=next(iter(life.order.teams), ""), conversation=life.conversation,
            trace=life.trace,
        ),
        payload=payload,
    )  # fmt: skip


def message_moved(delivery: Delivery) -> Event:
    """Return the last step of a message."""
    move, steps, context = delivery.moves[-1], len(delivery.moves), context_of(delivery)
    accepted = move.stage is Stage.ACCEPTED and steps == 1
    return Event(
        key=event_key("own", "message", delivery.delivery_id, str(steps), move.stage),
        at=move.at,
        kind=EventKind.MESSAGE_MOVED,
        source=SOURCE,
        subject=move.stage.value,
        text=delivery.text if accepted else move.reason,
        links=Links(
            session=delivery.session_id, agent=delivery.agent,
            trace=context.trace_id if context else "",
        ),
        payload={
            **({"span": context.span_id} if context else {}),
            "delivery": delivery.delivery_id, "stage": move.stage.value, "reason": move.reason,
            "evidence": move.evidence, "sender": delivery.sender, "policy": delivery.policy.value,
        },
        duration_seconds=max((move.at - delivery.accepted_at).total_seconds(), 0.0),
    )  # fmt: skip


def approval_asked(approval: Approval) -> Event:
    """Return that an agent asks something of a person."""
    question = approval.asks is Asks.QUESTION
    return Event(
        key=event_key("own", "approval", approval.approval_id, "asked"),
        at=approval.asked_at,
        kind=EventKind.QUESTION_ASKED if question else EventKind.PERMISSION_REQUESTED,
        source=SOURCE,
        subject=approval.tool,
        text=approval.text,
        links=Links(agent=approval.agent),
        payload={
            "tool": approval.tool, "input": dict(approval.input),
            "approval": approval.approval_id, "options": list(approval.options),
        },
    )  # fmt: skip


def approval_answered(approval: Approval) -> Event | None:
    """Return how it was answered; None while it is not."""
    answer = approval.answer
    if answer is None:
        return None
    return Event(
        key=event_key("own", "approval", approval.approval_id, "answered", answer.choice),
        at=answer.at,
        kind=EventKind.PERMISSION_ANSWERED,
        source=SOURCE,
        subject=approval.tool,
        text=answer.message,
        links=Links(agent=approval.agent),
        payload={
            "tool": approval.tool, "input": dict(approval.input),
            "approval": approval.approval_id, "answer": answer.choice, "by": answer.by,
            "channel": answer.channel.value,
        },
        duration_seconds=max((answer.at - approval.asked_at).total_seconds(), 0.0),
    )  # fmt: skip


def tool_called(
    entry: Mapping[str, object], name: str, at: datetime, context: TraceContext | None = None
) -> Event:
    """Return that a client called one of our tools.

    Args:
        entry: As the audit log has it: no arguments.
        name: Tells this call from all others.
        context: Its span, where it is traced.
    """
    seconds = entry.get("seconds")
    payload: dict[str, Json] = {
        key: value for key, value in entry.items() if isinstance(value, (str, int, float))
    }
    if context is not None:
        payload["span"] = context.span_id
    return Event(
        key=event_key("own", "call", name),
        at=at,
        kind=EventKind.TOOL_CALLED,
        source=SOURCE,
        subject=str(entry.get("tool") or ""),
        text=str(entry.get("target") or ""),
        links=Links(agent=str(entry.get("agent") or ""), trace=context.trace_id if context else ""),
        payload=payload,
        duration_seconds=seconds if isinstance(seconds, float) else None,
    )


def run_changed(run: Run) -> Event:
    """Return that a playbook's run came to another state."""
    return Event(
        key=event_key("own", "run", run.run_id, run.state, run.updated_at.isoformat()),
        at=run.updated_at,
        kind=EventKind.TASK_CHANGED,
        source=SOURCE,
        subject=run.name,
        text=run.reason,
        links=Links(agent=run.caller, task=run.run_id),
        payload={"playbook": run.name, "state": run.state.value, "reason": run.reason},
    )


TASK_KINDS: Mapping[TaskState, EventKind] = {
    TaskState.WAITING: EventKind.TASK_SUBMITTED,
    TaskState.DELAYED: EventKind.TASK_SUBMITTED,
    TaskState.QUEUED: EventKind.TASK_SUBMITTED,
    TaskState.RUNNING: EventKind.TASK_STARTED,
    TaskState.NEEDS_INPUT: EventKind.TASK_ASKED,
    **dict.fromkeys(SETTLED, EventKind.TASK_SETTLED),
}


def task_changed(change: TaskChange, agent: str, seconds: float | None) -> Event | None:
    """Return what a change of a task comes to; None for what is no event.

    A task is submitted once, and each of its attempts started once, however often it is told.

    Args:
        agent: Who works on it; empty for a command.
        seconds: How long it took, where that is known.
    """
    kind = TASK_KINDS.get(change.state)
    if kind is None or (kind is EventKind.TASK_SUBMITTED and change.attempt):
        return None
    which = {
        EventKind.TASK_SUBMITTED: "",
        EventKind.TASK_STARTED: str(change.attempt),
    }.get(kind, str(change.change_id))
    settled = {"state": change.state.value, "reason": change.reason}
    payload: dict[str, Json] = {
        "graph": change.graph, "name": change.name, "kind": change.kind,
        **({"attempt": change.attempt} if change.attempt else {}),
        **(settled if kind is EventKind.TASK_SETTLED else {}),
    }  # fmt: skip
    return Event(
        key=event_key("own", "task", change.task_id, kind, which),
        at=change.at,
        kind=kind,
        source=SOURCE,
        subject=change.name,
        text=change.reason,
        links=Links(task=change.task_id, team=change.team, agent=agent),
        payload=payload,
        duration_seconds=seconds,
    )


def step_changed(run: Run, step: StepRecord) -> Event:
    """Return how far a step of a playbook's run has come."""
    at = step.ended_at or step.started_at
    seconds = None if step.ended_at is None else (step.ended_at - step.started_at).total_seconds()
    reason = step.detail.get("reason")
    failed = step.state in {StepState.FAILED, StepState.UNKNOWN}
    return Event(
        key=event_key("own", "run", run.run_id, str(step.number), step.state, at.isoformat()),
        at=at,
        kind=EventKind.TASK_CHANGED,
        source=SOURCE,
        subject=run.name,
        text=reason if failed and isinstance(reason, str) else "",
        links=Links(agent=run.caller, task=run.run_id, step=str(step.number)),
        payload={"playbook": run.name, "state": step.state.value, "detail": dict(step.detail)},
        duration_seconds=seconds,
    )
