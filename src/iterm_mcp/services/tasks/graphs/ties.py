"""Who waits for whom: order and circles. Pure; linear in tasks and needs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


def in_order(needs: Mapping[str, Collection[str]]) -> list[str]:
    """Return names so that each stands after all that it needs, otherwise as they were given.

    Who waits for itself, by way of whomever, is left out, and so is who waits for that.
    """
    missing = {name: {one for one in those if one in needs} for name, those in needs.items()}
    others = dependants(missing)
    free = deque(name for name, those in missing.items() if not those)
    found: list[str] = []
    while free:
        done = free.popleft()
        found.append(done)
        for name in others[done]:
            missing[name].discard(done)
            if not missing[name]:
                free.append(name)
    return found


def dependants(needs: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return who waits for each."""
    found: dict[str, list[str]] = {name: [] for name in needs}
    for name, those in needs.items():
        for one in those:
            if one in found:
                found[one].append(name)
    return found


def circles(needs: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Return paths that lead back to where they begin, such that no task stands in two of them.

    Without any of these needs there may be others: mend these, and look again.
    """
    done = {*in_order(needs)}
    left = {
        name: [one for one in those if one in needs and one not in done]
        for name, those in needs.items()
        if name not in done
    }
    found: list[list[str]] = []
    seen: set[str] = set()
    for start in left:
        path: dict[str, None] = {}
        at = start
        while at not in seen:  # each that is left needs another that is left
            seen.add(at)
            path[at] = None
            at = left[at][0]
        if at in path:
            names = [*path]
            found.append([*names[names.index(at) :], at])
    return found
