"""What tokens cost: by the prices of their day, by the user's own, or not known.

The dated prices come with a library and are never fetched. A user's own stand in ``prices.toml``
in the state folder, and win::

    [[our-model]]
    since = 2026-11-01
    input = 3.0
    output = 15.0
    cache_read = 0.3
    cache_write = 3.75
    cache_write_1h = 6.0

Amounts are US dollars for a million tokens. A kind of tokens without a price of its own costs what
`input` does. A model that neither knows is unpriced: no other model's price is taken for it.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.events import Cost, CostBasis, TokenUsage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROVIDERS: Mapping[str, str] = {"claude": "anthropic", "codex": "openai", "gemini": "google"}
"""Whose models an agent of which kind asks, unless the model's name says otherwise."""

MILLION = 1_000_000
NANO = 1_000_000_000
MOST_BYTES = 1 << 20

UNPRICED = Cost(0, CostBasis.UNPRICED)

RATES = ("input", "cache_read", "cache_write", "cache_write_1h", "output")

_VARIANT = re.compile(r"\[[^\]]*\]\Z")
"""How a client notes a larger context behind a model's name: ``claude-opus-5[1m]``."""
_CLOUD = re.compile(r"(?:[a-z]{2,6}\.)?anthropic\.")
"""How Amazon names Anthropic's models."""
_VERTEX = re.compile(r"@(\d{8}|latest|default)\Z")
"""How Google names the version of Anthropic's models."""


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """What the user says that a model costs from some day on, in dollars a million tokens."""

    model: str
    since: date
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal

    def dollars(self, usage: TokenUsage) -> Decimal:
        """Return what the tokens cost."""
        return sum(
            (Decimal(getattr(usage, name)) * getattr(self, name) for name in RATES), Decimal()
        ) / Decimal(MILLION)


Listed: TypeAlias = "Callable[[TokenUsage, str, str | None, datetime, str], Decimal | None]"
"""The library's prices, asked by usage, model, provider, time and speed: the dollars, or None for
a model or a kind of tokens that it knows no price of."""


class Prices:
    """Answers what tokens cost.

    Args:
        listed: The library's prices.
        own: The user's; of several for one model the newest of its day counts.
    """

    def __init__(self, listed: Listed, own: Sequence[OwnPrice] = ()) -> None:
        self._listed = listed
        self._own: dict[str, list[OwnPrice]] = {}
        for price in sorted(own, key=lambda one: one.since):
            self._own.setdefault(price.model, []).append(price)

    def cost(
        self, usage: TokenUsage, model: str, kind: str, at: datetime, *, speed: str = ""
    ) -> Cost:
        """Return what the tokens of one answer cost; unpriced if that is not known.

        Args:
            model: As the agent calls it.
            kind: The agent's kind, which tells whose model it is.
            at: When it answered, aware.
            speed: ``fast`` where the provider has a dearer, faster variant.
        """
        dollars = self._by_own(usage, model, at)
        if dollars is None:
            name, provider = _named(model, kind)
            dollars = self._listed(usage, name, provider, at, speed) if name else None
        if dollars is None:
            return UNPRICED
        nano = (dollars * NANO).to_integral_value(ROUND_HALF_EVEN)
        return Cost(int(nano), CostBasis.COMPUTED)

    def _by_own(self, usage: TokenUsage, model: str, at: datetime) -> Decimal | None:
        dated = self._own.get(model) or self._own.get(_VARIANT.sub("", model))
        if not dated:
            return None
        index = bisect_right(dated, at.astimezone(UTC).date(), key=lambda one: one.since)
        return dated[index - 1].dollars(usage) if index else None


def _named(model: str, kind: str) -> tuple[str, str | None]:
    """Return the model's name as price lists have it, and whose it is."""
    name = _VARIANT.sub("", model.strip())
    if name.startswith("<"):  # such as <synthetic>: an answer that no model gave
        return "", None
    if _CLOUD.match(name):
        return name, "aws"
    return _VERTEX.sub(lambda found: f"-{found[1]}", name), PROVIDERS.get(kind)


def _load_listed() -> Listed:
    """Import the library, which takes tenths of a second, and return its prices."""
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - slow, see above

    def listed(
        usage: TokenUsage, model: str, provider: str | None, at: datetime, speed: str
    ) -> Decimal | None:
        written = usage.cache_write + usage.cache_write_1h
        counted = Usage(  # the library's fields include one another
            input_tokens=usage.input + usage.cache_read + written,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=written,
            cache_write_1h_tokens=usage.cache_write_1h,
            output_tokens=usage.output,
        )
        try:
            return calc_price(
                counted,
                model,
                provider_id=provider,
                genai_request_timestamp=at,
                price_context={"speed": speed} if speed else None,
            ).total_price
        except (LookupError, ValueError):
            return None

    return listed


async def read_own_file(own_path: str) -> tuple[OwnPrice, ...]:
    """Read the user's own prices; none without a file.

    Raises:
        InvalidRequestError: The file cannot be read, or means nothing.
    """
    path = anyio.Path(own_path)
    try:
        if (await path.stat()).st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES} bytes")  # noqa: TRY301
        return read_own_prices(await path.read_text("utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise InvalidRequestError(
            f"{own_path} cannot be used: {error}",
            hint="Mend it, or remove it: then only the listed prices count.",
            code="bad_price_file",
        ) from None


class PriceSource:
    """Brings the prices when they are first asked for: the library takes tenths of a second.

    Args:
        own: The user's.
        listed: Brings the library's, in a thread.
    """

    def __init__(
        self, own: Sequence[OwnPrice] = (), listed: Callable[[], Listed] = _load_listed
    ) -> None:
        self._own = own
        self._load = listed
        self._prices: Prices | None = None
        self._turn = anyio.Lock()

    async def get(self) -> Prices:
        """Return the prices."""
        async with self._turn:
            if self._prices is None:
                self._prices = Prices(await to_thread.run_sync(self._load), self._own)
            return self._prices


def read_own_prices(text: str) -> tuple[OwnPrice, ...]:
    """Return the prices that a TOML text tells.

    Raises:
        ValueError: It means nothing; the message says where.
    """
    found: list[OwnPrice] = []
    for model, entries in tomllib.loads(text).items():
        listed = entries if isinstance(entries, list) else [entries]
        found += [_read_own(model, entry) for entry in listed]
    return tuple(found)


def _read_own(model: str, entry: object) -> OwnPrice:
    if not isinstance(entry, dict):
        raise ValueError(f"{model!r} is no table")  # noqa: TRY004 - of the file's making
    if unknown := entry.keys() - {"since", *RATES}:
        raise ValueError(f"{model!r} has the unknown key {min(unknown)!r}")
    since: Any = entry.get("since", date.min)
    if isinstance(since, datetime) or not isinstance(since, date):
        raise ValueError(f"since of {model!r} is no day, such as 2026-11-01")  # noqa: TRY004 - of the file's making
    rates = {name: _rate(model, name, entry[name]) for name in RATES if name in entry}
    if missing := {"input", "output"} - rates.keys():
        raise ValueError(f"{model!r} lacks {min(missing)!r}")
    return OwnPrice(model, since, **{name: rates.get(name, rates["input"]) for name in RATES})


def _rate(model: str, name: str, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < MILLION:
        raise ValueError(f"{name} of {model!r} is no number of dollars a million tokens")
    return Decimal(str(value))
