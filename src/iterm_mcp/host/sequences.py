"""What a program says of itself in escape sequences: names, places, variables, prompts.

Each is in iTerm2's documentation of its escape sequences. What only changes what is drawn, such
as pictures, is taken and not shown.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from iterm_mcp.host import color_sequences, features, profiles, sizes
from iterm_mcp.host.prompts import CommandStarted, Place
from iterm_mcp.host.rendering.palette import key_in_use
from iterm_mcp.host.viewing import colors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from iterm_mcp.host.osc import OscEvent
    from iterm_mcp.host.session import Session

MAX_TITLE_LENGTH = 1000
MAX_PLACE_LENGTH = 4096
MAX_VARIABLES = 1000
MAX_VARIABLE_LENGTH = 1 << 16
"""What a program may make us keep, and send to every client that lists sessions."""

Shown = tuple[bytes, ...]
"""What the terminal is to take in in its turn."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CARETS = {code: f"^{chr(code ^ 0x40)}" for code in (*range(0x20), 0x7F)}
_CARETS |= dict.fromkeys(range(0x80, 0xA0), "")


def take(session: Session, event: OscEvent) -> Shown:
    """Take in a sequence that has just passed; return what is to be shown for it."""
    if event.code in {0, 1, 2}:
        _title(session, event.code, event.payload)
    elif event.code == 7:  # noqa: PLR2004 - OSC 7: the current directory as a URL
        _directory(session, event.payload)
    elif event.code == 133:  # noqa: PLR2004 - OSC 133: marks at prompts
        _mark(session, event)
    elif event.code in color_sequences.CODES:
        changes, asked = color_sequences.read(event.code, event.payload)
        set_colors(session, changes)
        if asked:
            used = colors_of(session)
            for question in asked:
                session.reply(color_sequences.answer(question, used, event.end))
    elif event.code in {50, 1337}:
        key, _, value = event.payload.partition("=")
        handler = _WORDS.get(key.partition(";")[0])
        return () if handler is None else handler(session, value) or ()
    return ()


def _title(session: Session, code: int, payload: str) -> None:
    if not session.profile.get("Allow Title Setting", True):
        return
    line = payload.partition("\n")[0][:MAX_TITLE_LENGTH].translate(_CARETS)
    text = line[:MAX_TITLE_LENGTH].replace("\\(", "\\\u200b(")
    if code != 2:  # noqa: PLR2004 - OSC 2 is the window's title alone
        session.icon_name = text
    if code != 1:
        session.window_name = text


def _directory(session: Session, payload: str) -> None:
    try:
        url = urlsplit(payload[: MAX_PLACE_LENGTH + 1])
    except ValueError:  # not every text with a bracket is an address
        return
    if len(payload) <= MAX_PLACE_LENGTH and url.scheme == "file" and url.path:
        user, _, host = url.netloc.rpartition("@")
        _set_host(session, unquote(user), unquote(host))
        session.reported_path = _CONTROL.sub("", unquote(url.path))


def _mark(session: Session, event: OscEvent) -> None:
    happened = session.marked(event.payload, Place(event.line, event.column))
    if happened is not None:
        if isinstance(happened, CommandStarted) and happened.command:
            session.last_command = happened.command
        session.observer.prompt_happened(session, happened)


def set_colors(session: Session, changes: Iterable[tuple[str, int | None]]) -> None:
    """Give the session's own profile other colours; None gives back what there was before."""
    put_on(
        session,
        {
            key: None if color is None else color_sequences.as_profile_color(color)
            for key, color in changes
        },
    )


def put_on(session: Session, wanted: Mapping[str, Any]) -> None:
    """Do as `set_colors` does, with colours as profiles have them."""
    values = {}
    for plain, color in wanted.items():
        key = key_in_use(session.profile, plain)
        if color is not None:
            session.former_colors.setdefault(key, session.profile.get(key))
            values[key] = color
        elif key in session.former_colors:
            values[key] = session.former_colors.pop(key)
    if values:
        session.profile = profiles.own_copy(session.profile, values)


# OSC 1337.


def _current_directory(session: Session, value: str) -> None:
    if len(value) <= MAX_PLACE_LENGTH:
        session.reported_path = _CONTROL.sub("", value)


def _remote_host(session: Session, value: str) -> None:
    user, _, host = value.rpartition("@")
    _set_host(session, user, host)


def _set_host(session: Session, user: str, host: str) -> None:
    if len(user) + len(host) <= MAX_PLACE_LENGTH:
        session.username = _CONTROL.sub("", user) or session.username
        session.hostname = _CONTROL.sub("", host) or session.hostname


def _integration(session: Session, value: str) -> None:
    shell = _CONTROL.sub("", value.partition("shell=")[2])[:MAX_TITLE_LENGTH]
    session.shell = shell or session.shell


def _user_variable(session: Session, value: str) -> None:
    name, assigned, encoded = value.partition("=")
    if not name or "." in name:
        return
    if not assigned:
        session.user.pop(name, None)
        return
    full = len(session.user) >= MAX_VARIABLES and name not in session.user
    text = _decoded(encoded) if len(name) + len(encoded) <= MAX_VARIABLE_LENGTH else None
    if not full and text is not None:
        session.user[name] = text


def _custom(session: Session, value: str) -> None:
    head, colon, text = value.partition(":")
    identity = dict(one.partition("=")[::2] for one in head.split(";")).get("id")
    if colon and identity:
        session.observer.sequence_received(session, identity, text)


def _badge(session: Session, value: str) -> None:
    text = _decoded(value) if len(value) <= MAX_VARIABLE_LENGTH else None
    if text is not None and not _CALL.search(text):
        session.profile = profiles.own_copy(session.profile, {"Badge Text": text})


_CALL = re.compile(r"\\\([^)]*\(")
"""A function that is called within a text; no program may have us call one."""


def _profile(session: Session, value: str) -> None:
    profile = session.observer.profile_named(value)
    if profile is not None:
        session.profile = dict(profile)
        session.former_colors.clear()


def _clear_scrollback(session: Session, _value: str) -> Shown:
    """Push what stands above the prompt, or above the cursor's line, out of the screen and away.

    So no line is numbered anew, and the prompt's marks stay where they are.
    """
    engine = session.engine
    if engine.alternate_screen:
        return ()
    top = engine.overflow + engine.history
    column, line = engine.cursor
    first = line
    if prompts := session.prompts():
        last = prompts[-1]
        if last.command is None and top <= last.start.line <= line:
            first = last.start.line
    pushed = b"\x1b[%d;1H" % engine.rows + b"\n" * (first - top)
    return pushed, b"\x1b[3J\x1b[%d;%dH" % (line - first + 1, min(column, engine.columns - 1) + 1)


def _steal_focus(session: Session, _value: str) -> None:
    session.observer.focus_wanted(session)


def _disinter(session: Session, _value: str) -> None:
    session.observer.unburial_wanted(session)


def _set_named_colors(session: Session, value: str) -> None:
    name = color_sequences.preset(value)
    if name is None:
        set_colors(session, color_sequences.named(value))
    else:
        session.observer.preset_wanted(session, name)


def _report_cell_size(session: Session, _value: str) -> None:
    session.reply(
        f"\x1b]1337;ReportCellSize={sizes.CELL_HEIGHT:.1f};{sizes.CELL_WIDTH:.1f};1.0\x1b\\".encode()
    )


def _report_variable(session: Session, value: str) -> None:
    name = _decoded(value) or ""
    found = session.observer.variable(session, name)
    text = "" if found is None else found if isinstance(found, str) else json.dumps(found)
    encoded = base64.b64encode(text.encode(errors="replace"))
    session.reply(b"\x1b]1337;ReportVariable=" + encoded + b"\x07")


def _capabilities(session: Session, _value: str) -> None:
    session.reply(f"\x1b]1337;Capabilities={features.FEATURES}\x1b\\".encode())


def _decoded(encoded: str) -> str | None:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):  # which UnicodeDecodeError is
        return None


_WORDS: dict[str, Callable[[Session, str], Shown | None]] = {
    "Capabilities": _capabilities,
    "ClearScrollback": _clear_scrollback,
    "CurrentDir": _current_directory,
    "Custom": _custom,
    "Disinter": _disinter,
    "RemoteHost": _remote_host,
    "ReportCellSize": _report_cell_size,
    "ReportVariable": _report_variable,
    "SetBadgeFormat": _badge,
    "SetColors": _set_named_colors,
    "SetProfile": _profile,
    "SetUserVar": _user_variable,
    "ShellIntegrationVersion": _integration,
    "StealFocus": _steal_focus,
}
