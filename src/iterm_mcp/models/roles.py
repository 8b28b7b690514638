"""What the agents of a role may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MANAGER, WORKER = "manager", "worker"


class Reach(StrEnum):
    """Which agents and sessions one may type into, start, change and end. Anybody may look."""

    ALL = "all"
    TREE = "tree"
    """Those of one's own teams and of the teams below them."""
    OWN = "own"
    """One's own session alone."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role; an agent has the one whose name it was registered with.

    Attributes:
        tools: Patterns (``*`` and ``?``) of tools that may be called; ``read_resource`` is
            one too.
        denied: Patterns of tools that may not, whatever `tools` says.
        tier: The most that a tool may do (read, mutate, destructive); empty for any.
        reach: Whom what is done may concern.
        paths: Folders below which directories and files must stand that are named to a tool;
            empty for any. What is typed into a shell goes where it likes.
        grants: Roles that it may give to agents which it registers or starts.
        source: ``built in``, ``file`` or ``tool``.
    """

    name: str
    tools: tuple[str, ...] = ("*",)
    denied: tuple[str, ...] = ()
    tier: str = ""
    reach: Reach = Reach.ALL
    paths: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    description: str = ""
    source: str = "built in"


BUILT_IN = (
    Role(
        MANAGER,
        reach=Reach.TREE,
        grants=("*",),
        description="Tells, starts and stops agents of its own teams and of those below them.",
    ),
    Role(
        WORKER,
        reach=Reach.OWN,
        description="Acts in its own session alone, and shares notes and results.",
    ),
)
