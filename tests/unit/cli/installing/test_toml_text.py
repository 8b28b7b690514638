"""Editing a user's TOML: one table changes, and not one character besides."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.cli.installing.errors import ConfigError
from iterm_mcp.cli.installing.toml_text import read, with_table, without_table

SERVER: dict[str, Any] = {"command": "/bin/iterm-mcp", "args": ["--tier", "read"]}

USERS = '''# mine
model = "o3"  # [mcp_servers.ours]
notes = """
[mcp_servers.ours]
command = "no"
"""
list = [
  "[mcp_servers.ours]", # a comment ]
  'its',
]

[mcp_servers.other]
command = "npx"
args = ["-y", "thing"]

# of the profile
[profiles.fast]
model = "o4"
'''


pieces = st.sampled_from(
    [
        "# a comment\n",
        "\n",
        'one = "1"\n',
        "two = [\n  1,\n  # [mcp_servers.ours]\n  2,\n]\n",
        'three = """\n[mcp_servers.ours]\n"""\n',
        "four = '''\n[x]'''\n",
        "five = { a = 1, b = [2, 3] }\n",
        "[mcp_servers.other]\ncommand = 'x'\n",
        '[mcp_servers.other.env]\nA = "1"\n',
        "[[rows]]\nname = 1\n",
        "[rows_of.other]\n'odd key' = 2020-01-01T00:00:00Z\n",
        '"quoted".dotted = true\n',
    ]
)


@st.composite
def configs(draw: st.DrawFn) -> str:
    """A valid configuration out of pieces, in any order."""
    text = "".join(draw(st.lists(pieces, max_size=8, unique=True)))
    text = text.removesuffix("\n") if draw(st.booleans()) else text
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@given(configs())
def test_what_was_put_in_is_all_that_is_new(text: str) -> None:
    after = with_table(text, "mcp_servers", "ours", SERVER)
    value = read(text)
    inner = value.get("mcp_servers", {})
    assert read(after) == {**value, "mcp_servers": {**inner, "ours": SERVER}}
    assert after.startswith(text)


@given(configs())
def test_taking_out_undoes_putting_in(text: str) -> None:
    after = with_table(text, "mcp_servers", "ours", SERVER)
    back = without_table(after, "mcp_servers", "ours")
    newline = "\r\n" if "\r\n" in text else "\n"
    assert back in {text, text + newline}  # what had no end of line has one now
    assert without_table(text, "mcp_servers", "ours") == text


@given(configs())
def test_what_came_after_it_stays(text: str) -> None:
    after = with_table(text, "mcp_servers", "ours", SERVER) + "\n# of more\n[more]\n" + "a = 1\n"
    back = without_table(after, "mcp_servers", "ours")
    assert back.endswith("\n# of more\n[more]\na = 1\n")
    assert read(back)["more"] == {"a": 1}


def test_the_rest_is_kept_with_its_comments_and_order() -> None:
    after = with_table(USERS, "mcp_servers", "ours", {**SERVER, "env": {"A": "1"}})
    assert after == USERS + (
        '\n[mcp_servers.ours]\ncommand = "/bin/iterm-mcp"\nargs = ["--tier", "read"]\n'
        '\n[mcp_servers.ours.env]\nA = "1"\n'
    )
    assert without_table(after, "mcp_servers", "ours") == USERS


def test_a_table_is_replaced_where_it_stands() -> None:
    text = (
        '[mcp_servers.ours] # old\ncommand = "x"\n# inside\nargs = []\n\n'
        "# of a\n[a]\nb = 1\n\n[mcp_servers.ours.env]\nA = '1'\n"
    )
    after = with_table(text, "mcp_servers", "ours", {"command": "y"})
    assert after == '[mcp_servers.ours]\ncommand = "y"\n\n# of a\n[a]\nb = 1\n\n'


@pytest.mark.parametrize(
    "text",
    [
        "[mcp_servers]\nours = { command = 'x' }\n",
        "mcp_servers.ours.command = 'x'\nmcp_servers.ours.args = []\n",
        "[ mcp_servers . 'ours' ]\ncommand = 'x'\n",
        "mcp_servers = { ours = { command = 'x' } }\n",
    ],
)
def test_however_a_table_is_written_it_is_found(text: str) -> None:
    assert not read(without_table(text, "mcp_servers", "ours")).get("mcp_servers")
    assert read(with_table(text, "mcp_servers", "ours", SERVER))["mcp_servers"]["ours"] == SERVER


VALUE: dict[str, Any] = {
    "text": 'a "quoted" \\ \x7f \n é',
    "yes": True,
    "list": [1, 2.5, "x", [], {}],
    "inline": [{"odd key": 1, "b": False}],
    "table": {"deep": {"a b": "c"}, "n": -1},
    "empty": {},
}


def test_every_kind_of_value_is_written_as_it_is_read() -> None:
    value = {**VALUE, "at": tomllib.loads("a = 2020-01-01T10:00:00Z")["a"]}
    assert read(with_table("", "mcp_servers", "odd name", value)) == {
        "mcp_servers": {"odd name": value}
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = 1\nb = \n", "line 2"),
        ("mcp_servers = 1\n", "mcp_servers is no table"),
        ("mcp_servers = { a = { command = 'x' } }\n", "not changed safely"),
    ],
)
def test_what_cannot_be_changed_safely_is_refused_with_the_place(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as refused:
        with_table(text, "mcp_servers", "ours", SERVER)
    assert refused.value.hint


def test_a_table_within_a_line_with_others_is_refused() -> None:
    with pytest.raises(ConfigError, match="not changed safely"):
        without_table("mcp_servers = { ours = {}, a = {} }\n", "mcp_servers", "ours")
