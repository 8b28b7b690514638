"""How a session's program wants its input: the variable ``iterm_mcp.input``, which is ours alone.

iTerm2 has no such variable, so there it is null, as every unknown one is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iterm_mcp.host.session import Session


def input_state(session: Session) -> dict[str, bool | int | None]:
    """Return what somebody who types into a session must know.

    ``applicationCursor`` and ``bracketedPaste`` are DEC's modes 1 and 2004. ``readsLines`` tells
    whether the system collects lines before the program sees them, which it does to few thousand
    bytes each; null when nobody knows. ``queued`` is how many bytes the program has left unread
    beyond what the system holds.
    """
    return {
        "applicationCursor": session.engine.application_cursor,
        "bracketedPaste": session.engine.bracketed_paste,
        "readsLines": session.pty.reads_lines,
        "queued": session.pty.queued,
    }
