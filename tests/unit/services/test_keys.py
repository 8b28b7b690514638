from __future__ import annotations

import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.sessions.keys import key_names, key_sequence


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("enter", "\r"),
        ("Enter", "\r"),
        ("tab", "\t"),
        ("shift-tab", "\x1b[Z"),
        ("escape", "\x1b"),
        ("backspace", "\x7f"),
        ("ctrl-c", "\x03"),
        ("CTRL-C", "\x03"),
        ("ctrl-[", "\x1b"),
        ("ctrl-_", "\x1f"),
        ("ctrl-space", "\0"),
        ("alt-b", "\x1bb"),
        ("alt-enter", "\x1b\r"),
        ("ctrl-alt-x", "\x1b\x18"),
        ("up", "\x1b[A"),
        ("ctrl-right", "\x1b[1;5C"),
        ("shift-alt-left", "\x1b[1;4D"),
        ("home", "\x1b[H"),
        ("page-down", "\x1b[6~"),
        ("ctrl-delete", "\x1b[3;5~"),
        ("f1", "\x1bOP"),
        ("shift-f1", "\x1b[1;2P"),
        ("f5", "\x1b[15~"),
        ("f12", "\x1b[24~"),
        ("q", "q"),
        ("Q", "Q"),
        ("-", "-"),
        ("é", "é"),
    ],
)
def test_a_key_sends_what_xterm_sends(name: str, expected: str) -> None:
    assert key_sequence(name) == expected


@pytest.mark.parametrize(
    ("name", "same_as"),
    [
        ("C-c", "ctrl-c"),
        ("^C", "ctrl-c"),
        ("^[", "escape"),
        ("ctrl+c", "ctrl-c"),
        ("Control-C", "ctrl-c"),
        ("M-b", "alt-b"),
        ("option+b", "alt-b"),
        ("meta-enter", "alt-enter"),
        ("S-Tab", "shift-tab"),
        ("C-Space", "ctrl-space"),
        ("shift-a", "A"),
        ("PageUp", "page-up"),
        ("ctrl-PgDn", "ctrl-page-down"),
        ("alt-bs", "alt-backspace"),
        ("Arrow-Up", "up"),
        ("del", "delete"),
        ("ctrl-/", "ctrl-_"),
    ],
)
def test_other_ways_to_write_a_key_are_understood(name: str, same_as: str) -> None:
    assert key_sequence(name) == key_sequence(same_as)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("up", "\x1bOA"),
        ("down", "\x1bOB"),
        ("right", "\x1bOC"),
        ("left", "\x1bOD"),
        ("home", "\x1bOH"),
        ("end", "\x1bOF"),
        ("shift-up", "\x1b[1;2A"),
        ("page-up", "\x1b[5~"),
        ("f1", "\x1bOP"),
        ("a", "a"),
    ],
)
def test_application_mode_changes_the_bare_cursor_keys_alone(name: str, expected: str) -> None:
    assert key_sequence(name, application_cursor=True) == expected


@pytest.mark.parametrize("name", [
    "", "entr", "ctrl-", "ctrl-é", "ctrl-1", "ctrl-enter", "ctrl-alt-tab", "ctrl-f99", "hyper-x",
    "shift-1", "shift-enter", "ctrl-shift-é", "c-", "^1", "x-c",
])  # fmt: skip
def test_an_unknown_key_is_refused_with_advice(name: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        key_sequence(name)

    assert caught.value.hint


def test_a_near_miss_is_named() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        key_sequence("page-donw")

    assert "page-down" in caught.value.hint


def test_every_named_key_has_a_sequence() -> None:
    assert all(key_sequence(name) for name in key_names())
