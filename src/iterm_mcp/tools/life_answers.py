"""Lives of agents as the JSON that tools answer with. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.agent_lives import Desired, Phase
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from iterm_mcp.models.agent_lives import Forensics, Life
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.services.agents.ends import EndedAgent
    from iterm_mcp.services.agents.orphans import Orphan
    from iterm_mcp.tools.answers import Json

LINES = 40
"""Of what an agent last printed, how much is shown; the store has more."""


def life(one: Life, view: StateView | None = None) -> Json:
    """Return an agent's life, and its state if that is known."""
    answer: Json = {
        "name": one.agent,
        "kind": one.order.kind,
        "session_id": one.session_id,
        "directory": one.order.directory,
        "epoch": one.epoch,
        "phase": one.phase.value,
    }
    if one.worktree:
        answer["worktree"] = one.worktree
    if one.conversation:
        answer["conversation"] = one.conversation
    if one.desired is not Desired.RUNNING:
        answer["desired"] = one.desired.value
    if one.phase is Phase.RESTARTING and one.restart_at is not None:
        answer["restart_at"] = one.restart_at.isoformat()
    if one.reason:
        answer["why"] = one.reason
    if one.placed:
        answer["placed"] = one.placed
    if view is not None:
        answer |= {"state": view.state.value, "reason": view.reason}
    return answer


def spare(one: Life) -> Json:
    """Return an agent that waits to be handed out, or is about to."""
    ready = one.spare is not None and bool(one.spare.shown)
    return {
        "template": one.order.template,
        "kind": one.order.kind,
        "directory": one.order.directory,
        "session_id": one.session_id,
        "since": one.ordered_at.isoformat(timespec="seconds"),
        "ready": ready,
    }


def ended(one: EndedAgent) -> Json:
    """Return how an agent was ended."""
    answer: Json = {"name": one.agent, "how": one.how}
    if one.code is not None:
        answer["code"] = one.code
    if one.signal is not None:
        answer["signal"] = one.signal
    if one.left_behind:
        answer["left_behind"] = one.left_behind
    return answer


def forensics(one: Forensics) -> Json:
    """Return what an agent left; its screen and lines are sanitised where they are gathered."""
    answer: Json = {
        "epoch": one.epoch,
        "at": one.at.isoformat(),
        "reason": one.reason,
        "crash": one.crash,
        "screen": list(one.screen),
        "lines": list(one.lines[-LINES:]),
        "processes": list(one.processes),
    }
    if one.code is not None:
        answer["code"] = one.code
    if one.signal is not None:
        answer["signal"] = one.signal
    return answer


def orphan(one: Orphan) -> Json:
    """Return a process without its agent; its command is sanitised."""
    answer: Json = {
        "pid": one.process.process.pid,
        "command": sanitise(one.process.command),
        "why": one.why,
        "memory_bytes": one.process.memory_bytes,
        "age_seconds": round(one.process.age_seconds),
    }
    if one.ended:
        answer["ended_by"] = one.ended
    return answer
