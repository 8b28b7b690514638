from datetime import timedelta

import pytest

from iterm_mcp.testing import FakeClock


def test_both_kinds_of_time_move_together_and_only_when_told() -> None:
    clock = FakeClock()
    start = clock.now()
    assert (clock.now(), clock.monotonic()) == (start, 0.0)

    clock.advance(90)

    assert (clock.now(), clock.monotonic()) == (start + timedelta(seconds=90), 90.0)


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="cannot go back"):
        FakeClock().advance(-1)
