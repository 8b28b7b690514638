"""What is known of sessions as the JSON that tools answer with. Pure.

Names, directories, tags and commands are what programs say of themselves: all are sanitised.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from iterm_mcp.services.untrusted import sanitise
from iterm_mcp.tools import answers
from iterm_mcp.tools.answers import Json

if TYPE_CHECKING:
    from iterm_mcp.models.locks import Lock
    from iterm_mcp.models.session_details import (
        ClosedSession,
        LastCommand,
        ListedSession,
        ProcessInfo,
        SessionDetails,
    )

TEXT_CHARACTERS = 200
PATH_CHARACTERS = 1000
WORDS_CHARACTERS = 80
"""Of a name or a directory that a person is asked about."""
MEGABYTE = 1 << 20

_CREATED = re.compile(r"^(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)$")
"""As iTerm2 writes a time, which is the machine's own."""


def listed(one: ListedSession, lock: Lock | None = None) -> Json:
    """Return one session of a list; what it did not tell in time is left out."""
    answer = answers.session(one.info, one.agent)
    if lock is not None:
        answer["locked"] = held(lock)
    if one.facts is not None:
        answer["directory"] = sanitise(one.facts.directory)[:PATH_CHARACTERS]
        answer["job"] = sanitise(one.facts.job)[:TEXT_CHARACTERS]
        if not f"{one.info.title} (".startswith(f"{one.facts.name} ("):  # a job may follow
            answer["name"] = sanitise(one.facts.name)[:TEXT_CHARACTERS]
        if one.facts.tags:
            answer["tags"] = list(one.facts.tags)
    return answer


def held(lock: Lock) -> Json:
    """Return what anybody may know of a lock: who holds it, until when, and what for."""
    answer: Json = {
        "owner": sanitise(lock.owner),
        "until": lock.expires_at.isoformat(timespec="seconds"),
    }
    return answer | ({"note": sanitise(lock.note)} if lock.note else {})


def in_words(one: ListedSession) -> str:
    """Return by what a person knows a session: its name, where it is, and what runs there.

    What programs say of themselves stands in quotes that it cannot end.
    """
    if one.facts is None:
        return f"the session {_quoted(one.info.title)}, which does not answer"
    words = f"the session {_quoted(one.facts.name or one.info.title)}"
    if one.facts.directory:
        words += f" in {_quoted(one.facts.directory)}"
    if one.facts.job:
        words += f", where {_quoted(one.facts.job)} runs"
    return words if one.agent is None else f"{words}, of agent {_quoted(one.agent)}"


def details(found: SessionDetails, lock: Lock | None = None) -> Json:
    """Return all that is known of one session."""
    answer = listed(found.listed, lock)
    if found.listed.facts is not None:
        answer["name"] = sanitise(found.listed.facts.name)[:TEXT_CHARACTERS]
    answer["prompt"] = "unmarked" if found.prompt is None else found.prompt.value
    if found.last_command is not None:
        answer["last_command"] = _command(found.last_command)
    created = _CREATED.sub(r"\1-\2-\3T\4:\5:\6", found.created)
    for key, value in (("tty", found.tty), ("created", created)):
        if value:
            answer[key] = sanitise(value)[:TEXT_CHARACTERS]
    if found.alternate_screen:
        answer["full_screen_program"] = True
    answer["recording"] = found.recording
    if found.processes:
        answer["cpu_percent"] = round(sum(one.cpu_percent or 0 for one in found.processes), 1)
        answer["memory_mb"] = _megabytes(sum(one.memory_bytes or 0 for one in found.processes))
        answer["processes"] = [_process(one) for one in found.processes]
    if found.left_out:
        answer["processes_left_out"] = found.left_out
    return answer


def closed(session: ClosedSession) -> Json:
    """Return what a session was when it was closed."""
    answer: Json = {
        "closed": True,
        "session_id": session.session_id,
        "name": sanitise(session.name)[:TEXT_CHARACTERS],
        "killed": session.killed,
    }
    if session.open_seconds is not None:
        answer["open_seconds"] = round(session.open_seconds, 1)
    if session.last_command is not None:
        answer["last_command"] = _command(session.last_command)
    answer["last_lines"] = list(session.last_lines)
    return answer


def _quoted(text: str) -> str:
    plain = sanitise(text)
    cut = plain if len(plain) <= WORDS_CHARACTERS else f"{plain[:WORDS_CHARACTERS]}…"
    return json.dumps(cut, ensure_ascii=False)


def _command(last: LastCommand) -> Json:
    answer: Json = {"command": sanitise(last.command)[:TEXT_CHARACTERS], "running": last.running}
    if last.exit_code is not None:
        answer["exit_code"] = last.exit_code
    return answer


def _process(one: ProcessInfo) -> Json:
    answer: Json = {"pid": one.pid, "parent": one.parent, "name": sanitise(one.name)}
    if one.command:
        answer["command"] = sanitise(one.command)
    if one.cpu_percent is not None:
        answer["cpu_percent"] = round(one.cpu_percent, 1)
    if one.memory_bytes is not None:
        answer["memory_mb"] = _megabytes(one.memory_bytes)
    answer["state"] = one.state
    return answer


def _megabytes(count: int) -> float:
    return round(count / MEGABYTE, 1)
