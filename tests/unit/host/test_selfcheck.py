"""The host's own check of its emulator: passes here, and names whatever is not as it should."""

from __future__ import annotations

import pytest

from iterm_mcp.host import selfcheck
from iterm_mcp.host.ghostty import EmulatorError
from iterm_mcp.host.lines import Line
from iterm_mcp.host.selfcheck import SelfCheckError, check_emulator


def test_the_emulator_shows_what_it_is_fed() -> None:
    check_emulator()


@pytest.mark.parametrize("number", range(6))
def test_every_line_that_differs_is_named(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = list(selfcheck._EXPECTED)
    lines[number] = Line("another")
    monkeypatch.setattr(selfcheck, "_EXPECTED", lines)
    with pytest.raises(SelfCheckError, match=f"does not show what it is fed: line {number} is"):
        check_emulator()


def test_lines_that_are_lost_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selfcheck, "_TEXT", selfcheck._TEXT[7:])
    with pytest.raises(SelfCheckError, match=r"history is 1, not 2; cursor is .*lines is 5, not 6"):
        check_emulator()


@pytest.mark.parametrize(
    ("error", "reason"),
    [(EmulatorError("a style has 80 bytes"), "a style has"), (KeyError("bold"), "KeyError")],
)
def test_a_build_that_does_not_fit_is_refused_with_what_to_do(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differs() -> None:
        raise error

    monkeypatch.setattr(selfcheck, "check_layout", differs)
    with pytest.raises(SelfCheckError, match=f"cannot be used: {reason}") as caught:
        check_emulator()
    assert "Install" in caught.value.hint
