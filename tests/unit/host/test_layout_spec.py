"""What a layout may say, and what it may not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from iterm_mcp.host import layout_spec
from iterm_mcp.host.layout_spec import LayoutError, NewSession
from iterm_mcp.host.tree import Pane, Splitter, panes, span

S1, S2, S3 = ({"session_id": f"s{number}"} for number in (1, 2, 3))
NEW: dict[str, Any] = {"new_session": {}}
STANDING = {"s1": ("w1", "1"), "s2": ("w1", "1"), "s3": ("w2", "2")}


def encode(spec: object) -> str:
    return base64.b64encode(json.dumps(spec).encode()).decode()


def split(*children: object, vertical: bool = True) -> dict[str, Any]:
    return {"vertical": vertical, "children": list(children)}


def tabs(**roots: object) -> dict[str, Any]:
    return {"tabs": [{"tab_id": key[1:], "root": root} for key, root in roots.items()]}


def nested(depth: int) -> dict[str, Any]:
    root: dict[str, Any] = S1
    for level in range(depth):
        root = split(root, NEW, vertical=bool(level % 2))
    return root


def test_a_tree_is_read_with_sessions_and_those_to_start() -> None:
    new = {"new_session": {"profile": "guid", "command": "top"}}
    layout = layout_spec.read(encode(tabs(_1=split(S1, split(new, NEW, vertical=False)), _2=S2)))
    assert layout.new_sessions == [
        NewSession("new 0", "guid", "top"),
        NewSession("new 1", "", None),
    ]
    assert [one.session_id for one in panes(layout.tabs["1"])] == ["s1", "new 0", "new 1"]
    assert [one.session_id for one in panes(layout.tabs["2"])] == ["s2"]
    assert list(layout.placed()) == ["s1", "s2"]


def test_what_is_to_close_is_read() -> None:
    layout = layout_spec.read(encode({"close_sessions": ["s"], "close_tabs": ["1"]}))
    assert (layout.close_sessions, layout.close_tabs, layout.close_windows) == ({"s"}, {"1"}, set())


@pytest.mark.parametrize(
    "spec",
    [
        [],
        {"tabs": 1},
        {"tabs": [1]},
        {"tabs": [{"root": S1}]},
        {"tabs": [{"tab_id": "1"}]},
        {"tabs": [{"tab_id": "1", "root": S1}, {"tab_id": "1", "root": S2}]},
        tabs(_1={"session_id": 1}),
        tabs(_1=S1 | NEW),
        tabs(_1={"new_session": "x"}),
        tabs(_1={"new_session": {"profile": 1}}),
        tabs(_1={"new_session": {"command": ["top"]}}),
        tabs(_1=split(S1)),
        tabs(_1={"children": [S1, S2]}),
        tabs(_1=split(S1, split(S2, S3))),
        tabs(_1=split(S1, S1)),
        tabs(_1=nested(60)),
        tabs(_1=split(*[NEW] * 201)),
        {"close_sessions": [1]},
        tabs(_1=S1) | {"close_sessions": ["s1"]},
    ],
)
def test_a_layout_that_makes_no_sense_is_refused(spec: object) -> None:
    with pytest.raises(LayoutError):
        layout_spec.read(encode(spec))


@pytest.mark.parametrize(
    "encoded", ["no base64!", encode(1)[:-1], base64.b64encode(b"\xff").decode()]
)
def test_what_is_no_layout_at_all_is_refused(encoded: str) -> None:
    with pytest.raises(LayoutError, match="not JSON in base64"):
        layout_spec.read(encoded)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (tabs(_1=split(S2, S1)), None),
        (tabs(_1=split(S1, S2, S3), _2=NEW), None),
        (tabs(_1=S1) | {"close_sessions": ["s2"]}, None),
        (tabs(_1=split(S1, S2, S3)) | {"close_tabs": ["2"]}, None),
        (tabs(_1=split(S1, S2, S3)) | {"close_windows": ["w2"]}, None),
        (tabs(_1=S1), "Session s2 is neither placed nor closed"),
        (tabs(_1=split(S1, S2, S3)), "Tab 2 loses a session, so it must be listed"),
        (tabs(_2=S3) | {"close_tabs": ["2"]}, "Tab 2 cannot be both arranged and closed"),
        (tabs(_2=S3) | {"close_windows": ["w2"]}, "Tab 2 cannot be both arranged and closed"),
        (tabs(_9=NEW), "No such tab: 9"),
        ({"close_sessions": ["s9"]}, "No such session: s9"),
        ({"close_windows": ["w9"]}, "No such window: w9"),
    ],
)
def test_a_layout_must_fit_what_is_open(spec: object, reason: str | None) -> None:
    layout = layout_spec.read(encode(spec))
    if reason is None:
        layout.check(STANDING)
    else:
        with pytest.raises(LayoutError, match=reason):
            layout.check(STANDING)


def test_children_share_alike_whatever_is_below_them() -> None:
    below = Splitter(vertical=False, children=[Pane("b", 1, 1), Pane("c", 1, 1)])
    root = Splitter(vertical=True, children=[Pane("a", 1, 1), below])
    assert layout_spec.fits(root, 5, 5)
    assert not layout_spec.fits(root, 4, 5)
    layout_spec.spread(root, 81, 25)
    assert [(one.session_id, one.columns, one.rows) for one in panes(root)] == [
        ("a", 40, 25),
        ("b", 40, 12),
        ("c", 40, 12),
    ]
    assert span(root) == (81, 25)
