"""Readings and waits as what a model is told of them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.services import untrusted
from iterm_mcp.services.output.excerpts import join
from iterm_mcp.services.output.styled_text import styled
from iterm_mcp.tools.answers import Json

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.services.output.patterns import Match, Patterns
    from iterm_mcp.services.output.reading import Reading
    from iterm_mcp.services.output.waiting import Waited

MAX_MATCH = 2000
"""Characters of a match, and of each of its groups, that are shown."""


def shown_reading(reading: Reading, keep: Patterns | None, context: int) -> str:
    """Return a reading as sealed text with our own notes around it."""
    rows = reading.lines.lines
    end = len(rows)
    while end and not rows[end - 1].text.strip():
        end -= 1
    rows = rows[:end]
    about = [f"session {reading.session_id}"]
    if rows:
        about.append(f"lines {reading.lines.first}-{reading.lines.first + end - 1}")
    else:
        about.append("nothing new" if not reading.cleared else "nothing")
    if reading.lost:
        about.append(f"{reading.lost} lines lost before them")
    if reading.cleared:
        about.append("the screen was cleared since the cursor")
    if reading.more_before:
        about.append(f"{reading.more_before} more before")
    if reading.more_after:
        about.append(f"{reading.more_after} more after")
    if reading.full_screen:
        about.append("a full-screen program is shown")
    if keep is not None:
        hits = [number for number, row in enumerate(rows) if keep.first(row.text) is not None]
        near = {at for hit in hits for at in range(hit - context, hit + context + 1)}
        about.append(f"{len(hits)} lines match")
        body = "\n".join(
            f"{reading.lines.first + number}: {styled(row)}"
            for number, row in enumerate(rows)
            if number in near
        )
    else:
        body = join((styled(row), row.wrapped) for row in rows)
    return f"{untrusted.mark(body, ', '.join(about))}\ncursor: {reading.cursor}"


def wait_answer(session_id: SessionId, waited: Waited) -> Json:
    """Return how a wait ended; `untrusted` names the fields that hold what was printed."""
    answer: Json = {
        "session_id": session_id,
        "matched": waited.match is not None or waited.condition is not None,
        "seconds": round(waited.seconds, 3),
    }
    if waited.match is not None:
        answer |= _matched(waited.match)
        answer["line"] = waited.line
    elif waited.condition is not None:
        answer["condition"] = waited.condition.value
    elif waited.ended:
        answer["reason"] = "the session ended"
    else:
        answer["reason"] = "the time was up"
    if waited.reading is not None:
        answer["cursor"] = str(waited.reading.cursor)
        if waited.match is None:
            rows = waited.reading.lines.lines
            text = untrusted.sanitise(join((row.text, row.wrapped) for row in rows).rstrip())
            if waited.left_out:
                answer["left_out_lines"] = waited.left_out
            answer["untrusted"] = ["tail"]
            answer["tail"] = untrusted.keep_tail(text)[0]
    return answer


def _matched(match: Match) -> Json:
    answer: Json = {
        "pattern": match.index,
        "untrusted": ["text"],
        "text": untrusted.sanitise(match.text)[:MAX_MATCH],
    }
    if match.groups:
        answer["untrusted"] = ["text", "groups"]
        answer["groups"] = [
            None if one is None else untrusted.sanitise(one)[:MAX_MATCH] for one in match.groups
        ]
    return answer
