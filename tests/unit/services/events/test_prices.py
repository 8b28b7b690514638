from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.events import Cost, CostBasis, TokenUsage
from iterm_mcp.services.events.prices import (
    UNPRICED,
    Prices,
    PriceSource,
    _load_listed,
    read_own_file,
    read_own_prices,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iterm_mcp.services.events.prices import Listed

AT = datetime(2026, 11, 1, tzinfo=UTC)
MILLION = 1_000_000


@pytest.fixture(scope="module")
def listed() -> Prices:
    return Prices(_load_listed())


def computed(dollars: str) -> Cost:
    return Cost(int(Decimal(dollars) * 10**9), CostBasis.COMPUTED)


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [  # claude-opus-5-5: 4 in, 20 out, 0.2 read, 5 and 8 written
        (TokenUsage(input=20_000, cache_read=60_000, cache_write=20_000, output=5_000), "0.292"),
        (TokenUsage(input=20_000, cache_read=60_000, cache_write_1h=20_000, output=5_000), "0.352"),
        (TokenUsage(cache_write=10_000, cache_write_1h=20_000), "0.21"),
        (TokenUsage(output=100, reasoning=90), "0.002"),
        (TokenUsage(), "0"),
    ],
)
def test_every_kind_of_tokens_has_its_own_price(
    listed: Prices, usage: TokenUsage, dollars: str
) -> None:
    assert listed.cost(usage, "claude-opus-5-5", "claude", AT) == computed(dollars)


def test_a_faster_answer_is_dearer(listed: Prices) -> None:
    usage = TokenUsage(input=MILLION)
    plain = listed.cost(usage, "claude-opus-5-5", "claude", AT)
    fast = listed.cost(usage, "claude-opus-5-5", "claude", AT, speed="fast")
    assert fast.nanodollars > plain.nanodollars


@pytest.mark.parametrize(
    ("model", "kind", "same_as"),
    [
        ("claude-opus-5-5[1m]", "claude", "claude-opus-5-5"),
        ("claude-opus-5-5-20261001", "claude", "claude-opus-5-5"),
        ("claude-opus-5-5@20261001", "claude", "claude-opus-5-5"),
        (" claude-opus-5-5 ", "claude", "claude-opus-5-5"),
        ("claude-opus-5-5", "", "claude-opus-5-5"),
    ],
)
def test_one_model_under_many_names(listed: Prices, model: str, kind: str, same_as: str) -> None:
    usage = TokenUsage(input=MILLION, output=MILLION)
    cost = listed.cost(usage, model, kind, AT)
    assert cost.basis is CostBasis.COMPUTED
    assert cost == listed.cost(usage, same_as, "claude", AT)


def test_a_cloud_has_its_own_prices(listed: Prices) -> None:
    usage = TokenUsage(input=MILLION)
    cost = listed.cost(usage, "us.anthropic.claude-opus-5-5-v1:0", "claude", AT)
    assert cost == computed("4.4")


@pytest.mark.parametrize("model", ["<synthetic>", "opus", "made-up-9", "", "[1m]"])
@pytest.mark.parametrize("kind", ["claude", "codex", "gemini", "tiny"])
def test_a_model_that_nobody_knows_is_unpriced_and_costs_no_other_ones_price(
    listed: Prices, model: str, kind: str
) -> None:
    assert listed.cost(TokenUsage(input=MILLION), model, kind, AT) == UNPRICED


OWN = """
[[ours]]
since = 2026-01-01
input = 1
output = 10
[[ours]]
since = 2026-06-01
input = 2.5
output = 20
cache_read = 0.25
cache_write = 3
cache_write_1h = 5
["gpt-6-sol"]
input = 0.5
output = 0.5
"""


def test_the_users_prices_of_their_day_win(listed: Prices) -> None:
    own = Prices(_load_listed(), read_own_prices(OWN))
    usage = TokenUsage(
        input=MILLION, cache_read=MILLION, cache_write=MILLION, cache_write_1h=MILLION,
        output=MILLION,
    )  # fmt: skip

    def ours(month: int, model: str = "ours") -> Cost:
        return own.cost(usage, model, "codex", datetime(2026, month, 1, tzinfo=UTC))

    assert ours(3) == computed("14")  # what has no price costs what input does
    assert ours(6) == ours(11) == ours(6, "ours[1m]") == computed("30.75")
    assert own.cost(usage, "ours", "codex", datetime(2025, 12, 31, tzinfo=UTC)) == UNPRICED
    assert ours(11, "gpt-6-sol") == computed("2.5")
    assert ours(11, "gpt-5.6-sol") == listed.cost(usage, "gpt-5.6-sol", "codex", AT)


def test_a_day_is_utcs() -> None:
    own = Prices(lambda *_: None, read_own_prices("[m]\nsince=2026-06-01\ninput=1\noutput=1"))
    usage = TokenUsage(input=MILLION)
    evening = datetime.fromisoformat("2026-05-31T20:00:00-05:00")
    assert own.cost(usage, "m", "", evening) == computed("1")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[m]\ninput = 1", "lacks 'output'"),
        ("[m]\ninput = -1\noutput = 1", "input of 'm'"),
        ("[m]\ninput = nan\noutput = 1", "input of 'm'"),
        ("[m]\ninput = 1\noutput = true", "output of 'm'"),
        ("[m]\ninput = 1\noutput = 1\nimput = 1", "'imput'"),
        ("[m]\nsince = 2026-01-01T00:00:00\ninput = 1\noutput = 1", "no day"),
        ("[m]\nsince = 3\ninput = 1\noutput = 1", "no day"),
        ("m = 3", "no table"),
        ("m = [3]", "no table"),
        ("[m", "table"),
    ],
)
def test_a_file_that_means_nothing_is_told(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_own_prices(text)


async def test_own_prices_are_read_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    assert await read_own_file(str(path)) == ()
    path.write_text(OWN)
    assert [one.model for one in await read_own_file(str(path))] == ["ours", "ours", "gpt-6-sol"]


async def test_the_library_is_brought_once_and_when_it_is_wanted() -> None:
    brought: list[int] = []

    def load() -> Listed:
        brought.append(1)
        return lambda *_: None

    source = PriceSource(read_own_prices(OWN), load)
    assert brought == []
    prices = await source.get()
    assert await source.get() is prices
    assert brought == [1]
    assert prices.cost(TokenUsage(input=MILLION), "ours", "", AT) == computed("2.5")


@pytest.mark.parametrize("content", [b"[m]\ninput=1", b"\xff", b"#" * ((1 << 20) + 1)])
async def test_a_bad_file_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "prices.toml"
    path.write_bytes(content)
    with pytest.raises(InvalidRequestError) as caught:
        await read_own_file(str(path))
    assert caught.value.code == "bad_price_file"
    assert str(path) in str(caught.value)


def test_the_library_is_told_what_it_needs() -> None:
    seen: list[Mapping[str, object]] = []

    def listed(
        usage: TokenUsage, model: str, provider: str | None, at: datetime, speed: str
    ) -> Decimal | None:
        seen.append({"model": model, "provider": provider, "at": at, "speed": speed})
        return Decimal(usage.total) / 3

    cost = Prices(listed).cost(TokenUsage(output=1), "gemini-x", "gemini", AT, speed="fast")
    assert seen == [{"model": "gemini-x", "provider": "google", "at": AT, "speed": "fast"}]
    assert cost == Cost(333_333_333, CostBasis.COMPUTED)
