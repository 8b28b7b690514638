"""GetBuffer: rows, cells, styles, and numbers that do not change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.host.wire_client import WireClient

Range = api_pb2.LineRange
NUMBERED = "".join(f"line {number}\r\n" for number in range(100)).encode()


def between(start: tuple[int, int], end: tuple[int, int], columns: tuple[int, int] = (0, 0)) -> Any:  # noqa: ANN401
    """Return a range of absolute coordinates (x, y), perhaps of some columns alone."""
    return Range(
        windowed_coord_range=api_pb2.WindowedCoordRange(
            coord_range=api_pb2.CoordRange(
                start=api_pb2.Coord(x=start[0], y=start[1]), end=api_pb2.Coord(x=end[0], y=end[1])
            ),
            columns=api_pb2.Range(location=columns[0], length=columns[1]),
        )
    )


async def get(wire: WireClient, session: str, line_range: Any, *, styles: bool = False) -> Any:  # noqa: ANN401
    return await wire.ask(
        api_pb2.GetBufferRequest(session=session, line_range=line_range, include_styles=styles)
    )


@pytest.mark.answers("get_buffer_request", "OK", source="2.2")
async def test_the_screen_comes_with_its_cursor_and_place(wire: WireClient) -> None:
    opened = await wire.open_window(Rows="10")
    await wire.feed(opened.session_id, NUMBERED)
    response = await get(wire, opened.session_id, Range(screen_contents_only=True))
    assert response.status == response.OK
    coordinates = response.windowed_coord_range.coord_range
    assert (coordinates.start.y, coordinates.end.y) == (91, 101)
    assert (response.cursor.x, response.cursor.y) == (0, 100)
    assert [line.text for line in response.contents][:2] == ["line 91", "line 92"]
    assert response.contents[0].continuation == response.contents[0].CONTINUATION_HARD_EOL


@pytest.mark.answers("get_buffer_request", "OK", source="2.2")
@pytest.mark.behaves("numbers", "lost lines", source="4")
async def test_absolute_numbers_stay_when_old_lines_are_lost(wire: WireClient) -> None:
    opened = await wire.open_window(Rows="10", **{"Scrollback Lines": "20"})
    await wire.feed(opened.session_id, NUMBERED)
    response = await get(wire, opened.session_id, between((0, 80), (0, 82)))
    assert [line.text for line in response.contents] == ["line 80", "line 81"]
    lost = await get(wire, opened.session_id, between((0, 0), (0, 5)))
    assert (lost.status, len(lost.contents)) == (lost.OK, 0)
    some = await get(wire, opened.session_id, between((0, 0), (0, 1000)))
    assert some.contents[0].text == "line 71"


@pytest.mark.answers("get_buffer_request", "OK", source="2.2")
async def test_trailing_lines_reach_into_the_history(wire: WireClient) -> None:
    opened = await wire.open_window(Rows="10")
    await wire.feed(opened.session_id, NUMBERED)
    lines = await wire.text(opened.session_id, 13)
    assert (len(lines), lines[0]) == (13, "line 88")
    assert len(await wire.text(opened.session_id, 10_000)) == 101
    assert await wire.text(opened.session_id, 0) == []


@pytest.mark.answers("get_buffer_request", "OK", source="2.2")
async def test_a_range_may_begin_and_end_within_lines_or_columns(wire: WireClient) -> None:
    opened = await wire.open_window()
    await wire.feed(opened.session_id, b"abcdef\r\nghijkl\r\nmnopqr")
    part = await get(wire, opened.session_id, between((2, 0), (3, 2)))
    assert [line.text for line in part.contents] == ["cdef", "ghijkl", "mno"]
    part = await get(wire, opened.session_id, between((0, 0), (0, 3), columns=(1, 2)))
    assert [line.text for line in part.contents] == ["bc", "hi", "no"]


@pytest.mark.answers("get_buffer_request", "OK", source="2.2")
@pytest.mark.parametrize(
    ("end", "soft"), [(5, True), (6, True), (7, False), (10, False), (99, False)]
)
async def test_a_part_goes_on_unless_it_reached_what_was_never_written(
    wire: WireClient,
    end: int,
    soft: bool,  # noqa: FBT001 - a parameter
) -> None:
    opened = await wire.open_window(Columns="10")
    await wire.feed(opened.session_id, b"abcdef\r\n")
    (line,) = (await get(wire, opened.session_id, between((0, 0), (end, 0)))).contents
    assert line.text == "abcdef"[:end]
    assert (line.continuation == line.CONTINUATION_SOFT_EOL) == soft


@pytest.mark.answers("get_buffer_request", "OK", source="2.2")
@pytest.mark.parametrize("columns", [(0, 0), (0, 10)])
async def test_a_row_that_is_asked_for_whole_ends_where_its_text_does(
    wire: WireClient, columns: tuple[int, int]
) -> None:
    opened = await wire.open_window(Columns="10")
    await wire.feed(opened.session_id, b"0123456789\r\n")
    (line,) = (await get(wire, opened.session_id, between((0, 0), (10, 0), columns))).contents
    assert line.text == "0123456789"
    assert line.continuation == line.CONTINUATION_HARD_EOL


@pytest.mark.behaves("wrapping", source="4")
async def test_a_wrapped_line_goes_on_in_the_next_row(wire: WireClient) -> None:
    opened = await wire.open_window(Columns="10")
    await wire.feed(opened.session_id, b"0123456789abc")
    response = await get(wire, opened.session_id, Range(screen_contents_only=True))
    first, second = response.contents[:2]
    assert (first.text, second.text) == ("0123456789", "abc")
    assert first.continuation == first.CONTINUATION_SOFT_EOL
    assert second.continuation == second.CONTINUATION_HARD_EOL


@pytest.mark.behaves("cells", source="4")
@pytest.mark.behaves("code points", source="D")
async def test_cells_say_how_many_code_points_they_hold(wire: WireClient) -> None:
    opened = await wire.open_window()
    await wire.feed(opened.session_id, "a世e\u0301z".encode())
    response = await get(wire, opened.session_id, Range(screen_contents_only=True))
    line = response.contents[0]
    assert line.text == "a世e\u0301z"
    cells = [one.num_code_points for one in line.code_points_per_cell for _ in range(one.repeats)]
    assert cells == [1, 1, 0, 2, 1]


@pytest.mark.behaves("styles on demand", "links", source="D")
@pytest.mark.behaves("OSC 8", source="7.5")
async def test_styles_come_when_they_are_asked_for(wire: WireClient) -> None:
    opened = await wire.open_window()
    await wire.feed(
        opened.session_id,
        b"\x1b[1;31mR\x1b[0m\x1b[3;4;48;2;1;2;3mT\x1b[0m\x1b[38;5;200;7;9mP\x1b[0m"
        b"\x1b]8;;http://example.com\x07L\x1b]8;;\x07.",
    )
    plain = await get(wire, opened.session_id, Range(screen_contents_only=True))
    assert not plain.contents[0].style
    styled = await get(wire, opened.session_id, Range(screen_contents_only=True), styles=True)
    red, true, palette, link, dot = styled.contents[0].style
    assert (red.bold, red.fgStandard, red.repeats) == (True, 1, 1)
    assert (true.italic, true.underline, true.bold) == (True, True, False)
    assert (true.bgRgb.red, true.bgRgb.green, true.bgRgb.blue) == (1, 2, 3)
    assert (palette.fgStandard, palette.inverse, palette.strikethrough) == (200, True, True)
    assert link.url.url == "http://example.com"
    assert dot.fgAlternate == api_pb2.DEFAULT
    assert not dot.url.url


@pytest.mark.answers("get_buffer_request", "INVALID_LINE_RANGE", source="2.2")
@pytest.mark.behaves("bad range", source="D")
@pytest.mark.parametrize(
    "line_range",
    [
        Range(),
        Range(screen_contents_only=True, trailing_lines=3),
        Range(trailing_lines=-1),
        between((-1, 0), (0, 1)),
        between((0, 0), (0, 1), columns=(-1, 2)),
        between((0, 0), (0, 1), columns=(0, -2)),
    ],
)
async def test_a_range_that_makes_no_sense_is_refused(wire: WireClient, line_range: Any) -> None:  # noqa: ANN401
    opened = await wire.open_window()
    response = await get(wire, opened.session_id, line_range)
    assert response.status == response.INVALID_LINE_RANGE


@pytest.mark.answers("get_buffer_request", "SESSION_NOT_FOUND", source="2.2")
async def test_a_buffer_of_nobody_is_refused(wire: WireClient) -> None:
    response = await get(wire, "none", Range(screen_contents_only=True))
    assert response.status == response.SESSION_NOT_FOUND


@pytest.mark.parametrize("end", [(0, -5), (0, 0), (0, 2**40)])
async def test_an_empty_or_absurd_range_harms_nothing(
    wire: WireClient, end: tuple[int, int]
) -> None:
    opened = await wire.open_window()
    response = await get(wire, opened.session_id, between((0, 0), end))
    assert response.status == response.OK
    assert len(response.contents) == (25 if end[1] > 25 else 0)


@pytest.mark.behaves("alternate screen", source="4")
async def test_the_alternate_screen_leaves_the_main_one_as_it_was(wire: WireClient) -> None:
    opened = await wire.open_window()
    await wire.feed(opened.session_id, b"main\x1b[?1049h\x1b[Hother")
    assert (await wire.text(opened.session_id))[0] == "other"
    await wire.feed(opened.session_id, b"\x1b[?1049l")
    assert (await wire.text(opened.session_id))[0] == "main"


async def test_in_columns_spaces_at_the_end_are_no_text(wire: WireClient) -> None:
    opened = await wire.open_window()
    await wire.feed(opened.session_id, b"a    x\r\nabcdef\r\n  \r\n")
    part = await get(wire, opened.session_id, between((0, 0), (0, 3), columns=(0, 3)))
    first, second, third = part.contents
    assert [first.text, second.text, third.text] == ["a", "abc", ""]
    assert first.continuation == first.CONTINUATION_HARD_EOL
    assert second.continuation == second.CONTINUATION_SOFT_EOL
    whole = await get(wire, opened.session_id, between((0, 2), (0, 3)))
    assert [line.text for line in whole.contents] == ["  "]


@pytest.mark.behaves("cursor", source="4")
async def test_the_cursor_stands_behind_a_full_line(wire: WireClient) -> None:
    opened = await wire.open_window(Columns="10")
    await wire.feed(opened.session_id, b"0123456789")
    response = await get(wire, opened.session_id, Range(screen_contents_only=True))
    assert (response.cursor.x, response.cursor.y) == (10, 0)


@pytest.mark.behaves("empty cells", source="4")
async def test_cells_that_were_never_written_are_null_between_others(wire: WireClient) -> None:
    opened = await wire.open_window()
    await wire.feed(opened.session_id, b"a\x1b[3Cb \x1b[5C")
    assert (await wire.text(opened.session_id))[0] == "a\0\0\0b "


@pytest.mark.behaves("clearing", source="4")
@pytest.mark.behaves("no reuse", source="D")
async def test_a_cleared_history_lets_no_number_be_used_again(wire: WireClient) -> None:
    opened = await wire.open_window(Rows="10")
    await wire.feed(opened.session_id, NUMBERED)
    await wire.feed(opened.session_id, b"\x1b[3J")
    response = await get(wire, opened.session_id, Range(screen_contents_only=True))
    assert response.windowed_coord_range.coord_range.start.y == 91
    assert response.contents[0].text == "line 91"
    assert len(await wire.text(opened.session_id, 1000)) == 10


async def test_a_question_in_injected_bytes_is_answered_to_the_program(wire: WireClient) -> None:
    opened = await wire.open_window()
    await wire.feed(opened.session_id, b"\x1b[6n")
    # The driver shows what comes in, and writes escape as ^[.
    await eventually(lambda: wire.text(opened.session_id), lambda lines: lines[0] == "^[[1;1R")


async def test_what_is_asked_again_is_answered_alike_until_something_is_printed(
    wire: WireClient,
) -> None:
    opened = await wire.open_window(Rows="10")
    await wire.feed(opened.session_id, NUMBERED)
    asked = Range(trailing_lines=3)
    first = await get(wire, opened.session_id, asked)
    assert await get(wire, opened.session_id, asked) == first
    styled = await get(wire, opened.session_id, asked, styles=True)
    assert styled.contents[0].style
    await wire.feed(opened.session_id, b"more")
    then = await get(wire, opened.session_id, asked)
    assert [line.text for line in then.contents] == ["line 98", "line 99", "more"]
    assert (then.cursor.x, then.cursor.y) == (4, 100)


async def test_short_requests_do_not_overtake_one_that_takes_longer(wire: WireClient) -> None:
    opened = await wire.open_window(Rows="10")
    await wire.feed(opened.session_id, NUMBERED)
    short = api_pb2.GetBufferRequest(
        session=opened.session_id, line_range=Range(screen_contents_only=True)
    )
    inject = api_pb2.InjectRequest(session_id=[opened.session_id], data=b"shown\r\n" * 20_000)
    numbers = [await wire.send(one) for one in (short, inject, short, short)]
    answers = [await wire.receive() for _ in numbers]
    assert [one.id for one in answers] == numbers
    shown = [answers[at].get_buffer_response.contents[0].text for at in (0, 2, 3)]
    assert shown == ["line 91", "shown", "shown"]
