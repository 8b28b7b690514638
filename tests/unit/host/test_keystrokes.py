"""Which keys a pattern names, and who is told of which."""

from __future__ import annotations

import pytest

from iterm_mcp.host import wire
from iterm_mcp.host.keystrokes import Keystroke
from iterm_mcp.host.subscriptions import ALL, Subscriptions

Pattern = wire.KeystrokePattern
Action = wire.KeystrokeNotification

CONTROL_A = Keystroke("\x01", "a", frozenset({wire.CONTROL}), code=0x20)
UP = Keystroke("a", "a", action=Action.KEY_UP)
HELD = Keystroke("", action=Action.FLAGS_CHANGED)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (Pattern(), False),
        (Pattern(required_modifiers=[wire.CONTROL]), False),
        (Pattern(keycodes=[1, 0x20]), True),
        (Pattern(characters=["\x01"]), True),
        (Pattern(characters_ignoring_modifiers=["a"]), True),
        (Pattern(characters=["a"]), False),
        (Pattern(required_modifiers=[wire.CONTROL], keycodes=[0x20]), True),
        (Pattern(required_modifiers=[wire.CONTROL, wire.SHIFT], keycodes=[0x20]), False),
        (Pattern(forbidden_modifiers=[wire.SHIFT], keycodes=[0x20]), True),
        (Pattern(forbidden_modifiers=[wire.CONTROL], keycodes=[0x20]), False),
    ],
)
def test_a_pattern_names_keys_by_modifiers_and_code_or_characters(
    pattern: Pattern, *, matches: bool
) -> None:
    assert CONTROL_A.matches([pattern]) is matches
    assert CONTROL_A.matches([Pattern(), pattern]) is matches


def told(mine: Subscriptions, session: str) -> list[bool]:
    return [mine.wants_key(session, one) for one in (CONTROL_A, UP, HELD)]


@pytest.mark.parametrize("session", ["s", ALL])
def test_keys_that_come_up_are_told_only_when_asked_for(session: str) -> None:
    mine = Subscriptions()
    assert told(mine, "s") == [False, False, False]
    mine.change_session(wire.NOTIFY_ON_KEYSTROKE, session, subscribe=True)
    mine.change_keys(session, wire.KeystrokeMonitorRequest())
    assert told(mine, "s") == [True, False, False]
    mine.change_keys(session, wire.KeystrokeMonitorRequest(advanced=True))
    mine.change_keys(session, wire.KeystrokeMonitorRequest())
    assert told(mine, "s") == [True, True, True]
    mine.change_keys(session, None)
    assert told(mine, "s") == [True, False, False]


def test_filters_take_keys_from_their_session_until_they_end() -> None:
    mine = Subscriptions()
    control = Pattern(keycodes=[0x20])
    for _ in range(2):
        mine.change_filter("s", wire.KeystrokeFilterRequest(patterns_to_ignore=[control]))
    assert mine.filter_patterns == {"s": [control]}
    assert [mine.takes_key(one, CONTROL_A) for one in ("s", "other")] == [True, False]
    mine.change_filter(ALL, wire.KeystrokeFilterRequest(patterns_to_ignore=[control]))
    assert mine.takes_key("other", CONTROL_A)
    assert not mine.takes_key("other", UP)
    mine.change_filter(ALL, None)
    assert not mine.takes_key("s", CONTROL_A)


def test_a_monitors_own_patterns_take_keys_too() -> None:
    mine = Subscriptions()
    asked = wire.KeystrokeMonitorRequest(patterns_to_ignore=[Pattern(characters=["\x01"])])
    mine.change_keys("s", asked)
    assert mine.takes_key("s", CONTROL_A)
    mine.change_keys("s", None)
    assert not mine.takes_key("s", CONTROL_A)


def test_a_session_that_is_gone_takes_its_keys_along() -> None:
    mine = Subscriptions()
    mine.change_session(wire.NOTIFY_ON_KEYSTROKE, "s", subscribe=True)
    mine.change_keys("s", wire.KeystrokeMonitorRequest(advanced=True))
    mine.change_filter(
        "s", wire.KeystrokeFilterRequest(patterns_to_ignore=[Pattern(keycodes=[32])])
    )
    mine.forget_session("s")
    assert mine == Subscriptions()
