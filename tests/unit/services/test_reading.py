"""Reading what a session printed: from a cursor, by numbers, from either end, by pattern."""

from __future__ import annotations

import pytest
from tests.unit.services.stage import ONE, Stage

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.cursors import Cursor
from iterm_mcp.models.ids import SessionId
from iterm_mcp.services.output.patterns import Patterns
from iterm_mcp.services.output.reading import Reader, Reading, own_cursor


def reader(stage: Stage) -> Reader:
    return Reader(stage.terminal)


def texts(reading: Reading) -> list[str]:
    return [row.text for row in reading.lines.lines]


def printed(stage: Stage, *rows: str) -> None:
    """Let rows be printed behind what stands; the screen scrolls."""
    more = Stage(*[row.text for row in stage.rows], *rows)
    stage.rows, stage.cursor = more.rows, more.cursor
    stage.top = max(0, len(stage.rows) - stage.height)


async def test_from_a_cursor_only_what_is_new_is_read() -> None:
    stage = Stage("one", "$ ")
    cursor = Cursor.parse(str(await reader(stage).cursor(ONE)))
    stage.rows = Stage("one", "$ make").rows
    printed(stage, "two")

    found = await reader(stage).since(ONE, cursor, max_lines=100)

    assert texts(found) == ["make", "two"]
    assert (found.lost, found.cleared, found.more_before) == (0, False, 0)
    again = await reader(stage).since(ONE, found.cursor, max_lines=100)
    assert texts(again) == [""]


async def test_of_too_much_the_newest_rows_are_read_and_the_others_counted() -> None:
    stage = Stage("start")
    cursor = await reader(stage).cursor(ONE)
    printed(stage, *map(str, range(50)))

    found = await reader(stage).since(ONE, cursor, max_lines=10)

    assert texts(found) == [str(one) for one in range(40, 50)]
    assert found.more_before == 41


async def test_rows_that_were_lost_unread_are_counted() -> None:
    stage = Stage("start")
    cursor = await reader(stage).cursor(ONE)
    printed(stage, *map(str, range(50)))
    stage.lost = 11

    found = await reader(stage).since(ONE, cursor, max_lines=100)

    assert (texts(found)[0], found.lost, found.cleared) == ("10", 11, False)


@pytest.mark.parametrize("rows", [("new", "$ "), ("other", "rows", "than", "before", "$ ")])
async def test_a_cleared_screen_is_said_and_read_whole(rows: tuple[str, ...]) -> None:
    stage = Stage("one", "two", "three", "$ ")
    cursor = await reader(stage).cursor(ONE)
    stage.rows, stage.cursor = Stage(*rows).rows, Stage(*rows).cursor

    found = await reader(stage).since(ONE, cursor, max_lines=100)

    assert found.cleared
    assert texts(found) == list(rows)


async def test_a_cursor_is_good_for_its_own_session_only() -> None:
    other = Cursor("other", 0, 0, "0000")
    mine = await reader(Stage("x")).cursor(ONE)

    assert own_cursor(ONE, [other, mine]) is mine
    with pytest.raises(InvalidRequestError):
        own_cursor(SessionId("elsewhere"), [other, mine])
    with pytest.raises(InvalidRequestError):
        await reader(Stage("x")).since(ONE, other, max_lines=1)


@pytest.mark.parametrize("text", ["", "x", "a.b.c.d", "abc.1.2", "abc.1.2.zzzz", "a.1.2.0000.5"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        Cursor.parse(text)

    assert refused.value.code == "bad_cursor"


async def test_the_tail_and_the_head_are_read() -> None:
    stage = Stage(*map(str, range(30)), height=10)
    stage.top, stage.lost = 20, 5
    stage.variables["showingAlternateScreen"] = True

    tail = await reader(stage).tail(ONE, max_lines=3)
    head = await reader(stage).lines(ONE, None, max_lines=3)

    assert (texts(tail), tail.more_before, tail.full_screen) == (["27", "28", "29"], 22, True)
    assert (texts(head), head.more_after, head.lost) == (["5", "6", "7"], 22, 0)


async def test_rows_are_read_by_their_numbers() -> None:
    stage = Stage(*map(str, range(30)), height=10)
    stage.top, stage.lost = 20, 5

    some = await reader(stage).lines(ONE, 10, max_lines=2)
    lost = await reader(stage).lines(ONE, 2, max_lines=2)
    none = await reader(stage).lines(ONE, 99, max_lines=2)

    assert (texts(some), some.more_before, some.more_after) == (["10", "11"], 5, 18)
    assert (texts(lost), lost.lost) == (["5", "6"], 3)
    assert texts(none) == []


async def test_what_is_lost_while_it_is_read_is_not_mixed_with_the_rest() -> None:
    stage = Stage(*map(str, range(12)))
    stage.largest_page, stage.lose_at_reading = 4, [0, 6]

    found = await reader(stage).lines(ONE, 0, max_lines=100)

    assert (texts(found)[0], found.lines.first) == ("6", 6)


async def test_a_search_returns_the_newest_matches_with_rows_around() -> None:
    stage = Stage("a1", "b", "c", "d", "a2", "a3", "e")
    stage.largest_page = 3

    groups, count = await reader(stage).search(ONE, Patterns(["a"]), context=1, max_matches=2)
    every, _ = await reader(stage).search(ONE, Patterns(["a"]), context=0, max_matches=9)

    assert count == 3
    assert [[row.text for row in one.lines] for one in groups] == [["d", "a2", "a3", "e"]]
    assert [one.first for one in every] == [0, 4]


async def test_a_search_ends_where_the_rows_do() -> None:
    stage = Stage("a")
    stage.largest_page = 0

    assert await reader(stage).search(ONE, Patterns(["a"]), context=0, max_matches=1) == ([], 0)
