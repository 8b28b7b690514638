"""A dry run in words. Pure."""

from __future__ import annotations

import re
from textwrap import wrap
from typing import TYPE_CHECKING

from iterm_mcp.services.events.exporting.words import duration, money

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from iterm_mcp.services.tasks.graphs.dry_run import DryRun, Planned

SHOWN = 6
_CHILD = re.compile(r"(.+)-[0-9]+")


def tell(plan: DryRun, width: int = 80) -> list[str]:
    """Return what a graph would do, as lines for a terminal that is so wide."""
    return [
        line
        for text in _texts(plan)
        for line in wrap(text, max(width, 40), subsequent_indent="   ")
    ]


def _texts(plan: DryRun) -> Iterator[str]:
    count = len(plan.tasks)
    yield (
        f"{plan.name}: {count} task{'' if count == 1 else 's'} in {len(plan.waves)} "
        f"wave{'' if len(plan.waves) == 1 else 's'}, {plan.at_once} at once with room for "
        f"{plan.room}, {plan.at_once_unlimited} with room for all"
    )
    yield _time(plan)
    yield _cost(plan)
    for number, wave in enumerate(plan.waves, 1):
        yield f"{number:3}. {_starts(wave)}{', '.join(_named(wave))}"
    yield from _choices(plan)
    if plan.undoing:
        yield f"only after a failure: {', '.join(plan.undoing)}"


def _time(plan: DryRun) -> str:
    if plan.seconds is not None:
        return f"takes about {duration(plan.seconds)}"
    unknown = _listed(one.name for one in plan.tasks if one.estimate.seconds is None)
    least = f"at least {duration(plan.known_seconds)}" if plan.known_seconds else "an unknown time"
    return f"takes {least}: nothing is known of {unknown}"


def _cost(plan: DryRun) -> str:
    if plan.cost_usd == 0:
        return "costs nothing: it asks no model"
    if plan.cost_usd is not None:
        return f"costs about {money(plan.cost_usd)}"
    unknown = _listed(one.name for one in plan.tasks if one.estimate.cost_usd is None)
    least = f"at least {money(plan.known_cost_usd)}" if plan.known_cost_usd else "an unknown amount"
    return f"costs {least}: nothing is known of {unknown}"


def _choices(plan: DryRun) -> Iterator[str]:
    """Say who was chosen for what, as it would be now."""
    chosen: dict[str, list[Planned]] = {}
    for one in plan.tasks:
        if one.chosen:
            chosen.setdefault(one.chosen, []).append(one)
    for words, tasks in [*chosen.items()][:SHOWN]:
        yield f"chosen for {_listed(one.name for one in tasks)}: {words}"
    if len(chosen) > SHOWN:
        yield f"and {len(chosen) - SHOWN} more choices"


def _starts(wave: list[Planned]) -> str:
    """Say when a wave's tasks start; nothing where that is not known of all of them."""
    known = [one.at_seconds for one in wave if one.at_seconds is not None]
    if len(known) < len(wave):
        return ""
    first, last = min(known), max(known)
    if first == last:
        return f"at {duration(first)}: "
    return f"at {duration(first)} to {duration(last)}: "


def _named(wave: Iterable[Planned]) -> Iterator[str]:
    """Yield names, those of one list together."""
    lists: dict[str, list[Planned]] = {}
    for one in wave:
        child = _CHILD.fullmatch(one.name)
        lists.setdefault(child[1] if child else one.name, []).append(one)
    for stem, tasks in lists.items():
        first = tasks[0]
        marks = [
            mark
            for mark, is_so in (
                ("on a condition", any(one.conditional for one in tasks)),
                ("one for each that is found", first.many),
            )
            if is_so
        ]
        name = first.name if len(tasks) == 1 else f"{stem} \u00d7{len(tasks)}"
        yield f"{name} ({', '.join(marks)})" if marks else name


def _listed(names: Iterable[str]) -> str:
    stems: dict[str, None] = {}
    for one in names:
        child = _CHILD.fullmatch(one)
        stems[child[1] if child else one] = None
    shown = [*stems][:SHOWN]
    more = f" and {len(stems) - len(shown)} more" if len(stems) > len(shown) else ""
    return f"{', '.join(shown)}{more}"
