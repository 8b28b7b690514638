"""One look at what an agent shows: its screen and its title, read by its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.observations import Sighting
    from iterm_mcp.terminal.protocol import Terminal

_TITLES = ("terminalWindowName", "terminalIconName")


async def see_screen(
    terminal: Terminal, session_id: SessionId, kind: AgentKind, *, titled: bool = True
) -> tuple[Sighting, ...]:
    """Return what a session's screen and title tell.

    Args:
        titled: The title is the agent's.

    Raises:
        NotFoundError, TerminalError: The session, or the terminal, is not there.
    """
    screen = await terminal.read_screen(session_id)
    title = ""
    if titled:
        titles = await terminal.read_variables(session_id, _TITLES)
        title = next((str(titles[one]) for one in _TITLES if titles[one]), "")
    seen = kind.see(screen, title)
    if not any(_may_be_ghost(one) for one in seen):
        return seen
    # A suggestion is dim, a person's text is not: worth a second question, which is seldom asked.
    styled = await terminal.read_lines(
        session_id, screen.first_line, len(screen.lines), styles=True
    )
    rows = tuple(row.text.rstrip() for row in styled.lines)
    if rows != tuple(row.rstrip() for row in screen.lines):
        return seen  # it has changed meanwhile, and will be looked at again
    return kind.see(screen, title, styled.lines)


def _may_be_ghost(seen: Sighting) -> bool:
    return seen.fact is Fact.COMPOSER and seen.value.get("holds") in {"draft", "ghost"}
