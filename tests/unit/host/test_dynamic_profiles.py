"""Profiles from files: who inherits from whom, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.host.dynamic_profiles import PARENT_GUID, PARENT_NAME, compose
from iterm_mcp.host.profiles import DEFAULT, DEFAULT_GUID


def files(*entries: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"mine.json": {"Profiles": list(entries)}}


def named(guid: str, **values: object) -> dict[str, Any]:
    return {"Guid": guid, "Name": f"the {guid}", **values}


def test_without_files_there_is_the_built_in_profile() -> None:
    assert compose({}, {}) == ({DEFAULT_GUID: DEFAULT}, [])


def test_a_profile_without_a_parent_starts_from_the_built_in_one() -> None:
    found, problems = compose(files(named("A", Columns=99, Own=[1], Rows=None)), {})
    assert not problems
    assert list(found) == [DEFAULT_GUID, "A"]
    assert found["A"] == {k: v for k, v in DEFAULT.items() if k != "Rows"} | named(
        "A", Columns=99, Own=[1]
    )


@pytest.mark.parametrize("parent", [{PARENT_GUID: "A"}, {PARENT_NAME: "the A"}])
def test_a_parent_is_found_by_guid_or_name_in_any_file(parent: dict[str, str]) -> None:
    content = {
        "1.json": {"Profiles": [named("B", Rows=7, **parent)]},
        "2.json": {"Profiles": [named("A", Columns=99, Rows=5, **{PARENT_NAME: "Default"})]},
    }
    found, problems = compose(content, {})
    assert not problems
    assert (found["B"]["Columns"], found["B"]["Rows"]) == (99, 7)
    assert {key: value for key, value in found["B"].items() if "Parent" in key} == parent


def test_the_guid_of_a_parent_counts_before_its_name() -> None:
    both = {PARENT_GUID: "A", PARENT_NAME: "the C"}
    found, _ = compose(files(named("A", Columns=1), named("C", Columns=3), named("B", **both)), {})
    assert found["B"]["Columns"] == 1


@pytest.mark.parametrize("parent", [{PARENT_GUID: "none"}, {PARENT_NAME: "none"}, {PARENT_GUID: 7}])
def test_a_parent_that_does_not_exist_is_reported(parent: dict[str, Any]) -> None:
    found, problems = compose(files(named("B", **parent)), {})
    assert found["B"]["Columns"] == 80
    assert problems == ["profile 'the B' has a parent that does not exist"]


def test_profiles_that_descend_from_each_other_are_reported_and_usable() -> None:
    found, problems = compose(
        files(
            named("A", Columns=1, **{PARENT_GUID: "B"}), named("B", Rows=2, **{PARENT_GUID: "A"})
        ),
        {},
    )
    assert len(problems) == 1
    assert "its own ancestor" in problems[0]
    assert (found["A"]["Columns"], found["B"]["Rows"]) == (1, 2)
    assert found["A"]["Terminal Type"] == DEFAULT["Terminal Type"]


def test_a_long_line_of_ancestors_is_worked_out() -> None:
    line = [named(str(n), **{PARENT_GUID: str(n + 1)}) for n in range(5000)]
    found, _ = compose(files(*line, named("5000", Columns=9)), {})
    assert found["0"]["Columns"] == 9


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], "no list of Profiles"),
        ({"Profiles": {}}, "no list of Profiles"),
        ({"Profiles": ["text"]}, "no object"),
        ({"Profiles": [{"Name": "x"}]}, "no Guid"),
        ({"Profiles": [{"Guid": "x", "Name": ""}]}, "no Name"),
        ({"Profiles": [named("x", Columns="wide")]}, "Columns has another type"),
        ({"Profiles": [named(DEFAULT_GUID)]}, "is taken"),
        ({"Profiles": [named("good", Rows=1)]}, "is taken"),
    ],
)
def test_what_is_wrong_is_left_out_and_reported(content: object, problem: str) -> None:
    good = {"Profiles": [named("good", Rows=9)]}
    found, problems = compose({"a.json": good, "b.json": content}, {})
    assert list(found) == [DEFAULT_GUID, "good"]
    assert found["good"]["Rows"] == 9
    (told,) = problems
    assert told.startswith("b.json: ")
    assert problem in told


def test_what_clients_changed_wins_and_is_inherited() -> None:
    edits = {DEFAULT_GUID: {"Columns": 50}, "A": {"Rows": 3, "Badge Text": None}, "gone": {}}
    found, problems = compose(files(named("A", Rows=2), named("B", **{PARENT_GUID: "A"})), edits)
    assert not problems
    assert [found[one]["Columns"] for one in (DEFAULT_GUID, "A", "B")] == [50, 50, 50]
    assert (found["A"]["Rows"], found["B"]["Rows"]) == (3, 3)
    assert "Badge Text" not in found["A"]
    assert DEFAULT["Columns"] == 80


@pytest.mark.parametrize("edit", [7, {"Rows": "many"}, {"Name": None}, [1]])
def test_changes_that_somebody_broke_are_reported(edit: object) -> None:
    found, problems = compose(files(named("A", Rows=2)), {"A": edit})
    assert found["A"]["Rows"] == 2
    assert len(problems) == 1
    assert "'A'" in problems[0]


def test_a_change_cannot_give_a_profile_another_guid() -> None:
    found, _ = compose(files(named("A")), {"A": {"Guid": "B", "Rows": 4}})
    assert (found["A"]["Guid"], found["A"]["Rows"]) == ("A", 4)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Profiles", "Guid", "Name", PARENT_GUID, PARENT_NAME, "Rows"]), inner
        )
    ),
)


@given(st.dictionaries(st.text("xy"), JSON, max_size=3), st.dictionaries(st.text("ab"), JSON))
def test_whatever_files_hold_each_profile_can_be_used(
    content: dict[str, Any], edits: dict[str, Any]
) -> None:
    found, _ = compose(content, edits)
    assert DEFAULT_GUID in found
    for guid, profile in found.items():
        assert profile["Guid"] == guid
        assert isinstance(profile["Name"], str)
        assert isinstance(profile.get("Rows", 1), int)
