"""Which keys profiles have (API §2.9)."""

from __future__ import annotations

import inspect
import re
from typing import Any

import iterm2.profile
import pytest

from iterm_mcp.host import colors, profile_keys
from iterm_mcp.host.profiles import DEFAULT


def test_every_key_that_the_library_knows_is_one() -> None:
    source = inspect.getsource(iterm2.profile)
    calls = r"_(?:async_)?(?:simple|color)_(?:set|get)\(\s*\"([^\"]+)\""
    keys = set(re.findall(calls, source))
    assert len(keys) > 200
    assert keys <= profile_keys.KINDS.keys()


def test_the_built_in_profile_has_none_but_these_with_values_that_fit() -> None:
    unfit = [key for key, value in DEFAULT.items() if not profile_keys.fits(key, value)]
    assert not unfit
    assert not colors.KEYS - profile_keys.KINDS.keys()


@pytest.mark.parametrize(
    ("key", "value", "fits"),
    [
        ("Columns", 80, True),
        ("Columns", True, True),
        ("Columns", None, True),
        ("Columns", "80", False),
        ("Name", 1, False),
        ("Triggers", [], True),
        ("Triggers", {}, False),
        ("Keyboard Map", {}, True),
        ("Keyboard Map", [], False),
        ("Tab Color", 1, False),
        ("columns", 80, False),
        ("Nobody's", None, False),
    ],
)
def test_a_value_fits_its_key(key: str, value: Any, fits: bool) -> None:  # noqa: ANN401, FBT001 - any JSON; from a table
    assert profile_keys.fits(key, value) is fits
