"""From our state to iTerm2's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host import sizes, wire
from iterm_mcp.host.sizes import CELL_HEIGHT, CELL_WIDTH
from iterm_mcp.host.tree import DIVIDER, Pane, Splitter, span

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

    from iterm_mcp.host.lines import Color, Style
    from iterm_mcp.host.world import World


def listing(world: World) -> wire.ListSessionsResponse:
    """Return all windows, tabs and sessions."""
    response = wire.ListSessionsResponse()
    for window in world.windows:
        entry = response.windows.add(window_id=window.window_id, number=window.number)
        x, y, width, height = sizes.frame(window)
        entry.frame.origin.x, entry.frame.origin.y = x, y
        entry.frame.size.width, entry.frame.size.height = width, height
        if window.selected is not None:
            entry.selected_tab_id = window.selected.tab_id
        for tab in window.tabs:
            one = entry.tabs.add(
                tab_id=tab.tab_id, tmux_window_id="-1", active_session_id=tab.active
            )
            _write_tree(world, tab.root, one.root)
    for session_id in world.burials:
        title = world.sessions[session_id].title
        response.buried_sessions.add(unique_identifier=session_id, title=title)
    return response


def write_domains(world: World, out: RepeatedCompositeFieldContainer[wire.BroadcastDomain]) -> None:
    """Write which sessions are typed into together."""
    for domain in world.domains.listing():
        out.add(session_ids=domain)


def _write_tree(world: World, node: Splitter, out: wire.SplitTreeNode) -> None:
    out.vertical = node.vertical
    offset = 0
    for child in node.children:
        columns, rows = span(child)
        link = out.links.add()
        if isinstance(child, Splitter):
            _write_tree(world, child, link.node)
        else:
            _write_session(world, child, link.session)
            frame = link.session.frame
            at = (offset * CELL_WIDTH, 0) if node.vertical else (0, offset * CELL_HEIGHT)
            frame.origin.x, frame.origin.y = at
            frame.size.width, frame.size.height = columns * CELL_WIDTH, rows * CELL_HEIGHT
        offset += (columns if node.vertical else rows) + DIVIDER


def _write_session(world: World, pane: Pane, out: wire.SessionSummary) -> None:
    out.unique_identifier = pane.session_id
    out.grid_size.width, out.grid_size.height = pane.columns, pane.rows
    session = world.sessions.get(pane.session_id)
    out.title = session.title if session is not None else ""


def read_tree(node: wire.SplitTreeNode) -> Splitter:
    """Return a client's tree: shape and sizes; ids are not looked at."""
    children: list[Pane | Splitter] = []
    for link in node.links:
        if link.HasField("session"):
            size = link.session.grid_size
            children.append(Pane(link.session.unique_identifier, size.width, size.height))
        else:
            children.append(read_tree(link.node))
    return Splitter(node.vertical, children)


def write_style(style: Style, out: wire.CellStyle) -> None:
    """Write all but how many cells look so."""
    _write_colour(style.foreground, out, "fg")
    _write_colour(style.background, out, "bg")
    out.bold, out.faint, out.italic, out.blink = (
        style.bold, style.faint, style.italic, style.blink
    )  # fmt: skip
    out.underline, out.strikethrough = style.underline, style.strikethrough
    out.invisible, out.inverse, out.guarded = style.invisible, style.inverse, False
    out.image = wire.NONE
    if style.underline_color is not None and style.underline_color.kind == "rgb":
        _write_rgb(style.underline_color.value, out.underlineColor)
    if style.url is not None:
        out.url.url = style.url


def _write_colour(colour: Color, out: wire.CellStyle, which: str) -> None:
    if colour.kind == "palette":
        setattr(out, f"{which}Standard", colour.value)
    elif colour.kind == "rgb":
        _write_rgb(colour.value, getattr(out, f"{which}Rgb"))
    else:
        setattr(out, f"{which}Alternate", wire.DEFAULT)


def _write_rgb(value: int, out: wire.RGBColor) -> None:
    out.red, out.green, out.blue = value >> 16, value >> 8 & 0xFF, value & 0xFF
