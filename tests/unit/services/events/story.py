"""One conversation in which a bit of everything happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.services.events.told import answer, call, changed, prompt, told, turn_end

from iterm_mcp.models.events import EventKind

if TYPE_CHECKING:
    from iterm_mcp.models.events import Event


def story() -> list[Event]:
    """Two turns: a question answered by a person, a failure, a subagent, files."""
    return [
        told(EventKind.CONVERSATION_STARTED, 0, directory="/w", title="first"),
        prompt(1, "build it", turn="t1"),
        answer(2, turn="t1"),
        *call("b1", 3, 13, tool="Bash"),
        told(EventKind.PERMISSION_REQUESTED, 4, call="b1", tool="Bash"),
        told(EventKind.PERMISSION_ANSWERED, 9, call="b1"),
        changed(10, "/w/new.py", "created", lines_added=5, lines_removed=0, bytes_after=50),
        *call("b2", 14, 15, tool="Bash", failed="exit code 1"),
        *call("b3", 15.5, 16, tool="Bash", failed="exit code 1", took=0.25),
        *call("s1", 17, 30, tool="Agent"),
        told(EventKind.SUBAGENT_STARTED, 17.5, subagent="x", type="reviewer"),
        answer(18, model="small", tokens=3, nano=7, subagent="x"),
        *call("r1", 19, 20, tool="Read", subagent="x"),
        told(EventKind.SUBAGENT_ENDED, 29, subagent="x"),
        turn_end(31, turn="t1"),
        prompt(40, "go on", turn="t2"),
        answer(41, nano=None, turn="t2"),
        changed(42, "/w/new.py", "modified", lines_added=1, lines_removed=2, bytes_after=40),
        changed(43, "/w/old.py", "deleted", bytes_before=9),
        told(EventKind.COMMIT_MADE, 44, subject="abc123", text="Build it"),
        told(EventKind.CONTEXT_COMPACTED, 45),
        *call("b4", 46, None, tool="Bash"),
    ]
