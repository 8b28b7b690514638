"""What trees of each kind have taken together, also those that are gone. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.models.resources import Excess, TreeUsage, WatchedTree


@dataclass(slots=True)
class KindTotals:
    """What trees of one kind take, and have taken since this process began to look.

    Attributes:
        trees: That stand now; so are processes and memory.
        cpu_seconds: Of all that there have been; it never shrinks. So are bytes.
    """

    trees: int = 0
    processes: int = 0
    memory_bytes: int = 0
    cpu_seconds: float = 0.0
    read_bytes: int = 0
    written_bytes: int = 0


@dataclass(slots=True)
class Totals:
    """Adds up.

    Attributes:
        kinds: By kind of agent; ``command`` for commands.
        excesses: How often which kind took too much of what, and what was done about it.
        looks: How often was looked, and what that cost in CPU seconds.
    """

    kinds: dict[str, KindTotals] = field(default_factory=dict)
    excesses: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    looks: int = 0
    look_seconds: float = 0.0
    _seen: dict[str, TreeUsage] = field(default_factory=dict)

    def look(self, trees: Iterable[WatchedTree], cost_seconds: float = 0.0) -> None:
        """Take how all trees stand now."""
        self.looks += 1
        self.look_seconds += cost_seconds
        for kind in self.kinds.values():
            kind.trees = kind.processes = kind.memory_bytes = 0
        for tree in trees:
            if tree.usage is not None and tree.usage.processes:
                self._add(tree.key, self.kinds.setdefault(tree.kind, KindTotals()), tree.usage)

    def leave(self, key: str) -> None:
        """Note that another tree may be known by a key from now on."""
        self._seen.pop(key, None)

    def exceeded(self, kind: str, excess: Excess) -> None:
        """Count an excess."""
        self.excesses[kind, excess.resource.value, excess.done.value] += 1

    def _add(self, key: str, kind: KindTotals, usage: TreeUsage) -> None:
        before, self._seen[key] = self._seen.get(key), usage
        kind.trees += 1
        kind.processes += len(usage.processes)
        kind.memory_bytes += usage.memory_bytes
        kind.cpu_seconds += max(0.0, usage.cpu_seconds - (before.cpu_seconds if before else 0.0))
        kind.read_bytes += _grown(usage.read_bytes, before.read_bytes if before else 0)
        kind.written_bytes += _grown(usage.written_bytes, before.written_bytes if before else 0)


def _grown(now: int | None, before: int | None) -> int:
    return max(0, (now or 0) - (before or 0))
