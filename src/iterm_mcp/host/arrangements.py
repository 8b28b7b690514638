"""Saved arrangements: windows, tabs and panes as values that can be kept and read again. Pure.

What is kept says for each pane how large it is, where its program was, and its profile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterm_mcp.host import profiles, tree
from iterm_mcp.host.environment import PROFILE_KEY as ENVIRONMENT_KEY
from iterm_mcp.host.profiles import MalformedPropertyError
from iterm_mcp.host.tree import Pane, Splitter, Tab

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.host.tree import Window
    from iterm_mcp.host.world import World

MAX_DEPTH = 40
MAX_PANES = 1000
MAX_COORDINATE = 1 << 31


class NoArrangementError(ValueError):
    """What was kept is no arrangement."""


@dataclass(frozen=True, slots=True)
class SavedPane:
    """What a pane's session was started from, and the directory that it was in."""

    profile: dict[str, Any]
    directory: str


@dataclass(slots=True)
class SavedTab:
    """A tab whose panes are numbered instead of having sessions.

    Attributes:
        tab: The tree; panes' ids are the keys of `panes`.
        title: Which was set; empty when none was.
    """

    tab: Tab
    title: str
    panes: dict[str, SavedPane] = field(default_factory=dict)


@dataclass(slots=True)
class SavedWindow:
    """A window with its tabs.

    Attributes:
        selected: The index of the selected tab.
        key: Whether it was the key window.
    """

    columns: int
    rows: int
    origin: tuple[int, int]
    title: str
    selected: int
    key: bool
    tabs: list[SavedTab]


def describe(world: World, windows: Iterable[Window]) -> dict[str, Any]:
    """Return an arrangement of windows, as JSON."""
    return {"windows": [_describe_window(world, one) for one in windows]}


def _describe_window(world: World, window: Window) -> dict[str, Any]:
    return {
        "columns": window.columns,
        "rows": window.rows,
        "origin": list(window.origin),
        "title": world.titles.get(f"window {window.window_id}", ""),
        "selected": 0 if window.selected is None else window.tabs.index(window.selected),
        "key": window is world.key,
        "tabs": [
            {
                "title": world.titles.get(f"tab {tab.tab_id}", ""),
                "active": [pane.session_id for pane in tab.panes()].index(tab.active),
                "root": _describe_node(world, tab.root),
            }
            for tab in window.tabs
        ],
    }


def _describe_node(world: World, node: Pane | Splitter) -> dict[str, Any]:
    if isinstance(node, Splitter):
        children = [_describe_node(world, child) for child in node.children]
        return {"vertical": node.vertical, "children": children}
    session = world.sessions[node.session_id]
    return {
        "columns": node.columns,
        "rows": node.rows,
        "directory": session.path,
        "profile": {
            key: one for key, one in session.profile.items() if key != ENVIRONMENT_KEY
        },  # which may hold secrets
    }


def read(value: Any) -> list[SavedWindow]:  # noqa: ANN401 - any JSON
    """Return the windows of an arrangement that was kept.

    Raises:
        NoArrangementError: It is none, or not one that we would have kept.
    """
    try:
        return [_read_window(one) for one in value["windows"]]
    except (AttributeError, LookupError, TypeError, ValueError, MalformedPropertyError) as error:
        raise NoArrangementError(repr(error)) from None


def _read_window(value: Any) -> SavedWindow:  # noqa: ANN401 - any JSON
    tabs = [_read_tab(one) for one in value["tabs"]]
    x, y = (_whole(one, -MAX_COORDINATE, MAX_COORDINATE) for one in value["origin"])
    if not tabs:
        raise NoArrangementError("a window without tabs")
    return SavedWindow(
        columns=_whole(value["columns"], tree.MINIMUM, tree.MAXIMUM),
        rows=_whole(value["rows"], tree.MINIMUM, tree.MAXIMUM),
        origin=(x, y),
        title=_text(value["title"]),
        selected=_whole(value["selected"], 0, len(tabs) - 1),
        key=value["key"] is True,
        tabs=tabs,
    )


def _read_tab(value: Any) -> SavedTab:  # noqa: ANN401 - any JSON
    saved = SavedTab(Tab("", Splitter(vertical=False, children=[]), ""), _text(value["title"]))
    root = _read_node(value["root"], saved, 0)
    if not isinstance(root, Splitter) or not saved.panes:
        raise NoArrangementError("a tab without a splitter around its panes")
    saved.tab.root = root
    active = _whole(value["active"], 0, len(saved.panes) - 1)
    saved.tab.active = list(saved.panes)[active]
    return saved


def _read_node(value: Any, saved: SavedTab, depth: int) -> Pane | Splitter:  # noqa: ANN401
    if "children" not in value:
        return _read_pane(value, saved)
    vertical = value["vertical"] is True
    children = [_read_node(one, saved, depth + 1) for one in _children(value, depth)]
    if any(isinstance(child, Splitter) and child.vertical == vertical for child in children):
        raise NoArrangementError("a splitter in one that splits the same way")
    return Splitter(vertical, children)


def _children(value: Any, depth: int) -> list[Any]:  # noqa: ANN401 - any JSON
    children = list(value["children"])
    if depth > MAX_DEPTH or len(children) < (2 if depth else 1):
        raise NoArrangementError("a splitter with too few children, or too deep")
    return children


def _read_pane(value: Any, saved: SavedTab) -> Pane:  # noqa: ANN401 - any JSON
    profile = dict(value["profile"])
    for key in {*profile, *profiles.NEEDED}:
        profiles.check(key, profile.get(key))
    number = str(len(saved.panes))
    if len(saved.panes) >= MAX_PANES:
        raise NoArrangementError("too many panes")
    saved.panes[number] = SavedPane(profile, _text(value["directory"]))
    columns, rows = (_whole(value[one], 1, tree.MAXIMUM) for one in ("columns", "rows"))
    return Pane(number, columns, rows)


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON
    if not isinstance(value, str) or "\0" in value:
        raise NoArrangementError("no text")
    return value


def _whole(value: Any, least: int, most: int) -> int:  # noqa: ANN401 - any JSON
    if not isinstance(value, int) or not least <= value <= most:
        raise NoArrangementError(f"no number from {least} to {most}")
    return int(value)
