"""The trees that ``iterm2.apply_layout`` asks for: what they say, and whether they can be. Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterm_mcp.host.json_values import read_json
from iterm_mcp.host.tree import DIVIDER, Pane, Splitter, minimum, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_PANES = 200
"""One layout has no more of them."""

MAX_DEPTH = 50

LEAST_CHILDREN = 2


class LayoutError(Exception):
    """The layout makes no sense, or none here; the text says why."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A pane whose session is still to be started.

    Attributes:
        placeholder: Its session's id in the tree until then.
        profile: The GUID of the profile; empty for the default one.
    """

    placeholder: str
    profile: str
    command: str | None


@dataclass(slots=True)
class Layout:
    """What is asked for.

    Attributes:
        tabs: The new tree of each tab, by the tab's id.
        new_sessions: Those to start, in the order of their panes.
        close_sessions, close_tabs, close_windows: What goes away.
    """

    tabs: dict[str, Splitter] = field(default_factory=dict)
    new_sessions: list[NewSession] = field(default_factory=list)
    close_sessions: set[str] = field(default_factory=set)
    close_tabs: set[str] = field(default_factory=set)
    close_windows: set[str] = field(default_factory=set)

    def placed(self) -> Iterator[str]:
        """Yield the sessions that stand somewhere in it, new ones left out."""
        new = {one.placeholder for one in self.new_sessions}
        for root in self.tabs.values():
            yield from (one for one in _ids(root) if one not in new)

    def check(self, standing: Mapping[str, tuple[str, str]]) -> None:
        """See that it fits what is open.

        Args:
            standing: The window and tab of each session that stands in one.

        Raises:
            LayoutError: It names what is not there, takes a session from a tab that it does not
                list, or says nothing of a session in a tab that it lists.
        """
        tab_ids = {tab_id for _, tab_id in standing.values()}
        _all_there(self.close_windows, {window_id for window_id, _ in standing.values()}, "window")
        _all_there(self.close_tabs | self.tabs.keys(), tab_ids, "tab")
        placed = list(self.placed())
        _all_there({*placed, *self.close_sessions}, standing.keys(), "session")
        closing = {
            one
            for one, (window_id, tab_id) in standing.items()
            if window_id in self.close_windows or tab_id in self.close_tabs
        }
        for session_id in placed:
            _, tab_id = standing[session_id]
            if tab_id not in self.tabs and session_id not in closing:
                raise LayoutError(f"Tab {tab_id} loses a session, so it must be listed")
        for tab_id in self.tabs:
            windows = {window_id for window_id, one in standing.values() if one == tab_id}
            if tab_id in self.close_tabs or windows & self.close_windows:
                raise LayoutError(f"Tab {tab_id} cannot be both arranged and closed")
        known = {*placed, *self.close_sessions}
        for session_id, (_, tab_id) in standing.items():
            if tab_id in self.tabs and session_id not in known:
                raise LayoutError(f"Session {session_id} is neither placed nor closed")


def read(encoded: str) -> Layout:
    """Read a layout: base64 of JSON.

    Raises:
        LayoutError: It is not of the form that is documented.
    """
    try:
        spec = read_json(base64.b64decode(encoded, validate=True).decode())
    except (binascii.Error, ValueError):
        raise LayoutError("The layout is not JSON in base64") from None
    if not isinstance(spec, dict):
        raise LayoutError("The layout must be an object")
    layout = Layout()
    for one in _list(spec, "tabs"):
        if not isinstance(one, dict):
            raise LayoutError("A tab must be an object")
        tab_id = _text(one, "tab_id")
        if tab_id in layout.tabs:
            raise LayoutError(f"Tab {tab_id} is listed twice")
        node = _node(layout, one.get("root"), [])
        root = node if isinstance(node, Splitter) else Splitter(vertical=False, children=[node])
        layout.tabs[tab_id] = root
    for name in ("close_sessions", "close_tabs", "close_windows"):
        ids = _list(spec, name)
        if not all(isinstance(one, str) for one in ids):
            raise LayoutError(f"{name} must be a list of ids")
        getattr(layout, name).update(ids)
    placed = list(layout.placed())
    if len(set(placed)) != len(placed) or layout.close_sessions & set(placed):
        raise LayoutError("A session is named twice")
    if len(placed) + len(layout.new_sessions) > MAX_PANES:
        raise LayoutError(f"There are more than {MAX_PANES} panes")
    return layout


def fits(root: Splitter, columns: int, rows: int) -> bool:
    """Tell whether all panes of a tree have room in a window of this size."""
    least_columns, least_rows = minimum(root)
    return least_columns <= columns and least_rows <= rows


def spread(node: Pane | Splitter, columns: int, rows: int) -> None:
    """Give a node this size, and all children of a splitter the same share of it."""
    if isinstance(node, Pane):
        node.columns, node.rows = columns, rows
        return
    axis = 0 if node.vertical else 1
    length = (columns, rows)[axis] - DIVIDER * (len(node.children) - 1)
    least = [minimum(child)[axis] for child in node.children]
    for child, part in zip(node.children, share(length, [1] * len(least), least), strict=True):
        spread(child, part, rows) if node.vertical else spread(child, columns, part)


def _node(layout: Layout, node: Any, above: list[bool]) -> Pane | Splitter:  # noqa: ANN401
    """Read a node. `above`: the orientations of the splitters around it, outermost first."""
    kinds = {"session_id", "new_session", "children"}
    if not isinstance(node, dict) or len(kinds & node.keys()) != 1:
        raise LayoutError("A node must have one of session_id, new_session or children")
    if "session_id" in node:
        return Pane(_text(node, "session_id"), 1, 1)
    if "new_session" in node:
        return _new_pane(layout, node["new_session"])
    vertical, children = node.get("vertical"), _list(node, "children")
    if not isinstance(vertical, bool) or len(children) < LEAST_CHILDREN:
        raise LayoutError("A splitter needs vertical, and two children or more")
    if len(above) == MAX_DEPTH:
        raise LayoutError("The splitters are nested too deeply")
    if above and above[-1] is vertical:
        raise LayoutError("A splitter must split the other way than the one around it")
    return Splitter(vertical, [_node(layout, one, [*above, vertical]) for one in children])


def _new_pane(layout: Layout, asked: Any) -> Pane:  # noqa: ANN401
    if not isinstance(asked, dict):
        raise LayoutError("new_session must be an object")
    profile, command = asked.get("profile") or "", asked.get("command")
    if not isinstance(profile, str) or not (command is None or isinstance(command, str)):
        raise LayoutError("profile and command must be strings")
    placeholder = f"new {len(layout.new_sessions)}"
    layout.new_sessions.append(NewSession(placeholder, profile, command))
    return Pane(placeholder, 1, 1)


def _ids(node: Splitter) -> Iterator[str]:
    for child in node.children:
        if isinstance(child, Pane):
            yield child.session_id
        else:
            yield from _ids(child)


def _all_there(wanted: set[str], there: Any, kind: str) -> None:  # noqa: ANN401 - any container
    for one in sorted(wanted):
        if one not in there:
            raise LayoutError(f"No such {kind}: {one}")


def _list(spec: Mapping[str, Any], name: str) -> list[Any]:
    value = spec.get(name) or []
    if not isinstance(value, list):
        raise LayoutError(f"{name} must be a list")
    return value


def _text(spec: Mapping[str, Any], name: str) -> str:
    value = spec.get(name)
    if not isinstance(value, str):
        raise LayoutError(f"{name} must be a string")
    return value
