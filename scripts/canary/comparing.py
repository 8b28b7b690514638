"""Two runs of the script beside each other: what agrees, and what the persona only pretends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.canary.subject import Act, Line

INNER = {"message", "tool_input", "tool_response"}
"""Keys whose own keys come from the tool or the model."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the table.

    Attributes:
        agrees: Whether the persona may be trusted in this.
    """

    act: str
    subject: str
    real: str
    persona: str
    agrees: bool


def compare(real: list[Act], persona: list[Act]) -> Iterator[Finding]:
    """Yield what was seen of each act."""
    for one, other in zip(real, persona, strict=True):
        yield _same(one.name, "status", _edges(one), _edges(other))
        yield _same(one.name, "hooks", _events(one), _events(other))
        yield _same(one.name, "prompts", one.prompts, other.prompts)
        yield _same(one.name, "transcript", _kinds(one), _kinds(other))
    yield from _keys("hook", _hook_keys(real), _hook_keys(persona))
    yield from _keys("line", _line_keys(real), _line_keys(persona))
    yield _same("all", "idle title", _idle_titles(real), _idle_titles(persona))


def _same(act: str, subject: str, real: list[str], persona: list[str]) -> Finding:
    return Finding(act, subject, _shown(real), _shown(persona), real == persona)


def _shown(words: list[str]) -> str:
    """Return them on one line; blanks at the ends show."""
    return " · ".join(repr(one) if one != one.strip() else one for one in words)


def _edges(act: Act) -> list[str]:
    """Return which statuses came, and which was the last: brief ones may slip between looks."""
    return [*sorted(set(act.edges)), f"at last {act.edges[-1]}"] if act.edges else []


def _events(act: Act) -> list[str]:
    """Return events in their order; a notification comes by the clock, so it stands last."""
    events = [str(one["hook_event_name"]) for one in act.hooks]
    return sorted(events, key=lambda event: event == "Notification")


def _kinds(act: Act) -> list[str]:
    """Return the lines' kinds. The queue's lines race with others, and are counted only."""
    kinds = [_kind(line) for line in act.lines]
    steady = [kind for kind in kinds if not kind.startswith("queue-operation")]
    queue = sorted(kind for kind in kinds if kind.startswith("queue-operation"))
    return [*steady, *queue]


def _kind(line: Line) -> str:
    kind = str(line["type"])
    if kind == "user":
        content = line["message"]["content"]
        if isinstance(content, list):
            return f"user {content[0]['type']}"
        return f"user {line.get('promptSource', '')}".strip()
    return " ".join([kind, *[str(line[key]) for key in ("subtype", "operation") if key in line]])


def _hook_keys(acts: list[Act]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for act in acts:
        for one in act.hooks:
            found.setdefault(str(one["hook_event_name"]), set()).update(one)
    return found


def _line_keys(acts: list[Act]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for act in acts:
        for line in act.lines:
            found.setdefault(_kind(line), set()).update(line)
    return found


def _keys(what: str, real: dict[str, set[str]], persona: dict[str, set[str]]) -> Iterator[Finding]:
    """Yield where the persona has keys that the real one lacks; lacking some is no lie."""
    for name in sorted(real.keys() & persona.keys()):
        more, less = persona[name] - real[name], real[name] - persona[name]
        yield Finding(
            "all",
            f"{what} {name}",
            f"{len(real[name])} keys" + (f", besides: {' '.join(sorted(less))}" if less else ""),
            f"{len(persona[name])} keys" + (f", made up: {' '.join(sorted(more))}" if more else ""),
            not more,
        )


def _idle_titles(acts: list[Act]) -> list[str]:
    return sorted({title for act in acts for title in act.titles if title.startswith("✳")})
