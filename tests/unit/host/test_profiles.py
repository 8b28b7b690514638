"""Profiles: properties laid over the default one, each of the type it must have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.host import profiles
from iterm_mcp.host.json_values import read_json
from iterm_mcp.host.profiles import DEFAULT, DEFAULT_GUID, MalformedPropertyError

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def test_a_property_is_laid_over_and_null_takes_it_away() -> None:
    before = dict(DEFAULT)
    found = profiles.overlay(DEFAULT, [("Columns", "100"), ("Badge Text", "null"), ("New", "[1]")])
    assert (found["Columns"], found["New"]) == (100, [1])
    assert "Badge Text" not in found
    assert before == DEFAULT


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("Columns", '"80"'),
        ("Columns", "[]"),
        ("Name", "1"),
        ("Name", "true"),
        ("Command", '{"a": 1}'),
        ("Unlimited Scrollback", '"yes"'),
        ("Name", "no JSON"),
        ("Anything", "NaN"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(key: str, text: str) -> None:
    with pytest.raises(MalformedPropertyError, match=key):
        profiles.overlay(DEFAULT, [(key, text)])


@pytest.mark.parametrize("key", ["Guid", "Name"])
def test_what_every_client_needs_cannot_be_taken_away(key: str) -> None:
    with pytest.raises(MalformedPropertyError, match=key):
        profiles.overlay(DEFAULT, [(key, "null")])


def test_a_colour_is_an_object_with_components() -> None:
    red = {"Red Component": 1, "Green Component": 0, "Blue Component": 0}
    found = profiles.overlay(DEFAULT, [("Ansi 1 Color (Dark)", json.dumps(red))])
    assert found["Ansi 1 Color (Dark)"] == red
    for bad in ('"red"', "{}", '{"Red Component": "1"}', "1"):
        with pytest.raises(MalformedPropertyError, match="Tab Color"):
            profiles.overlay(DEFAULT, [("Tab Color", bad)])
    assert profiles.overlay({"Tab Color": red}, [("Tab Color", '"null"')]) == {}
    assert profiles.overlay(DEFAULT, [("Use Tab Color", "true")])["Use Tab Color"] is True


def test_a_changed_copy_has_a_guid_of_its_own_and_knows_where_it_comes_from() -> None:
    own = profiles.own_copy(DEFAULT, {"Name": "Mine", "Columns": 90})
    assert (own["Name"], own["Original Guid"]) == ("Mine", DEFAULT_GUID)
    assert own["Guid"] not in {DEFAULT_GUID, profiles.own_copy(DEFAULT, {"Rows": 9})["Guid"]}
    again = profiles.own_copy(own, {"Rows": 9, "Guid": "x", "Original Guid": "y"})
    assert again == own | {"Rows": 9}


def test_a_copy_in_which_nothing_changed_is_still_the_shared_profile() -> None:
    own = profiles.own_copy(DEFAULT, {"Columns": 80, "Nothing": None})
    assert own == DEFAULT
    assert own is not DEFAULT


@pytest.mark.parametrize(
    ("columns", "rows", "expected"),
    [(80, 25, (80, 25)), (0, -3, (2, 2)), (10**9, 1e300, (1000, 1000)), (80.9, 25.2, (80, 25))],
)
def test_the_grid_is_bounded(columns: float, rows: float, expected: tuple[int, int]) -> None:
    assert profiles.grid({"Columns": columns, "Rows": rows}) == expected


@pytest.mark.parametrize(
    ("profile", "lines"),
    [
        ({}, 10_000),
        ({"Scrollback Lines": -1}, 0),
        ({"Scrollback Lines": 10**12}, 1_000_000),
        ({"Scrollback Lines": 5, "Unlimited Scrollback": True}, 1_000_000),
    ],
)
def test_the_history_is_bounded(profile: dict[str, Any], lines: int) -> None:
    assert profiles.scrollback(profile) == lines


@given(VALUES)
def test_json_that_can_be_sent_is_read_as_it_was_meant(value: Any) -> None:  # noqa: ANN401
    assert read_json(json.dumps(value)) == value


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        value = read_json(text)
    except ValueError:
        return
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    "make",
    [
        lambda: "NaN",
        lambda: "-Infinity",
        lambda: "1e999",
        lambda: "[" * 100_000,
        lambda: "1" * 5_000,
        lambda: '"\\udc00"',
        lambda: '{"\\ud800": 1}',
    ],
)
def test_what_no_other_reader_takes_is_refused(make: Callable[[], str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the reason
        read_json(make())


def test_a_new_pane_has_its_neighbours_tab_colour_unless_it_has_its_own() -> None:
    """API §2.6."""
    red, blue = {"Red Component": 1}, {"Blue Component": 1}
    colored = {"Use Tab Color": True, "Tab Color": red, "Other": 1}
    taken = profiles.beside({"Guid": "G", "Name": "N"}, colored)
    assert (taken["Tab Color"], taken["Use Tab Color"], "Other" in taken) == (red, True, False)
    own = {"Guid": "G", "Use Tab Color": True, "Tab Color": blue}
    assert profiles.beside(own, colored) == own
    assert profiles.beside({"Guid": "G"}, {"Tab Color": red}) == {"Guid": "G"}
