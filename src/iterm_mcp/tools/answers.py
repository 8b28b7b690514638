"""Our values as the JSON that tools answer with. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.agents import Agent, Team
    from iterm_mcp.models.messages import CascadeResult, Receipt
    from iterm_mcp.models.sessions import SessionInfo
    from iterm_mcp.services.states.adopting import Stranger

Json = dict[str, Any]


def session(info: SessionInfo, agent: str | None) -> Json:
    """Return one session; its title is terminal text, so it is sanitised."""
    answer: Json = {
        "session_id": info.session_id,
        "window_id": info.window_id,
        "tab_id": info.tab_id,
        "title": sanitise(info.title)[:200],
        "columns": info.size.columns,
        "rows": info.size.rows,
        "active": info.active,
    }
    if agent is not None:
        answer["agent"] = agent
    return answer


def agent(one: Agent, *, alive: bool | None) -> Json:
    """Return one agent; `alive` is null while the terminal is away."""
    return {
        "name": one.name,
        "kind": one.kind,
        "session_id": one.session_id,
        "teams": list(one.teams),
        "role": one.role,
        "alive": alive,
        "created_at": one.created_at.isoformat(),
    }


def state(view: StateView) -> Json:
    """Return what an agent does and why that is said; its reason may quote a program."""
    answer: Json = {"state": view.state.value, "reason": sanitise(view.reason)[:200]}
    if view.since is not None:
        answer["since"] = view.since.isoformat(timespec="seconds")
    return answer


def stranger(one: Stranger) -> Json:
    """Return an agent that is not registered."""
    return {
        "session_id": one.session_id,
        "kind": one.kind,
        "command": sanitise(one.command)[:100],
        **state(one.view),
    }


def team(one: Team) -> Json:
    """Return one team."""
    return {"name": one.name, "parent": one.parent, "description": one.description}


def receipt(one: Receipt) -> Json:
    """Return one receipt; the text itself is the caller's own and is not repeated in full."""
    answer: Json = {
        "agent": one.agent,
        "session_id": one.session_id,
        "state": one.state.value,
        "source": one.source.value,
        "text": one.text if len(one.text) <= 80 else f"{one.text[:79]}…",  # noqa: PLR2004 - a line
        "at": one.at.isoformat(),
    }
    if one.team is not None:
        answer["team"] = one.team
    if one.reason:
        answer["reason"] = one.reason
    if one.delivery_id is not None:
        answer["delivery_id"] = one.delivery_id
    if one.stage is not None:
        answer["stage"] = one.stage.value
    if one.evidence:
        answer["evidence"] = one.evidence
    return answer


def cascade(result: CascadeResult) -> Json:
    """Return a cascade's receipts with a count by state in front."""
    counts: dict[str, int] = {}
    for one in result.receipts:
        counts[one.state.value] = counts.get(one.state.value, 0) + 1
    return {
        "counts": counts,
        "replayed": result.replayed,
        "unreached": list(result.unreached),
        "receipts": [receipt(one) for one in result.receipts],
    }
