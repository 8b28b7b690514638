"""Whole layouts, case by case: what stands before, what is asked for, and what stands then.

Sessions are letters. A tab's tree is a letter, or ``v(…)`` side by side, or ``h(…)`` one above
another; ``NEW`` is a session that is started. Windows are lists of tabs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from iterm2 import api_pb2
from tests.integration.host.test_notifications import subscribe
from tests.integration.host.test_requests_apply_layout import apply
from tests.integration.host.test_requests_tabs import bury

if TYPE_CHECKING:
    from tests.integration.host.wire_client import WireClient

Tree: TypeAlias = "str | tuple[bool, tuple[Tree, ...]]"
Windows: TypeAlias = "list[list[Any]]"

NEW = "+"
CAT = [
    api_pb2.ProfileProperty(key="Custom Command", json_value='"Yes"'),
    api_pb2.ProfileProperty(key="Command", json_value='"/bin/cat"'),
]


def v(*children: Any) -> Tree:  # noqa: ANN401 - trees
    return True, children


def h(*children: Any) -> Tree:  # noqa: ANN401 - trees
    return False, children


class Desk:
    """What a test has opened, by letters and by numbers."""

    def __init__(self, wire: WireClient) -> None:
        self.wire = wire
        self.sessions: dict[str, str] = {}
        self.tabs: list[str] = []
        self.windows: list[str] = []

    async def open(self, windows: list[list[str]]) -> None:
        """Open windows with tabs; each tab's panes stand side by side."""
        for tabs in windows:
            window = ""
            for letters in tabs:
                asked = api_pb2.CreateTabRequest(
                    window_id=window or None, custom_profile_properties=CAT
                )
                opened = await self.wire.ask(asked)
                window = opened.window_id
                self.tabs.append(str(opened.tab_id))
                self.sessions[letters[0]] = last = opened.session_id
                for letter in letters[1:]:
                    beside = api_pb2.SplitPaneRequest(
                        session=last,
                        split_direction=api_pb2.SplitPaneRequest.VERTICAL,
                        custom_profile_properties=CAT,
                    )
                    (last,) = (await self.wire.ask(beside)).session_id
                    self.sessions[letter] = last
            self.windows.append(window)

    def node(self, tree: Any) -> dict[str, Any]:  # noqa: ANN401 - a tree, or a node as it is
        """Return a tree as it is asked for."""
        if isinstance(tree, dict):
            return tree
        if isinstance(tree, str):
            if tree == NEW:
                return {"new_session": {"command": "/bin/cat"}}
            return {"session_id": self.sessions.get(tree, tree)}
        vertical, children = tree
        return {"vertical": vertical, "children": [self.node(child) for child in children]}

    async def apply(
        self,
        trees: dict[int, Any] | list[tuple[int, Any]],
        sessions: str = "",
        tabs: tuple[int, ...] = (),
        windows: tuple[int, ...] = (),
    ) -> Any:  # noqa: ANN401 - null, or what is said against it
        """Ask for trees by the tabs' numbers, and for what is to close."""
        listed = list(trees.items()) if isinstance(trees, dict) else trees
        return await apply(
            self.wire,
            tabs=[{"tab_id": _at(self.tabs, n), "root": self.node(tree)} for n, tree in listed],
            close_sessions=[self.sessions.get(letter, letter) for letter in sessions],
            close_tabs=[_at(self.tabs, n) for n in tabs],
            close_windows=[_at(self.windows, n) for n in windows],
        )

    async def standing(self) -> Windows:
        """Return what stands now."""
        listing = await self.wire.ask(api_pb2.ListSessionsRequest())
        letters = {session_id: letter for letter, session_id in self.sessions.items()}

        def tree(node: api_pb2.SplitTreeNode) -> Tree:
            children = tuple(
                letters.get(link.session.unique_identifier, NEW)
                if link.HasField("session")
                else tree(link.node)
                for link in node.links
            )
            return children[0] if len(children) == 1 else (node.vertical, children)

        return [[tree(tab.root) for tab in window.tabs] for window in listing.windows]


def _at(ids: list[str], number: int) -> str:
    return ids[number] if number < len(ids) else "none"


@pytest.fixture
def desk(wire: WireClient) -> Desk:
    return Desk(wire)


# One tab.


@pytest.mark.parametrize(
    ("before", "tree"),
    [
        ("a", "a"),
        ("ab", v("a", "b")),
        ("ab", v("b", "a")),
        ("ab", h("a", "b")),
        ("ab", h("b", "a")),
        ("abc", v("c", "a", "b")),
        ("abc", h("a", v("b", "c"))),
        ("abc", v(h("a", "b"), "c")),
        ("abcd", v(h("a", "b"), h("c", "d"))),
        ("abcd", h(v("d", "b"), v("c", "a"))),
        ("abcd", h("a", v("b", h("c", "d")))),
        ("abcde", v("a", h("b", v("c", h("d", "e"))))),
        ("abcdef", h(v("a", "b", "c"), v("d", "e", "f"))),
        ("a", v("a", NEW)),
        ("a", v(NEW, "a")),
        ("a", h(NEW, "a", NEW)),
        ("ab", v("b", h(NEW, "a"), NEW)),
        ("a", v("a", h(NEW, v(NEW, NEW)))),
    ],
)
async def test_the_panes_of_a_tab_stand_as_asked(desk: Desk, before: str, tree: Tree) -> None:
    await desk.open([[before]])
    assert await desk.apply({0: tree}) is None
    assert await desk.standing() == [[tree]]


async def test_one_layout_follows_another(desk: Desk) -> None:
    await desk.open([["abc"]])
    for tree in (h("c", v("b", "a")), v("a", "b", "c"), v(h("a", "c"), "b"), h("a", "b", "c")):
        assert await desk.apply({0: tree}) is None
        assert await desk.standing() == [[tree]]


# Several tabs and windows.


@pytest.mark.parametrize(
    ("before", "trees", "after"),
    [
        ([["ab", "c"]], {0: "a", 1: v("c", "b")}, [["a", v("c", "b")]]),
        ([["ab", "c"]], {0: "b", 1: h("a", "c")}, [["b", h("a", "c")]]),
        ([["a", "b"]], {0: "b", 1: "a"}, [["b", "a"]]),
        ([["ab", "cd"]], {0: v("c", "b"), 1: h("a", "d")}, [[v("c", "b"), h("a", "d")]]),
        ([["a", "b", "c"]], {0: "b", 1: "c", 2: "a"}, [["b", "c", "a"]]),
        ([["a", "b", "c"]], {1: v("b", NEW)}, [["a", v("b", NEW), "c"]]),
        ([["a", "b"]], {0: v("a", NEW), 1: h(NEW, "b")}, [[v("a", NEW), h(NEW, "b")]]),
        ([["a"], ["b"]], {0: "b", 1: "a"}, [["b"], ["a"]]),
        ([["ab"], ["c"]], {0: "a", 1: h("c", "b")}, [["a"], [h("c", "b")]]),
        ([["ab"], ["c", "d"]], {0: v("d", "b"), 2: "a"}, [[v("d", "b")], ["c", "a"]]),
        ([["ab"], ["cd"]], {0: NEW, 1: h("a", v("b", "c", "d"))},
         [[NEW], [h("a", v("b", "c", "d"))]]),
        ([["a"], ["b"]], {}, [["a"], ["b"]]),
    ],
)  # fmt: skip
async def test_panes_move_between_tabs_and_windows(
    desk: Desk, before: list[list[str]], trees: dict[int, Tree], after: Windows
) -> None:
    await desk.open(before)
    assert await desk.apply(trees) is None
    assert await desk.standing() == after


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        ([["ab"]], ({0: "a"}, "b"), [["a"]]),
        ([["ab"]], ({}, "b"), [["a"]]),
        ([["abc"]], ({0: h("c", "a")}, "b"), [[h("c", "a")]]),
        ([["a", "b"]], ({}, "a"), [["b"]]),
        ([["a", "bc"]], ({0: v("a", NEW)}, "c"), [[v("a", NEW), "b"]]),
        ([["a"]], ({0: NEW}, "a"), [[NEW]]),
        ([["abc"]], ({0: v(NEW, "c")}, "ab"), [[v(NEW, "c")]]),
        ([["a", "b"]], ({}, "", (0,)), [["b"]]),
        ([["a", "b"]], ({0: v("a", "b")}, "", (1,)), [[v("a", "b")]]),
        ([["a", "bc"]], ({0: h("c", "a")}, "", (1,)), [[h("c", "a")]]),
        ([["a"], ["b"]], ({}, "", (), (0,)), [["b"]]),
        ([["a"], ["b"]], ({0: v("b", "a")}, "", (), (1,)), [[v("b", "a")]]),
        ([["a"], ["b", "c"]], ({0: v("c", "a")}, "", (), (1,)), [[v("c", "a")]]),
        ([["a"], ["b"]], ({0: v("b", "a")}, "", (1,)), [[v("b", "a")]]),
        ([["ab", "c"], ["d"]], ({0: h("d", "a", NEW)}, "b", (1,), (1,)), [[h("d", "a", NEW)]]),
        ([["a"], ["b"]], ({}, "ab"), []),
        ([["a", "b"]], ({}, "", (0, 1)), []),
    ],
)
async def test_what_is_named_closes(
    desk: Desk, before: list[list[str]], asked: tuple[Any, ...], after: Windows
) -> None:
    await desk.open(before)
    assert await desk.apply(*asked) is None
    assert await desk.standing() == after


# What cannot be.


@pytest.mark.parametrize(
    ("before", "asked", "reason"),
    [
        ([["a"]], ({0: "x"}, "a"), "No such session: x"),
        ([["a"]], ({1: "a"},), "No such tab: none"),
        ([["a"]], ({}, "x"), "No such session: x"),
        ([["a"]], ({}, "", (1,)), "No such tab: none"),
        ([["a"]], ({}, "", (), (1,)), "No such window: none"),
        ([["ab"]], ({0: v("a", "a", "b")},), "named twice"),
        ([["ab", "c"]], ({0: v("a", "b"), 1: v("c", "a")},), "named twice"),
        ([["a"]], ([(0, "a"), (0, "a")],), "listed twice"),
        ([["ab"]], ({0: v("a", "b")}, "b"), "named twice"),
        ([["ab"]], ({0: "a"},), "neither placed nor closed"),
        ([["ab", "c"]], ({1: v("c", "b")},), "so it must be listed"),
        ([["a", "b"]], ({0: v("a", "b")},), "so it must be listed"),
        ([["a"], ["b"]], ({0: v("a", "b")},), "so it must be listed"),
        ([["a", "b"]], ({0: "a"}, "", (0,)), "both arranged and closed"),
        ([["a"], ["b"]], ({0: "a"}, "", (), (0,)), "both arranged and closed"),
        ([["a"]], ({0: v("a")},), "two children or more"),
        ([["a"]], ({0: v()},), "two children or more"),
        ([["abc"]], ({0: v("a", v("b", "c"))},), "the other way"),
        ([["abc"]], ({0: h(h("a", "b"), "c")},), "the other way"),
        ([["ab"]], ({0: {"children": [{"session_id": "a"}] * 2}},), "needs vertical"),
        ([["a"]], ({0: {"session_id": "a", "new_session": {}}},), "one of session_id"),
        ([["a"]], ({0: {}},), "one of session_id"),
        ([["a"]], ({0: v("a", {"new_session": {"profile": "none"}})},), "No such profile: none"),
        ([["a"]], ({0: v("a", *[NEW] * 60)},), "no room"),
    ],
)
async def test_a_layout_that_cannot_be_changes_nothing(
    desk: Desk, before: list[list[str]], asked: tuple[Any, ...], reason: str
) -> None:
    await desk.open(before)
    stood = await desk.standing()
    status, said = await desk.apply(*asked)
    assert (status, reason in said) == ("FAILED", True), said
    assert await desk.standing() == stood


async def test_a_buried_session_cannot_be_placed(desk: Desk) -> None:
    await desk.open([["ab"]])
    await bury(desk.wire, desk.sessions["b"], buried=True)
    status, said = await desk.apply({0: v("a", "b")})
    assert (status, "No such session" in said) == ("FAILED", True)


# What else holds.


async def variables(wire: WireClient, session_id: str, *names: str) -> list[Any]:
    response = await wire.ask(api_pb2.VariableRequest(session_id=session_id, get=names))
    return [json.loads(value) for value in response.values]


async def test_programs_and_what_they_show_stay_with_their_sessions(desk: Desk) -> None:
    await desk.open([["ab"], ["c"]])
    before = {}
    for letter, session_id in desk.sessions.items():
        await desk.wire.feed(session_id, letter.encode())
        before[letter] = await variables(desk.wire, session_id, "pid", "tty")
    assert await desk.apply({0: h("c", "a"), 1: "b"}) is None
    for letter, session_id in desk.sessions.items():
        assert await variables(desk.wire, session_id, "pid", "tty") == before[letter]
        assert (await desk.wire.text(session_id))[0] == letter
    termids = {
        letter: (await variables(desk.wire, session_id, "termid"))[0].partition(".")[0]
        for letter, session_id in desk.sessions.items()
    }
    assert termids == {"c": "w0t0p0", "a": "w0t0p1", "b": "w1t0p0"}


async def test_tabs_keep_their_names_and_the_focus_stays_where_it_can(desk: Desk) -> None:
    await desk.open([["ab", "c"]])
    value = api_pb2.VariableRequest.Set(name="user.mine", value='"kept"')
    await desk.wire.ask(api_pb2.VariableRequest(tab_id=desk.tabs[0], set=[value]))
    await desk.wire.ask(api_pb2.ActivateRequest(session_id=desk.sessions["b"], select_tab=True))
    assert await desk.apply({0: h("b", "a")}) is None
    assert await variables(desk.wire, "active", "id") == [desk.sessions["b"]]
    assert await desk.apply({0: "c", 1: v("a", "b")}) is None
    assert await variables(desk.wire, "active", "id") == [desk.sessions["c"]]
    assert await variables(desk.wire, desk.sessions["c"], "tab.id", "tab.user.mine") == [
        desk.tabs[0], "kept"
    ]  # fmt: skip


async def test_clients_are_told_once_of_the_layout_and_of_each_session(desk: Desk) -> None:
    await desk.open([["ab", "c"]])
    for kind in ("LAYOUT_CHANGE", "NEW_SESSION", "TERMINATE_SESSION"):
        assert await subscribe(desk.wire, f"NOTIFY_ON_{kind}") == "OK"
    assert await desk.apply({0: v("c", NEW)}, "ab", (1,)) is None
    assert await desk.standing() == [[v("c", NEW)]]
    ended = desk.wire.seen("terminate_session_notification")
    assert {one.session_id for one in ended} == {desk.sessions["a"], desk.sessions["b"]}
    assert len(ended) == 2
    (opened,) = desk.wire.seen("new_session_notification")
    assert opened.session_id not in desk.sessions.values()
    for told in desk.wire.seen("layout_changed_notification"):
        (window,) = told.list_sessions_response.windows  # nobody sees it half done
        assert [len(tab.root.links) for tab in window.tabs] == [2]
