"""Variables by scope and name: what a session, a tab, a window and the app know of themselves."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.host import jobs, sizes, titles, wire
from iterm_mcp.host.input_state import input_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.host.session import Session
    from iterm_mcp.host.tree import Window
    from iterm_mcp.host.world import World

SESSION, TAB, WINDOW, APP = wire.SESSION, wire.TAB, wire.WINDOW, wire.APP


_MAX_STEPS = 100
"""No path is longer: it would only go round in circles."""


@dataclass(frozen=True, slots=True)
class Target:
    """A concrete object that has variables; the app's identifier is empty."""

    scope: wire.VariableScope.ValueType
    identifier: str


def targets(world: World, scope: wire.VariableScope.ValueType, identifier: str) -> list[Target]:
    """Return the objects that an identifier names: an id, ``active``, or ``all``."""
    if scope == APP:
        return [Target(APP, "")]
    if scope == SESSION:
        found = [one.session_id for one in world.select(identifier, many=True)]
    elif scope == TAB:
        found = _tab_ids(world, identifier)
    else:
        found = _window_ids(world, identifier)
    return [Target(scope, one) for one in found]


def value(world: World, target: Target, name: str) -> Any:  # noqa: ANN401 - any JSON
    """Return a variable's value by its dotted path; None for what does not exist."""
    for _ in range(_MAX_STEPS):
        head, _, rest = name.partition(".")
        if head == "user":
            return _user(world, target).get(rest)
        following: Target | None
        if head == "iterm2" and rest:
            following = Target(APP, "")
        elif rest and (step := _STEPS.get((target.scope, head))) is not None:
            following = step(world, target.identifier)
        else:
            get = _CORE[target.scope].get(name)
            return None if get is None else get(world, target.identifier)
        if following is None:
            return None
        target, name = following, rest
    return None


def set_user(world: World, target: Target, name: str, new: Any) -> None:  # noqa: ANN401
    """Set ``user.<name>``; None unsets it."""
    values = _user(world, target)
    if new is None:
        values.pop(name, None)
    else:
        values[name] = new


def all_names(world: World, target: Target) -> dict[str, Any]:
    """Return every variable of an object by its dotted name, the app's behind ``iterm2.``."""
    found = {name: get(world, target.identifier) for name, get in _CORE[target.scope].items()}
    found |= {f"user.{name}": one for name, one in _user(world, target).items()}
    if target.scope != APP:
        app = all_names(world, Target(APP, ""))
        found |= {f"iterm2.{name}": one for name, one in app.items()}
    return found


def _of_session(get: Callable[[Session], Any]) -> Callable[[World, str], Any]:
    def found(world: World, identifier: str) -> Any:  # noqa: ANN401 - any JSON
        session = world.sessions.get(identifier)
        return None if session is None else get(session)

    return found


def position(world: World, session_id: str) -> str:
    """Return where a session stands, as iTerm2 writes it: ``w0t1p2``; empty if nowhere."""
    place = world.place(session_id)
    if place is None:
        return ""
    window, tab = place
    pane = [one.session_id for one in tab.panes()].index(session_id)
    return f"w{window.number}t{window.tabs.index(tab)}p{pane}"


def _termid(world: World, session_id: str) -> str:
    """Return the position and id, as ``ITERM_SESSION_ID`` has it but with a dot."""
    at = position(world, session_id)
    return f"{at}.{session_id}" if at else ""


def _words(session: Session) -> list[str]:
    return [] if session.exited else jobs.arguments(session.foreground())


def _ancestors(session: Session) -> str:
    """Return the jobs from the program down to the foreground one, a line each."""
    if session.exited:
        return ""
    return "\n".join(jobs.ancestors(session.foreground(), session.pty.pid))


def _is_local(session: Session) -> bool:
    return session.hostname in {"localhost", socket.gethostname()}


def _recording(session: Session) -> str | None:
    return None if session.recorder is None else str(session.recorder.file.path)


def _tab_title(world: World, tab_id: str) -> str:
    override = world.titles.get(f"tab {tab_id}")
    place = world.find_tab(tab_id)
    active = None if place is None else world.sessions.get(place[1].active)
    return override or ("" if active is None else active.title)


def _window_title(world: World, window_id: str) -> str:
    override = world.titles.get(f"window {window_id}")
    selected = _selected_of(world, window_id)
    return override or ("" if selected is None else _tab_title(world, selected.identifier))


def _of_window(get: Callable[[World, Window], Any]) -> Callable[[World, str], Any]:
    def found(world: World, identifier: str) -> Any:  # noqa: ANN401 - any JSON
        window = world.find_window(identifier)
        return None if window is None else get(world, window)

    return found


def _title_override(kind: str) -> Callable[[World, str], Any]:
    return lambda world, one: world.titles.get(f"{kind} {one}")


_TMUX = (
    "tmuxRole", "tmuxClientName", "tmuxPaneTitle", "tmuxWindowPane", "tmuxWindowPaneIndex",
    "tmuxStatusLeft", "tmuxStatusRight",
)  # fmt: skip
"""There is no tmux integration; these are known, and null."""

_CORE: dict[int, dict[str, Callable[[World, str], Any]]] = {
    SESSION: {
        "id": lambda _world, one: one,
        "name": _of_session(lambda one: one.title),
        "presentationName": _of_session(lambda one: one.title),
        "autoName": _of_session(lambda one: one.evaluate(titles.auto_name(one))),
        "autoNameFormat": _of_session(titles.auto_name),
        "profileName": _of_session(lambda one: str(one.profile.get("Name", ""))),
        "terminalIconName": _of_session(lambda one: one.icon_name),
        "terminalWindowName": _of_session(lambda one: one.window_name),
        "columns": _of_session(lambda one: one.columns),
        "rows": _of_session(lambda one: one.rows),
        "tty": _of_session(lambda one: one.pty.name),
        "pid": _of_session(lambda one: one.pty.pid),
        "effective_root_pid": _of_session(lambda one: one.pty.pid),
        "jobName": _of_session(lambda one: one.job_name),
        "processTitle": _of_session(lambda one: next(iter(_words(one)), "")),
        "commandLine": _of_session(lambda one: one.command_line),
        "deepestJob": _of_session(lambda one: "" if one.exited else jobs.deepest(one.foreground())),
        "foregroundJobAncestors": _of_session(_ancestors),
        "jobPid": _of_session(lambda one: None if one.exited else one.pty.foreground_pid),
        "path": _of_session(lambda one: one.path),
        "hostname": _of_session(lambda one: one.hostname),
        "username": _of_session(lambda one: one.username),
        "isLocalhost": _of_session(_is_local),
        "homeDirectory": _of_session(lambda one: str(Path.home()) if _is_local(one) else None),
        "uname": _of_session(lambda one: " ".join(os.uname()) if _is_local(one) else None),
        "shell": _of_session(lambda one: one.shell),
        "lastCommand": _of_session(lambda one: one.last_command),
        "termid": _termid,
        "creationTimeString": _of_session(lambda one: one.created),
        "showingAlternateScreen": _of_session(lambda one: one.engine.alternate_screen),
        "mouseReportingMode": _of_session(lambda one: one.engine.mouse_mode),
        "applicationKeypad": _of_session(lambda one: one.engine.application_keypad),
        "bellCount": _of_session(lambda one: one.engine.bell_count),
        "badge": _of_session(lambda one: one.evaluate(str(one.profile.get("Badge Text", "")))),
        "selection": _of_session(lambda one: one.selected_text),
        "selectionLength": _of_session(lambda one: len(one.selected_text)),
        "logFilename": _of_session(_recording),
        "isBroadcastSource": lambda world, one: len(world.domains.together(one)) > 1,
        "sshIntegrationLevel": lambda _world, _one: 0,
        "autoLogId": lambda _world, one: one,
        "iterm_mcp.input": _of_session(input_state),
        "iterm_mcp.cursorVisible": _of_session(lambda one: one.engine.cursor_look is not None),
        **dict.fromkeys(("triggerName", "mouseInfo", *_TMUX), lambda _world, _one: None),
    },
    TAB: {
        "id": lambda _world, one: one,
        "title": _tab_title,
        "titleOverride": _title_override("tab"),
        "titleOverrideFormat": _title_override("tab"),
        "tmuxWindow": lambda _world, _one: -1,
        **dict.fromkeys(("tmuxWindowName", "tmuxWindowTitle"), lambda _world, _one: None),
    },
    WINDOW: {
        "id": lambda _world, one: one,
        "number": _of_window(lambda _world, one: one.number + 1),
        "title": _window_title,
        "titleOverride": _title_override("window"),
        "titleOverrideFormat": _title_override("window"),
        "frame": _of_window(lambda _world, one: list(sizes.frame(one))),
        "style": lambda _world, _one: "normal",
        "isHotkeyWindow": lambda _world, _one: False,
    },
    APP: {
        "pid": lambda _world, _one: os.getpid(),
        "localhostName": lambda _world, _one: socket.gethostname(),
        "effectiveTheme": lambda world, _one: world.theme,
        "appBundlePath": lambda _world, _one: "",
    },
}
"""The core variables of each scope. Each is worked out only when it is asked for."""


def user_key(target: Target) -> str:
    """Return the key of an object's own variables and title in the world's tables."""
    kind = {TAB: "tab", WINDOW: "window", APP: "app"}[target.scope]
    return f"{kind} {target.identifier}".strip()


def _user(world: World, target: Target) -> dict[str, Any]:
    if target.scope == SESSION:
        session = world.sessions.get(target.identifier)
        return {} if session is None else session.user
    return world.user.setdefault(user_key(target), {})


def _tab_ids(world: World, identifier: str) -> list[str]:
    if identifier == "active":
        selected = None if world.key is None else world.key.selected
        return [] if selected is None else [selected.tab_id]
    return [tab.tab_id for _, tab in world.tabs() if identifier in {"all", tab.tab_id}]


def _window_ids(world: World, identifier: str) -> list[str]:
    if identifier == "active":
        return [] if world.key is None else [world.key.window_id]
    return [one.window_id for one in world.windows if identifier in {"all", one.window_id}]


def _tab_of(world: World, session_id: str) -> Target | None:
    place = world.place(session_id)
    return None if place is None else Target(TAB, place[1].tab_id)


def _session_of(world: World, tab_id: str) -> Target | None:
    place = world.find_tab(tab_id)
    return None if place is None else Target(SESSION, place[1].active)


def _window_of(world: World, tab_id: str) -> Target | None:
    place = world.find_tab(tab_id)
    return None if place is None else Target(WINDOW, place[0].window_id)


def _selected_of(world: World, window_id: str) -> Target | None:
    window = world.find_window(window_id)
    if window is None or window.selected is None:
        return None
    return Target(TAB, window.selected.tab_id)


_STEPS: dict[tuple[int, str], Callable[[World, str], Target | None]] = {
    (SESSION, "session"): lambda _world, one: Target(SESSION, one),
    (SESSION, "tab"): _tab_of,
    (TAB, "currentSession"): _session_of,
    (TAB, "window"): _window_of,
    (WINDOW, "currentTab"): _selected_of,
}
"""Where a dotted path may go from each scope."""
