"""What programs ask of the window (API §7.4 and §7.6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.host.worlds import QuietPty, open_session, open_world

from iterm_mcp.host.window_operations import MAX_ASIDE, Operation, OperationScanner

PIECES = [
    b"\x1b[22;0t",
    b"\x1b[8;30;100t",
    b"\x1b[23t",
    b"\x1b[22m",
    b"\x1b[2",
    b"\x1b",
    b"[8",
    b"t",
]
streams = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4)), max_size=12).map(
    b"".join
)


def scan(chunks: list[bytes]) -> tuple[bytes, list[tuple[int, Operation]]]:
    """Return all bytes again, and the operations with where each ends."""
    scanner, passed, found = OperationScanner(), b"", []
    for chunk in chunks:
        for piece, operation in scanner.split(chunk):
            passed += piece
            if operation is not None:
                found.append((len(passed), operation))
    return passed, found


@given(streams, st.integers(1, 9))
def test_cutting_changes_nothing_and_nothing_is_lost(stream: bytes, size: int) -> None:
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert scan(chunks) == scan([stream])
    assert scan([stream])[0] == stream


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"a\x1b[22;2tb", [(8, (22, 2))]),
        (b"\x1b[8;;9t\x1b[20t", [(7, (8, 0, 9)), (12, (20,))]),
        (b"\x1b[14t\x1b[22;1m\x1b[8h\x1b[222t", []),
    ],
)
def test_operations_are_found_where_they_end(data: bytes, found: list[object]) -> None:
    assert scan([data])[1] == found


@pytest.mark.behaves("title stack", source="7.4")
async def test_titles_are_put_aside_and_taken_back_each_for_itself() -> None:
    async with open_world() as world:
        session = await open_session(world)
        session.inject(b"\x1b]0;shell\x07\x1b[22;2t\x1b[22;1t\x1b]0;editor\x07")
        assert (session.icon_name, session.window_name) == ("editor", "editor")
        session.inject(b"\x1b[23;2t")
        assert (session.icon_name, session.window_name) == ("editor", "shell")
        session.inject(b"\x1b[23;1t\x1b[23;0t")
        assert (session.icon_name, session.window_name) == ("shell", "shell")
        session.inject(b"\x1b[22t\x1b]0;other\x07\x1b[23;0t\x1b[22;7t")
        assert (session.icon_name, session.window_name) == ("shell", "shell")
        session.inject(b"\x1b[22;1t" * (MAX_ASIDE + 5))
        assert len(session.titles_aside["icon_name"]) == MAX_ASIDE
        session.profile["Allow Title Setting"] = False
        session.icon_name = "mine"
        session.inject(b"\x1b[23;1t")
        assert session.icon_name == "mine"


@pytest.mark.behaves("title reports", source="7.4")
async def test_titles_are_told_where_the_profile_lets_programs_ask() -> None:
    async with open_world() as world:
        session = await open_session(world)
        assert isinstance(session.pty, QuietPty)
        session.inject(b"\x1b]1;icon\x07\x1b]2;window\x07\x1b[20t\x1b[21t")
        assert session.pty.typed == b""
        session.profile["Allow Title Reporting"] = True
        session.inject(b"\x1b[5n\x1b[20t\x1b[21t")
        assert session.pty.typed == b"\x1b[0n\x1b]Licon\x1b\\\x1b]lwindow\x1b\\"


@pytest.mark.behaves("resize", source="7.6")
async def test_a_program_resizes_its_session_where_the_profile_lets_it() -> None:
    async with open_world() as world:
        session = await open_session(world)
        session.inject(b"\x1b[8;30;100t")
        assert (session.columns, session.rows) == (80, 25)
        session.profile["Disable Window Resizing"] = False
        session.inject(b"\x1b[8;30;100tafter")
        assert (session.columns, session.rows) == (100, 30)
        assert (world.windows[0].columns, world.windows[0].rows) == (100, 30)
        session.inject(b"\x1b[8;;90t\x1b[8;99999t")
        assert (session.columns, session.rows) == (90, 1000)
