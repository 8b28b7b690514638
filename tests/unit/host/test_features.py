"""What is said of the terminal's features can be read as their specification has it."""

from __future__ import annotations

import re

import pytest
from tests.unit.host.screens import opened

from iterm_mcp.host.features import FEATURES

NUMBERS = {"T": 2, "Sc": 3, "Uw": 6, "Ts": 2}
"""Bits of each feature that has a value (iterm2.com/feature-reporting, "Features")."""

YES = {"Cw", "Lr", "M", "U", "Aw", "B", "F", "Gs", "Go", "Sy", "H", "No", "Sx"}


def test_every_feature_is_one_of_the_specification_and_within_its_bits() -> None:
    found = re.findall(r"([A-Z][a-z]*)([0-9]*)", FEATURES)
    assert "".join(letters + value for letters, value in found) == FEATURES
    assert len({letters for letters, _ in found}) == len(found)
    for letters, value in found:
        assert (letters in NUMBERS) == bool(value)
        assert letters in NUMBERS or letters in YES
        assert not value or int(value) < 1 << NUMBERS[letters]


@pytest.mark.parametrize(
    "character",
    ["\N{PINCHED FINGERS}", "\u4dc0", "\U00016ff2", "\U00018d80"],
    ids=["13", "16", "17, a sign", "17, a component"],
)
def test_characters_are_as_wide_as_the_unicode_version_that_is_told_has_them(
    character: str,
) -> None:
    with opened(10, 2) as screen:
        screen.feed(character.encode())
        assert screen.cursor[0] == 2
