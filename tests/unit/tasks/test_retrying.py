from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.tasks import RetryPolicy
from iterm_mcp.tasks.retrying import backoff_seconds

POLICIES = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 100),
    backoff_seconds=st.floats(0, 1e6),
    factor=st.floats(1, 1e6),
    most_seconds=st.floats(0, 1e7),
)


@given(POLICIES, st.integers(1, 1000))
def test_a_wait_never_shrinks_and_is_never_too_long(policy: RetryPolicy, failures: int) -> None:
    wait = backoff_seconds(policy, failures)

    assert 0 <= wait <= max(policy.most_seconds, 0)
    assert backoff_seconds(policy, failures + 1) >= wait


def test_each_wait_is_longer_by_the_factor() -> None:
    policy = RetryPolicy(attempts=5, backoff_seconds=10, factor=2, most_seconds=35)

    assert [backoff_seconds(policy, one) for one in (1, 2, 3, 4)] == [10, 20, 35, 35]


def test_no_backoff_is_no_wait() -> None:
    assert backoff_seconds(RetryPolicy(backoff_seconds=0), 3) == 0
