"""Pictures show what was asked: to scale, with readable figures, on light and dark pages."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from scripts.dashboards import PAGES
from scripts.plots.chart import MOST_SERIES, Chart, Line, gathered, picture
from scripts.plots.pages import PICTURES, chart, metrics, panel
from scripts.plots.units import shown, ticks

SVG = "{http://www.w3.org/2000/svg}"
START, END = 0.0, 4 * 3600.0


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (0.25, "percentunit", "25 %"),
        (0, "s", "0 s"),
        (0.0025, "s", "2.5 ms"),
        (90, "s", "1.5 min"),
        (5400, "s", "1.5 h"),
        (3 * 2**20, "bytes", "3 MiB"),
        (512, "Bps", "512 B/s"),
        (1500, "short", "1.5k"),
        (12.5, "currencyUSD", "$12.5"),
        (0.2, "ops", "0.2/s"),
    ],
)
def test_values_are_told_as_people_read_them(value: float, unit: str, told: str) -> None:
    assert shown(value, unit) == told


@pytest.mark.parametrize(
    ("most", "unit", "expected"),
    [
        (0, "short", [0, 1]),
        (10, "short", [0, 2.5, 5, 7.5, 10]),
        (0.39, "ops", [0, 0.1, 0.2, 0.3, 0.4]),
        (5400, "s", [0, 1800, 3600, 5400]),
        (400_000, "s", [0, 172_800, 345_600, 518_400]),
        (3.5 * 2**20, "bytes", [0, 2**20, 2 * 2**20, 3 * 2**20, 4 * 2**20]),
    ],
)
def test_an_axis_has_round_marks_up_to_the_highest(
    most: float, unit: str, expected: list[float]
) -> None:
    assert ticks(most, unit) == pytest.approx(expected)


def line(name: str, *values: float) -> Line:
    return Line(name, tuple((START + number * 3600, value) for number, value in enumerate(values)))


def drawn(*charts: Chart) -> ET.Element:
    return ET.fromstring(picture(charts, START, END))


def paths(svg: ET.Element) -> list[str]:
    return [one.attrib["d"] for one in svg.iter(f"{SVG}path") if one.get("class") != "grid"]


def corners(path: str) -> list[tuple[int, int]]:
    """Return a path's points, which it tells as differences."""
    numbers = [int(one) for one in re.findall(r"-?\d+", path)]
    points = [(numbers[0], numbers[1])]
    for dx, dy in zip(numbers[2::2], numbers[3::2], strict=True):
        points.append((points[-1][0] + dx, points[-1][1] + dy))
    return points


def test_a_line_is_to_scale() -> None:
    (path,) = paths(drawn(Chart("Open", "short", (line("all", 0, 10, 5, 10, 0),))))

    xs, ys = zip(*corners(path), strict=True)
    assert ys[0] == ys[4] > ys[2] > ys[1] == ys[3]
    assert 2 * ys[2] == ys[0] + ys[1]
    assert len({later - earlier for earlier, later in pairwise(xs)}) == 1


def test_stacked_lines_stand_on_each_other() -> None:
    lines = (line("much", 6, 6, 6, 6, 6), line("little", 2, 2, 2, 2, 2))
    upper, lower = paths(drawn(Chart("By kind", "short", lines, is_stacked=True)))

    top = corners(lower)[0][1]
    assert {y for _, y in corners(upper)} == {top, corners(upper)[0][1]}
    assert corners(upper)[0][1] < top


def test_what_is_too_much_for_a_legend_is_added_up_only_where_it_is_stacked() -> None:
    lines = tuple(line(f"tool {number}", number, number) for number in range(1, 10))

    stacked = gathered(Chart("Calls", "ops", lines, is_stacked=True))
    side_by_side = gathered(Chart("Calls", "ops", lines))

    assert [one.name for one in stacked][-1] == "3 more"
    assert dict(stacked[-1].points) == {0: 1 + 2 + 3, 3600: 1 + 2 + 3}
    assert [one.name for one in side_by_side] == [f"tool {number}" for number in range(4, 10)]
    assert len(side_by_side) == MOST_SERIES


def test_text_stays_inside_is_escaped_and_readable_on_dark_pages() -> None:
    svg = picture(
        [Chart("a < b", "s", (line("x" * 60, 1, 2), line("&", 1, 2)), place="Latency")], START, END
    )

    texts = [one.text or "" for one in ET.fromstring(svg).iter(f"{SVG}text")]
    assert {"a < b", "&", "Latency", "00:00", "04:00"} <= set(texts)
    assert all(len(text) <= 28 for text in texts)
    assert "prefers-color-scheme:dark" in svg


def test_an_empty_panel_is_drawn_without_lines() -> None:
    assert paths(drawn(Chart("Nothing", "short", ()))) == []


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_of_panels_that_there_are(name: str) -> None:
    for dashboard, title in PICTURES[name]:
        assert dashboard in PAGES
        assert all("$" not in expr for expr, _ in panel(dashboard, title).queries)


def test_all_that_is_asked_for_is_written_into_the_past() -> None:
    assert {"iterm_mcp_tool_calls_total", "iterm_mcp_tool_duration_seconds_bucket"} <= metrics()
    assert all(name.startswith(("iterm_mcp_", "process_")) for name in metrics())


async def test_series_are_named_as_in_the_dashboard_and_hold_numbers_only() -> None:
    async def ask(expr: str) -> list[dict[str, object]]:
        assert "iterm_mcp_agents{" in expr
        return [
            {"metric": {"state": "working"}, "values": [[1, "2"], [2, "NaN"], [3, "4.5"]]},
            {"metric": {"state": "ready"}, "values": [[1, "NaN"]]},
        ]

    found = await chart(panel("overview", "Agents"), ask)

    assert found.lines == (Line("working", ((1.0, 2.0), (3.0, 4.5))),)
    assert (found.title, found.place, found.is_stacked) == ("Agents", "Overview", True)
