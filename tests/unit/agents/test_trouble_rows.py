"""What agents show when the service of their model refuses them."""

import pytest

from iterm_mcp.agents.trouble_rows import find_trouble


@pytest.mark.parametrize(
    ("row", "trouble"),
    [
        ("429 slow down · retrying in 6s · attempt 5/10",
         {"what": "rate_limited", "attempt": 5, "of": 10}),
        ("401 bad key · retrying in 1s · attempt 1/10",
         {"what": "auth_failed", "attempt": 1, "of": 10}),
        ("529 overloaded · retrying in 1s", {"what": "overloaded"}),
        ("500 server error · retrying in 2s", {"what": "api_retry"}),
        ("Reconnecting... 2/5 (12s)", {"what": "api_retry", "attempt": 2, "of": 5}),
        ("■ You've hit your usage limit. Upgrade or try again in 3 hours.",
         {"what": "rate_limited", "until": "3 hours"}),
        ("■ exceeded retry limit, last status: 429 Too Many Requests", {"what": "rate_limited"}),
        ("■ unexpected status 401 Unauthorized", {"what": "auth_failed"}),
        ("your credit balance is too low, retrying in 3s", {"what": "billing"}),
    ],
)  # fmt: skip
def test_a_refusal_is_told_by_its_kind(row: str, trouble: dict[str, object]) -> None:
    assert find_trouble(["• what I did", row]) == trouble


@pytest.mark.parametrize(
    "row", ["", "• I fixed the rate limit", "status: 429", "quota", "■ Conversation interrupted"]
)
def test_words_alone_are_no_trouble(row: str) -> None:
    assert find_trouble([row]) == {}
