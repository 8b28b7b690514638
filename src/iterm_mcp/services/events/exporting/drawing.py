"""A timeline as a picture of bars, in HTML's own language for pictures. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.account_views import BarKind
from iterm_mcp.models.accounts import Outcome
from iterm_mcp.services.events.exporting.markup import text
from iterm_mcp.services.events.exporting.words import duration, moment, money

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from iterm_mcp.models.account_views import Bar, Timeline

MOST_BARS = 2000
MOST_LANES = 40
WIDTH, LABELS, ROW, BAR = 1000, 130, 22, 14
COST_HEIGHT = 40
MARKS = 5


def draw_timeline(timeline: Timeline, end: datetime) -> str:
    """Return the turns, their cost, and the calls of each lane over time.

    Args:
        end: Of what goes on.
    """
    bars = [one for one in timeline.bars if one.kind is not BarKind.CONVERSATION]
    if not bars:
        return ""
    shown = sorted(bars, key=lambda one: one.kind is BarKind.CALL)[:MOST_BARS]
    span = _Span(min(one.started_at for one in shown), end)
    turns = [one for one in shown if one.kind is BarKind.TURN]
    lanes = [("turns", turns)] if turns else []
    rest: dict[str, list[Bar]] = {}
    names: dict[str, str] = {}
    for one in shown:
        if one.kind is not BarKind.TURN:
            rest.setdefault(one.lane, []).append(one)
        if one.kind is BarKind.SUBAGENT:
            names[one.lane] = one.label
    lanes += [(names.get(lane, "tools"), found) for lane, found in rest.items()]
    parts: list[str] = []
    top = 18
    for name, found in lanes[:MOST_LANES]:
        parts.append(f'<text x="4" y="{top + 11}">{text(name, 18)}</text>')
        parts += [span.bar(one, top) for one in found]
        top += ROW
    dearest = max((one.dollars for one in turns), default=0.0)
    if dearest > 0:
        parts.append(f'<text x="4" y="{top + COST_HEIGHT}">cost</text>')
        parts += [span.column(one, top + COST_HEIGHT, one.dollars / dearest) for one in turns]
        top += COST_HEIGHT + 8
    left_out = timeline.left_out + len(bars) - len(shown)
    hidden = max(len(lanes) - MOST_LANES, 0)
    told = [f"{left_out} short calls"] if left_out else []
    told += [f"{hidden} lanes"] if hidden else []
    note = f'<p class="dim">not drawn: {", ".join(told)}</p>\n' if told else ""
    return (
        f'<div class="wide"><svg viewBox="0 0 {WIDTH} {top + 4}" role="img">'
        f"<title>timeline</title>{span.grid(top)}{''.join(parts)}</svg></div>\n{note}"
    )


class _Span:
    """Where a moment stands in the picture."""

    def __init__(self, begin: datetime, end: datetime) -> None:
        self._begin, self._end = begin, max(begin, end)
        self._seconds = max((self._end - begin).total_seconds(), 1e-3)

    def bar(self, one: Bar, top: int) -> str:
        left, width = self._place(one)
        kind = one.kind.value
        if one.outcome in {Outcome.FAILED, Outcome.INTERRUPTED}:
            kind = one.outcome.value
        drawn = self._rect(kind, left, top, width, BAR, _told(one))
        if one.waited_seconds > 0:
            part = min(one.waited_seconds / self._seconds * (WIDTH - LABELS - 8), width)
            drawn += self._rect("wait", left, top + BAR, part, 3, "waited for a person")
        return drawn

    def column(self, one: Bar, bottom: int, share: float) -> str:
        left, width = self._place(one)
        height = max(share * (COST_HEIGHT - 4), 1.0)
        return self._rect("turn", left, bottom - height, width, height, money(one.dollars))

    def grid(self, bottom: int) -> str:
        lines: list[str] = []
        for mark in range(MARKS):
            at = self._begin + (self._end - self._begin) * (mark / MARKS)
            x = LABELS + (WIDTH - LABELS - 8) * mark / MARKS
            lines.append(
                f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="14" y2="{bottom}"/>'
                f'<text x="{x + 2:.1f}" y="11">{at:%m-%d %H:%M:%S}</text>'
            )
        return "".join(lines)

    def _place(self, one: Bar) -> tuple[float, float]:
        scale = (WIDTH - LABELS - 8) / self._seconds
        left = (one.started_at - self._begin).total_seconds() * scale
        end = one.ended_at or self._end
        width = max((end - one.started_at).total_seconds() * scale, 1.5)
        return LABELS + left, width

    def _rect(
        self, kind: str, left: float, top: float, width: float, height: float, told: str
    ) -> str:
        return (
            f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}"'
            f' height="{height:.1f}" rx="2"><title>{text(told, 300)}</title></rect>'
        )


def _told(one: Bar) -> str:
    seconds = None if one.ended_at is None else (one.ended_at - one.started_at).total_seconds()
    parts: Sequence[str] = (
        one.label, moment(one.started_at), duration(seconds), one.outcome.value,
        money(one.dollars) if one.dollars else "",
    )  # fmt: skip
    return " · ".join(part for part in parts if part)
