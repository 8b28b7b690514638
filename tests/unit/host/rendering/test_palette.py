from __future__ import annotations

from typing import Any

import pytest

from iterm_mcp.host.lines import Color, Style
from iterm_mcp.host.rendering.palette import DARK, key_in_use, shown, with_palette, with_profile

RED = Color("palette", 1)
WHITE = Color("rgb", 0xFFFFFF)


def component(red: float, green: float, blue: float) -> dict[str, object]:
    return {"Red Component": red, "Green Component": green, "Blue Component": blue}


def test_the_default_is_256_colours_on_black() -> None:
    assert len(DARK.palette) == 256
    assert (DARK.palette[16], DARK.palette[196], DARK.palette[231]) == (0, 0xFF0000, 0xFFFFFF)
    assert (DARK.palette[232], DARK.palette[255]) == (0x080808, 0xEEEEEE)


def test_a_colour_is_the_palettes_or_its_own_or_the_sessions() -> None:
    style = Style(foreground=RED, background=WHITE, underline_color=Color("palette", 2))

    assert shown(style, DARK) == (DARK.palette[1], 0xFFFFFF, DARK.palette[2])
    assert shown(Style(), DARK) == (DARK.foreground, DARK.background, DARK.foreground)


def test_inverse_turns_the_colours_round_and_faint_is_half_way_to_what_is_behind() -> None:
    assert shown(Style(inverse=True), DARK)[:2] == (DARK.background, DARK.foreground)
    assert shown(Style(faint=True, foreground=WHITE), DARK).foreground == 0x7F7F7F
    assert shown(Style(faint=True, inverse=True, background=WHITE), DARK).foreground == 0xE2E2E2


def test_a_profiles_colours_are_taken_where_it_has_any() -> None:
    profile = {
        "Foreground Color": component(1, 0.5, 0),
        "Ansi 1 Color": component(2, -1, 1),
        "Cursor Color": component(0, 0, 1),
    }

    colors = with_profile(DARK, profile)

    assert (colors.foreground, colors.background) == (0xFF8000, DARK.background)
    assert colors.palette[:3] == (DARK.palette[0], 0xFF00FF, DARK.palette[2])
    assert colors.palette[16:] == DARK.palette[16:]
    assert (colors.cursor, colors.cursor_text) == (0x0000FF, DARK.cursor_text)


def test_a_profile_with_colours_for_two_modes_shows_the_dark_ones() -> None:
    profile = {
        "Use Separate Colors for Light and Dark Mode": True,
        "Background Color": component(1, 1, 1),
        "Background Color (Dark)": component(0, 0, 1),
    }

    assert with_profile(DARK, profile).background == 0x0000FF


@pytest.mark.parametrize(
    "value", [None, 3, "red", {}, component(0, 0, float("nan")), {"Red Component": "1"}]
)
def test_what_is_no_colour_is_passed_over(value: Any) -> None:  # noqa: ANN401
    assert with_profile(DARK, {"Background Color": value}) == DARK


def test_only_what_no_profile_has_comes_from_elsewhere() -> None:
    used: dict[str | int, int] = dict(enumerate(DARK.palette))
    used |= {3: 0x010203, 16: 0x0A0B0C, "background": 0x0A0B0C}
    colors = with_palette(DARK, used)

    assert (colors.palette[3], colors.palette[16]) == (DARK.palette[3], 0x0A0B0C)
    assert colors.background == DARK.background


def test_a_key_for_one_mode_is_that_key_in_both() -> None:
    two = {"Use Separate Colors for Light and Dark Mode": True}
    assert key_in_use(two, "Bold Color") == "Bold Color (Dark)"
    assert key_in_use(two, "Bold Color (Light)") == "Bold Color (Light)"
    assert key_in_use({}, "Bold Color") == "Bold Color"
