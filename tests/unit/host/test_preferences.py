"""Preferences: which values a key may have."""

from __future__ import annotations

from typing import Any

import pytest

from iterm_mcp.host.preferences import BadJsonError, InvalidValueError, read_value


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("Any", '{"a": [1]}', {"a": [1]}),
        ("Any", "null", None),
        ("TabStyleWithAutomaticOption", "5", 5),
        ("TabStyleWithAutomaticOption", "null", None),
    ],
)
def test_a_key_may_have_any_value_of_its_type(key: str, text: str, value: Any) -> None:  # noqa: ANN401
    assert read_value(key, text) == value


@pytest.mark.parametrize(
    ("key", "text", "error"),
    [
        ("Any", "", BadJsonError),
        ("Any", "Infinity", BadJsonError),
        ("", "1", InvalidValueError),
        ("x" * (1 << 20), "1", InvalidValueError),
        ("iTerm Version", "null", InvalidValueError),
        ("TabStyleWithAutomaticOption", "false", InvalidValueError),
        ("TabStyleWithAutomaticOption", "1.5", InvalidValueError),
    ],
)
def test_other_values_are_refused(key: str, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_value(key, text)
