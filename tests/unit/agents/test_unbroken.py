"""The echo of a line that is longer than its screen fills it without a break."""

from __future__ import annotations

import pytest
from tests.unit.agents.screens import drawn

from iterm_mcp.agents.screen_rows import unbroken
from iterm_mcp.models.sessions import Screen, Size
from iterm_mcp.services.deliveries.composer_text import Shown, compare
from iterm_mcp.services.deliveries.guard import read

SIZE = Size(30, 6)
ROW = "words that go on and on and on"
TEXT = ROW * 40 + "end"


def echo(*rows: str, cursor: tuple[int, int] | None = None) -> Screen:
    return drawn(*rows, cursor=cursor, size=SIZE)


def test_the_end_of_a_long_message_that_fills_the_screen_is_the_message() -> None:
    seen = read((), unbroken=unbroken(echo(*[ROW] * 5, "end")))

    assert compare(seen, TEXT) is Shown.OURS
    assert compare(seen, f"{TEXT} and more") is Shown.HIDDEN


def test_of_a_short_end_nothing_is_concluded() -> None:
    assert compare(read((), unbroken="and on\nend"), TEXT) is Shown.HIDDEN


@pytest.mark.parametrize(
    "screen",
    [
        pytest.param(echo(ROW, "short", ROW, "end"), id="a row that ends early"),
        pytest.param(echo(ROW, ROW, "end", "below", cursor=(3, 2)), id="something below"),
        pytest.param(echo(ROW, ROW, "", cursor=(0, 2)), id="a new line"),
        pytest.param(echo("end"), id="one row"),
    ],
)
def test_what_is_broken_is_no_echo(screen: Screen) -> None:
    assert unbroken(screen) == ""
