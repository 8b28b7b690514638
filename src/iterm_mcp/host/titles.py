"""What a session is called, by the parts that its profile wants in its title."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.host.session import Session

PROFILE_KEY = "Title Components"
NAME, JOB, PATH, TTY, CUSTOM, PROFILE, PROFILE_AND_NAME, USER, HOST, COMMAND, SIZE, GIVEN = (
    1 << place for place in range(12)
)
"""The bits of the profile's key. A provider of titles (`CUSTOM`) shows nothing here."""

_PATH = re.compile(r"\\\(([A-Za-z_][\w.]*)(\?)?\)")


def title(session: Session) -> str:
    """Return a session's title; one space when nothing of it is known.

    Without the profile's word it is the job, behind the session's name if it was given one.
    """
    wanted = _wanted(session)
    lead = [*_names(session, wanted), _place(session, wanted)]
    lead = [one for one in lead if one]
    program = _program(session, wanted)
    if program:
        lead = [f"{' — '.join(lead)} ({program})"] if lead else [program]
    if wanted & TTY:
        lead.append(session.pty.name)
    if wanted & SIZE:
        lead.append(f"{session.columns}✕{session.rows}")
    text = " — ".join(lead)
    return text if text.strip() else " "


def auto_name(session: Session) -> str:
    """Return the session's name, as it was given: by its program, by a client, by its profile."""
    return session.icon_name or session.name or str(session.profile.get("Name", ""))


def interpolate(text: str, value: Callable[[str], Any]) -> str:
    r"""Return a text with variables in place of ``\(path)``; empty for those that are not."""

    def fill(found: re.Match[str]) -> str:
        one = value(found[1])
        return "" if one is None else one if isinstance(one, str) else str(one)

    return _PATH.sub(fill, text)


def _wanted(session: Session) -> int:
    """Return the parts: a program or a client that names the session has its name shown."""
    given = session.icon_name or session.name
    wanted = session.profile.get(PROFILE_KEY)
    if isinstance(wanted, bool) or not isinstance(wanted, int | float):
        return JOB | NAME if given else JOB
    parts = int(wanted)
    if session.icon_name or (parts & GIVEN and given):
        parts |= NAME
    return parts


def _names(session: Session, wanted: int) -> list[str]:
    profile = str(session.profile.get("Name", ""))
    name = session.evaluate(auto_name(session)) if wanted & (NAME | PROFILE_AND_NAME) else ""
    if wanted & PROFILE_AND_NAME:
        return [name if name == profile else f"{profile}: {name}"]
    return [profile] * bool(wanted & PROFILE) + [name]


def _place(session: Session, wanted: int) -> str:
    user = session.username if wanted & USER else ""
    host = session.hostname if wanted & HOST else ""
    path = session.path if wanted & PATH else ""
    return ":".join(one for one in ("@".join(one for one in (user, host) if one), path) if one)


def _program(session: Session, wanted: int) -> str:
    if wanted & COMMAND:
        return session.command_line
    return session.job_name if wanted & JOB else ""
