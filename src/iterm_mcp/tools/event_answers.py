"""What happened, as JSON that is small and safe to hand to a model. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.account_views import Comparison, Step
    from iterm_mcp.models.accounts import Account, Spent
    from iterm_mcp.models.event_queries import Sums
    from iterm_mcp.models.events import TokenUsage
    from iterm_mcp.services.events.conversations import Summary
    from iterm_mcp.services.events.cost_checking import CostCheck
    from iterm_mcp.services.events.costs import CostReport
    from iterm_mcp.tools.answers import Json

TEXT_CHARACTERS = 400
PAYLOAD_CHARACTERS = 600
LISTED = 30
TURNS = 20
STEPS = 200

LINK_NAMES = {"kind": "agent_kind"}
"""Links that are called otherwise, beside what an event itself has under that name."""


def event(told: Mapping[str, Any]) -> Json:
    """Return an event without its bookkeeping, its texts cut."""
    answer: Json = {
        "number": told["number"],
        "at": told["at"],
        "kind": told["kind"],
        **{key: cut(told[key]) for key in ("subject", "text") if told[key]},
        **{LINK_NAMES.get(key, key): sanitise(one) for key, one in told["links"].items()},
    }
    if told["payload"]:
        payload = json.dumps(told["payload"], ensure_ascii=False, separators=(",", ":"))
        answer["payload"] = cut(payload, PAYLOAD_CHARACTERS)
    return answer | {key: told[key] for key in ("duration_seconds", "cost") if key in told}


def summary(told: Summary) -> Json:
    """Return one conversation of a list."""
    return {
        "conversation": sanitise(told.conversation),
        **{
            key: cut(value)
            for key, value in (
                ("agent", told.agent),
                ("kind", told.kind),
                ("title", told.title),
                ("directory", told.directory),
            )
            if value
        },
        "began_at": told.began_at.isoformat(),
        "last_at": told.last_at.isoformat(),
        **_sums(told.sums),
    }


def account(told: Account) -> Json:
    """Return what a conversation came to, its longest lists cut."""
    return {
        "untrusted": ["title", "turns", "files", "failures", "commits", "tools"],
        "conversation": sanitise(told.conversation),
        "kind": sanitise(told.kind),
        "agent": sanitise(told.agent),
        "title": cut(told.title),
        "directory": cut(told.directory),
        "models": [sanitise(one) for one in told.models],
        "started_at": told.started_at.isoformat(),
        "ended_at": None if told.ended_at is None else told.ended_at.isoformat(),
        "seconds": round(told.seconds, 3),
        "busy_seconds": round(told.busy_seconds, 3),
        "waited_seconds": round(told.waited_seconds, 3),
        **_spent(told.spent),
        "turns": {
            "all": len(told.turns),
            "last": [
                {
                    "prompt": cut(one.prompt, 120),
                    "outcome": one.outcome.value,
                    "calls": one.calls,
                    "dollars": round(one.spent.dollars, 6),
                }
                for one in told.turns[-TURNS:]
            ],
        },
        "tools": [
            {"tool": cut(one.tool, 80), "calls": one.calls, "failed": one.failed}
            for one in told.tools[:LISTED]
        ],
        "subagents": len(told.subagents),
        "files": {
            "all": len(told.files),
            "first": [
                {"path": cut(one.path), "change": one.change.value} for one in told.files[:LISTED]
            ],
        },
        "commits": [cut(f"{one.what} {one.name} {one.text}", 120) for one in told.commits[:LISTED]],
        "failures": [
            {"tool": cut(one.tool, 80), "error": cut(one.error, 200), "times": one.times}
            for one in told.failures[:LISTED]
        ],
    }


def comparison(told: Comparison, *, differing: bool) -> Json:
    """Return conversations side by side.

    Args:
        differing: Leave out the steps that all have in common.
    """
    steps = [one for one in told.steps if not (differing and one.same)]
    return {
        "untrusted": ["steps", "files"],
        "conversations": [
            {
                "conversation": sanitise(one.conversation),
                "similarity": round(similarity, 3),
                "seconds": round(one.seconds, 3),
                "turns": len(one.turns),
                "calls": len(one.calls),
                "failed": sum(tool.failed for tool in one.tools),
                **_spent(one.spent),
            }
            for one, similarity in zip(told.accounts, told.similarity, strict=True)
        ],
        "same_steps": sum(one.same for one in told.steps),
        "steps": [[_step(step) for step in one.steps] for one in steps[:STEPS]],
        "steps_left_out": max(len(steps) - STEPS, 0) + told.left_out,
        "files": [
            [cut(one.path), *(None if file is None else file.change.value for file in one.files)]
            for one in told.files[:LISTED]
        ],
    }


def costs(told: CostReport) -> Json:
    """Return what was spent."""
    by = [one.value for one in told.by]
    answer: Json = {
        "since": told.since.isoformat(),
        "until": told.until.isoformat(),
        "total": _sums(told.total),
        "rows": [
            {**{key: cut(name, 80) for key, name in zip(by, row.names, strict=True)},
             **_sums(row.sums)}
            for row in told.rows[:100]
        ],
        "rows_left_out": told.left_out + max(len(told.rows) - 100, 0),
    }  # fmt: skip
    if told.check is not None and told.check.compared:
        answer["agents_say"] = _check(told.check)
    return answer


def _check(check: CostCheck) -> Json:
    """Return what agents say that their dearest conversations cost, beside what is computed."""
    difference = check.difference_percent
    return {
        "conversations": check.compared,
        "of": check.conversations,
        "dollars": round(check.reported / 1e9, 6),
        "computed_dollars": round(check.computed / 1e9, 6),
        "difference_percent": None if difference is None else round(difference, 2),
        "apart": [
            {
                "conversation": cut(one.conversation, 80),
                "dollars": round(one.reported / 1e9, 6),
                "computed_dollars": round(one.computed / 1e9, 6),
            }
            for one in check.apart
        ],
    }


def cut(text: str, most: int = TEXT_CHARACTERS) -> str:
    """Return the beginning of a text, made safe to hand to a model."""
    return sanitise(text if len(text) <= most else f"{text[:most]}…")


def _step(step: Step | None) -> Json | None:
    if step is None:
        return None
    return {"what": cut(step.what, 80), "subject": cut(step.subject, 120), "outcome": step.outcome}


def _spent(spent: Spent) -> Json:
    answer: Json = {"dollars": round(spent.dollars, 6), "tokens": _tokens(spent.usage)}
    return answer | ({"unpriced_tokens": spent.unpriced} if spent.unpriced else {})


def _sums(sums: Sums) -> Json:
    dollars = (sums.reported_nanodollars + sums.computed_nanodollars) / 1e9
    answer: Json = {
        "events": sums.count,
        "failures": sums.failures,
        "dollars": round(dollars, 6),
        "tokens": _tokens(sums.usage),
    }
    return answer | ({"unpriced_answers": sums.unpriced} if sums.unpriced else {})


def _tokens(usage: TokenUsage) -> dict[str, int]:
    return {
        "input": usage.input,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write + usage.cache_write_1h,
        "output": usage.output,
    }
