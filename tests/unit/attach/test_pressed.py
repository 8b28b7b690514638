"""What a terminal sends, told apart into keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iterm2.keyboard import Keycode

from iterm_mcp.attach.modes import Modes, switch
from iterm_mcp.attach.pressed import MAX_KEYS, Key, pressed


@given(st.text(st.sampled_from("ab\x1b[O;159AZ~\r\x01漢"), max_size=MAX_KEYS + 2))
def test_nothing_that_was_typed_is_lost_or_moved(text: str) -> None:
    parts = [one.sent if isinstance(one, Key) else one for one in pressed(text)]
    assert "".join(parts) == text


@pytest.mark.parametrize(
    ("sent", "characters", "plain", "modifiers", "code"),
    [
        ("a", "a", "a", (), Keycode.ANSI_A),
        ("Z", "Z", "Z", ("SHIFT",), Keycode.ANSI_Z),
        ("?", "?", "?", ("SHIFT",), Keycode.ANSI_SLASH),
        ("\r", "\r", "\r", (), Keycode.RETURN),
        ("\x7f", "\x7f", "\x7f", (), Keycode.DELETE),
        ("\x03", "\x03", "c", ("CONTROL",), Keycode.ANSI_C),
        ("\0", "\0", " ", ("CONTROL",), Keycode.SPACE),
        ("\x1f", "\x1f", "_", ("CONTROL",), Keycode.ANSI_MINUS),
        ("\x1b", "\x1b", "\x1b", (), Keycode.ESCAPE),
        ("\x1bB", "B", "B", ("OPTION", "SHIFT"), Keycode.ANSI_B),
        ("\x1b[A", "\uf700", "\uf700", ("FUNCTION", "NUMPAD"), Keycode.UP_ARROW),
        ("\x1bOA", "\uf700", "\uf700", ("FUNCTION", "NUMPAD"), Keycode.UP_ARROW),
        ("\x1b[1;6D", "\uf702", "\uf702", ("SHIFT", "CONTROL", "FUNCTION", "NUMPAD"),
         Keycode.LEFT_ARROW),
        ("\x1bOQ", "\uf705", "\uf705", ("FUNCTION",), Keycode.F2),
        ("\x1b[24;3~", "\uf70f", "\uf70f", ("OPTION", "FUNCTION"), Keycode.F12),
        ("\x1b[3~", "\uf728", "\uf728", ("FUNCTION",), Keycode.FORWARD_DELETE),
        ("\x1b[Z", "\x19", "\x19", ("SHIFT",), Keycode.TAB),
        ("漢", "漢", "漢", (), Keycode(0)),
    ],
)  # fmt: skip
def test_a_key_is_known_by_what_it_sends(
    sent: str, characters: str, plain: str, modifiers: tuple[str, ...], code: Keycode
) -> None:
    assert list(pressed(sent)) == [Key(sent, characters, plain, modifiers, code.value)]


@pytest.mark.parametrize("text", ["\x1b[99~", "\x1b[200~", "\x1b[?1;2c", "\x1bOj"])
def test_what_no_key_sends_stays_one_piece(text: str) -> None:
    assert list(pressed(text)) == [text]


def test_more_than_anybody_presses_at_once_is_no_keys() -> None:
    assert list(pressed("x" * (MAX_KEYS + 1))) == ["x" * (MAX_KEYS + 1)]


def test_the_terminal_is_switched_only_where_something_changes() -> None:
    assert switch(Modes(), Modes(shows_cursor=False)) == b""
    full = Modes(application_cursor=True, application_keypad=True, bracketed_paste=True)
    assert switch(Modes(), full) == b"\x1b[?1h\x1b=\x1b[?2004h"
    assert switch(full, Modes(bracketed_paste=True)) == b"\x1b[?1l\x1b>"
