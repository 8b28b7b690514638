"""Which sessions that stand may take which panes of a layout. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterm_mcp.models.ids import AgentName, SessionId
    from iterm_mcp.models.layouts import Pane
    from iterm_mcp.models.sessions import Program


@dataclass(frozen=True, slots=True)
class Candidate:
    """A session of the tab to be arranged.

    Attributes:
        program: What it was asked to run and to be called.
        agent: Who lives in it.
    """

    session_id: SessionId
    program: Program
    agent: AgentName | None


def match(
    panes: Sequence[Pane],
    fixed: Sequence[SessionId | None],
    candidates: Sequence[Candidate],
) -> list[SessionId | None]:
    """Return for each pane the session that takes it; None where one is to be opened.

    When the sessions fit as they stand, each keeps its place: so a layout that was applied stays
    as it is. Else a session that bears the pane's name takes it, and a pane without a name takes
    a nameless session that was asked to run the same; then panes that ask for no program of
    their own take what is left: named ones a nameless plain shell, the others anything.

    Args:
        panes: The leaves in reading order.
        fixed: For each the session that was named for it, if any.
        candidates: The tab's sessions in reading order.
    """
    if len(candidates) == len(panes) and all(
        place == one.session_id or (place is None and any(_may(pane, one, fits) for fits in _WAYS))
        for pane, place, one in zip(panes, fixed, candidates, strict=True)
    ):
        return [one.session_id for one in candidates]
    found = list(fixed)
    free = [one for one in candidates if one.session_id not in found]
    for fits in _WAYS:
        for at, pane in enumerate(panes):
            if found[at] is None:
                one = next((one for one in free if _may(pane, one, fits)), None)
                if one is not None:
                    found[at] = one.session_id
                    free.remove(one)
    return found


def _may(pane: Pane, one: Candidate, fits: Callable[[Program, Program], bool]) -> bool:
    """Tell whether a session may take a pane: an agent's session takes no other agent's.

    What runs with arguments of its own, as the keeper of an agent does, is always opened.
    """
    wanted, given = pane.program, one.program
    return (
        not wanted.arguments
        and (pane.agent is None or one.agent in {None, pane.agent.name})
        and wanted.profile in {None, given.profile}
        and fits(wanted, given)
    )


def _same_name(wanted: Program, given: Program) -> bool:
    return wanted.name is not None and wanted.name == given.name


def _same_program(wanted: Program, given: Program) -> bool:
    return (wanted.name, wanted.command) == (None, given.command) and given.name is None


def _plain_shell(wanted: Program, given: Program) -> bool:
    return wanted.name is not None and {wanted.command, given.command, given.name} == {None}


def _anything(wanted: Program, _given: Program) -> bool:
    return wanted.name is None and wanted.command is None


_WAYS = (_same_name, _same_program, _plain_shell, _anything)
"""How a session may fit a pane, the best first."""
