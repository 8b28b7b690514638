"""Choices and comparisons in words for people. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.choosing import Method, Why

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.choosing import Choice, Compared, Comparison, Drift, Weighed
    from iterm_mcp.services.choosing.thompson import Worth


def reason_for(method: Method, arm: str, why: Why, weighed: Sequence[Weighed], worth: Worth) -> str:
    """Return in a sentence why an arm was chosen."""
    away = ", ".join(f"{one.arm} ({one.unavailable})" for one in weighed if one.unavailable)
    few = ", ".join(
        f"{one.arm} has {one.tally.attempts}"
        for one in weighed
        if not one.unavailable and one.tally.attempts < worth.least
    )
    by = "no rule speaks of it, and" if method is Method.RULES else "by the file,"
    worths = [one.utility for one in weighed if one.arm == arm and one.utility is not None]
    drawn = f", worth ${worths[0]:,.2f}" if worths else ""
    return {
        Why.ASKED: f"the task asks for {arm}",
        Why.NOTHING: f"no arm can be had now: {away}",
        Why.FIXED: f"{by} {arm} is the default",
        Why.RULE: f"the first rule that is about it says {arm}",
        Why.FALLBACK: f"{arm} is there, and what was to be taken is not: {away}",
        Why.TOO_LITTLE: (
            f"{arm} is the default, and below {worth.least} attempts nothing is compared: {few}"
        ),
        Why.EXPLORED: f"{arm} was taken at random, to learn how it does",
        Why.DRAWN: f"{arm} had the highest draw{drawn}",
    }[why]


def row(one: Weighed, arm: str = "") -> str:
    """Return what is known of an arm as a line.

    Args:
        arm: The one that was chosen.
    """
    tally = one.tally
    text = f"{'*' if one.arm == arm else ' '} {one.arm or '(none)'}  "
    text += f"{tally.successes} of {tally.attempts}"
    text += f"  {_percent(one.mean)} ({_percent(one.interval.least)} to "
    text += f"{_percent(one.interval.most)})"
    if tally.mean_cost_usd is not None:
        text += f"  ${tally.mean_cost_usd:,.2f}"
    if tally.mean_seconds is not None:
        text += f"  {tally.mean_seconds:,.0f} s"
    if one.utility is not None:
        text += f"  drew {_percent(one.share_drawn or 0.0)}, ${one.cost_drawn or 0.0:,.2f}"
        text += f", worth ${one.utility:,.2f}"
    return f"{text}  not now: {one.unavailable}" if one.unavailable else text


def choice_lines(choice: Choice) -> list[str]:
    """Return a choice in lines."""
    head = f"{choice.task or 'work of no kind'}: {choice.arm or 'as it was asked for'}"
    return [f"{head}, by {choice.method}: {choice.reason}"] + [
        row(one, choice.arm) for one in choice.weighed
    ]


def comparison_lines(found: Comparison) -> list[str]:
    """Return a comparison in lines."""
    lines = [f"{found.a} and {found.b} at {found.task or 'work of no kind'}"]
    lines += [_measure(one, found) for one in found.measures]
    lines.append(f"{found.method}; claimed up to p = {found.alpha:g}")
    return [*lines, f"caution: {found.caution}"] if found.caution else lines


def drift_line(drift: Drift) -> str:
    """Return a change as a line."""
    return (
        f"{drift.arm} succeeds {'less' if drift.worse else 'more'} often than it used to: "
        f"{drift.recent.successes} of {drift.recent.attempts} now, "
        f"{drift.past.successes} of {drift.past.attempts} before, p = {drift.p:.2g}"
    )


def _measure(one: Compared, found: Comparison) -> str:
    def shown(value: float) -> str:
        return _percent(value) if one.measure == "success" else f"{value:,.2f}"

    text = f"  {one.measure}: {shown(one.value_a)} (n = {one.count_a}) and "
    text += f"{shown(one.value_b)} (n = {one.count_b})"
    if one.difference is not None:
        text += f"; {found.b} has {shown(one.difference.least)} to {shown(one.difference.most)} "
        text += f"more, with {found.confidence:.0%} confidence"
    if one.p is None:
        return f"{text}; too few to say anything"
    claim = f"{one.better} is better" if one.better else "this may be chance"
    return f"{text}; p = {one.p:.2g}: {claim}"


def _percent(share: float) -> str:
    return f"{share * 100:.0f}%"
