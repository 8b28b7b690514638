"""A tree of processes that is watched: what it is, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.models.resources import WatchedTree
from iterm_mcp.models.task_limits import NO_LIMITS, ResourceLimits
from iterm_mcp.services.resources.growth import DirectoryGrowth
from iterm_mcp.services.resources.judging import held_by_system
from iterm_mcp.services.resources.measuring import Wanted
from iterm_mcp.services.resources.trees import Root

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.models.resources import Excess, TreeUsage
    from iterm_mcp.services.agents.processes import ProcessId
    from iterm_mcp.services.resources.cgroups import Group
    from iterm_mcp.services.resources.judging import Judge
    from iterm_mcp.services.resources.marks import Mark

EXACT_PART = 0.8
"""Memory is told exactly from so much of its limit on."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree that is to be watched.

    Attributes:
        key: What it is known by: an agent's name, or an attempt's id.
        kind: Of the agent, or ``command``.
        directory: Whose growth is its; empty for none.
        marks: A process that carries all of one of these in its environment is its.
        owns_session: All of the POSIX session in which its root runs is its, once nobody's child.
        output: Where what it printed can be read; empty for unknown.
    """

    key: str
    kind: str
    root: ProcessId
    limits: ResourceLimits = NO_LIMITS
    directory: str = ""
    marks: tuple[frozenset[Mark], ...] = ()
    owns_session: bool = True
    output: str = ""


class Actor(Protocol):
    """Has a tree stand still, or ends it; it may raise nothing but what is expected."""

    async def pause(self, tree: Tree, reason: str) -> None:
        """Have all of it stand still until somebody lets it go on."""

    async def stop(self, tree: Tree, reason: str) -> None:
        """End all of it, kindly at first."""


@dataclass(slots=True)
class Watched:
    """How a tree stands."""

    tree: Tree
    actor: Actor
    judge: Judge
    growth: DirectoryGrowth | None
    group: Group | None = None
    held_by: str = ""
    usage: TreeUsage | None = None
    excess: Excess | None = None
    is_paused: bool = False
    ended: int = 0
    ended_before: int = 0
    acting: bool = False
    stood_at: float | None = None


def ended_by_system(one: Watched) -> Excess | None:
    """Return that the system ended some of a tree since the last look; None if it did not."""
    before, one.ended_before = one.ended_before, one.ended
    limit = one.tree.limits.memory_bytes
    return held_by_system(limit) if one.ended > before and limit is not None else None


def growth_of(tree: Tree) -> DirectoryGrowth | None:
    """Return what tells how a tree's directory grows; None where nobody asks."""
    wanted = bool(tree.directory) and tree.limits.disk_bytes is not None
    return DirectoryGrowth(tree.directory) if wanted else None


def wanted_of(tree: Tree, held: Iterable[int]) -> Wanted:
    """Return what is to be measured of a tree."""
    memory = tree.limits.memory_bytes
    return Wanted(
        Root(tree.root, tree.owns_session, frozenset(held)),
        tree.marks,
        None if memory is None else round(memory * EXACT_PART),
    )


def told_of(one: Watched) -> WatchedTree:
    """Return how a tree stands, for others."""
    return WatchedTree(
        one.tree.key, one.tree.kind, one.tree.limits, one.held_by, one.usage, one.excess,
        one.is_paused,
    )  # fmt: skip
