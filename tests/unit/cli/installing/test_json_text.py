"""Editing a user's JSON: one member changes, and not one character besides."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.cli.installing.errors import ConfigError
from iterm_mcp.cli.installing.json_text import read, with_member, without_member

SERVER = {"command": "/bin/iterm-mcp", "args": ["--tier", "read"]}

names = st.text(min_size=1, max_size=6).filter(lambda name: name not in {"mcpServers", "ours"})
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
)
others = st.dictionaries(names, values, max_size=4)
indents = st.sampled_from([None, 1, 2, 4, "\t"])


@st.composite
def configs(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A configuration as programs write them, with or without servers, and what it holds."""
    value: dict[str, Any] = draw(others)
    if draw(st.booleans()):
        value["mcpServers"] = draw(others)
    text = json.dumps(value, indent=draw(indents), ensure_ascii=draw(st.booleans()))
    text = draw(st.sampled_from(["", "\n", "\ufeff"])) + text + draw(st.sampled_from(["", "\n"]))
    return (text.replace("\n", "\r\n") if draw(st.booleans()) else text), value


def is_marked(text: str) -> bool:
    return text.startswith("\ufeff")


@given(configs())
def test_what_was_put_in_is_all_that_is_new(config: tuple[str, dict[str, Any]]) -> None:
    text, value = config
    after = with_member(text, "mcpServers", "ours", SERVER)
    inner = value.get("mcpServers", {})
    assert read(after) == {**value, "mcpServers": {**inner, "ours": SERVER}}
    assert is_marked(after) == is_marked(text)
    assert ("\r\n" in after) >= ("\r\n" in text)


@given(configs())
def test_taking_out_undoes_putting_in(config: tuple[str, dict[str, Any]]) -> None:
    text, value = config
    there = "mcpServers" in value
    after = with_member(text, "mcpServers", "ours", SERVER)
    back = without_member(after, "mcpServers", "ours", prune=not there)
    assert back == text
    assert without_member(text, "mcpServers", "ours") == text


@given(configs(), others)
def test_putting_in_twice_is_as_once_with_the_second(
    config: tuple[str, dict[str, Any]], second: dict[str, Any]
) -> None:
    text, _ = config
    once = with_member(text, "mcpServers", "ours", second)
    twice = with_member(
        with_member(text, "mcpServers", "ours", SERVER), "mcpServers", "ours", second
    )
    assert read(once) == read(twice)
    assert with_member(once, "mcpServers", "ours", second) == once


def test_no_line_but_the_new_ones_changes() -> None:
    text = '{\n    "theme": "dark",\n    "mcpServers": {\n        "a": {"command": "x"}\n    }\n}\n'
    assert with_member(text, "mcpServers", "ours", {"command": "y"}) == (
        '{\n    "theme": "dark",\n    "mcpServers": {\n'
        '        "ours": {\n            "command": "y"\n        },\n'
        '        "a": {"command": "x"}\n    }\n}\n'
    )


@pytest.mark.parametrize("text", ["", "\n", "\ufeff"])
def test_an_empty_file_counts_as_an_empty_object(text: str) -> None:
    after = with_member(text, "mcpServers", "ours", {"command": "y"})
    assert read(after) == {"mcpServers": {"ours": {"command": "y"}}}


COMMENTED = """// mine
{ // all of it
  /* servers: { */
  "mcpServers": { // here
    // the old one
    "a": {"command": "http://x"}, // "ours": {}
    "b": {} // last
  }
}
"""


def test_comments_stay_where_they_are() -> None:
    after = with_member(COMMENTED, "mcpServers", "ours", {}, comments=True)
    assert '{ // here\n    "ours": {},\n    // the old one\n' in after
    assert without_member(after, "mcpServers", "ours", comments=True) == COMMENTED
    for name in "ab":
        rest = without_member(COMMENTED, "mcpServers", name, comments=True)
        assert list(read(rest, comments=True)["mcpServers"]) == ["ab".replace(name, "")]
        assert rest.count("//") == COMMENTED.count("//") - ("http://" not in rest)


def test_an_object_of_comments_takes_a_member() -> None:
    text = '{\n  "mcpServers": {\n    // none yet\n  }\n}\n'
    after = with_member(text, "mcpServers", "ours", {}, comments=True)
    assert "// none yet\n" in after
    assert without_member(after, "mcpServers", "ours", comments=True) == text


def test_comments_are_refused_where_the_client_refuses_them() -> None:
    with pytest.raises(ConfigError, match="line 1"):
        with_member("// mine\n{}", "mcpServers", "ours", {})


def test_a_member_that_stands_there_twice_goes_wholly() -> None:
    text = '{"mcpServers": {"ours": 1, "a": 2, "ours": 3}}'
    assert without_member(text, "mcpServers", "ours") == '{"mcpServers": {"a": 2}}'


def test_a_member_in_one_line_is_replaced_in_one_line() -> None:
    text = '{\n  "mcpServers": {"ours": {"command": "x"}, "a": {}}\n}\n'
    after = with_member(text, "mcpServers", "ours", {"command": "y"})
    assert after == text.replace('"x"', '"y"')
    assert without_member(after, "mcpServers", "a") == after.replace(', "a": {}', "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{\n  "a": 1,\n}', "line 3"),
        ('{\n  "a": [1\n}', "line 3, column 1"),
        ("[]", "no JSON object"),
        ('{"mcpServers": []}', '"mcpServers" is no object'),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": ' + "[" * 100_000, "nested too deeply"),
        ('{"mcpServers": {"ours": 1}, "mcpServers": {"ours": 2}}', "cannot be changed safely"),
    ],
)
def test_what_cannot_be_changed_safely_is_refused_with_the_place(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as refused:
        without_member(text, "mcpServers", "ours", prune=True)
    assert refused.value.hint
