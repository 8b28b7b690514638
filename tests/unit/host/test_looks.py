"""What the built-in profile says of looks."""

from __future__ import annotations

import pytest

from iterm_mcp.host import colors, profiles
from iterm_mcp.host.looks import LOOKS
from iterm_mcp.host.profiles import DEFAULT, MalformedPropertyError
from iterm_mcp.host.rendering.palette import DARK, with_profile


def test_its_colours_are_those_that_are_shown_without_it() -> None:
    assert {f"Ansi {number} Color" for number in range(16)} <= LOOKS.keys() & colors.KEYS
    assert with_profile(DARK, LOOKS) == DARK


def test_a_whole_number_is_as_good_as_another() -> None:
    assert profiles.overlay(DEFAULT, [("Blend", "1")])["Blend"] == 1
    assert profiles.overlay(DEFAULT, [("Columns", "80.0")])["Columns"] == 80
    with pytest.raises(MalformedPropertyError):
        profiles.overlay(DEFAULT, [("Blend", '"much"')])
    with pytest.raises(MalformedPropertyError):
        profiles.overlay(DEFAULT, [("Normal Font", "12")])
