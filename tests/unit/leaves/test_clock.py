from datetime import UTC

from iterm_mcp.clock import SystemClock


def test_the_systems_time_is_aware_and_its_measure_never_runs_back() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()
