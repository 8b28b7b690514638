"""Budgets in a file that people write: ``budgets.toml`` in the state folder.

An agent that could change its own budget would have none, so there is no tool for it.

::

    time_zone = "Europe/Berlin"

    [budgets.daily]
    period = "day"
    dollars = 20
    steps = { 50 = "warn", 80 = "warn", 100 = "pause" }
    turns = "finish"

    [budgets.each-agent]
    period = "week"
    scope = "agent"
    tokens = 50_000_000
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import anyio
from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError, ItermMcpError, shown
from iterm_mcp.models.budgets import DEFAULT_STEPS, Act, Budget, Budgets, Period, Scope, Step, Turns

if TYPE_CHECKING:
    from enum import StrEnum

    E = TypeVar("E", bound=StrEnum)

KEYS = ("period", "scope", "of", "dollars", "tokens", "steps", "turns")
MOST_BYTES = 256 * 1024
MOST_BUDGETS = 200
MOST_STEPS = 20
MOST_PERCENT = 10_000
MOST_NAME = 100
MOST_DOLLARS = 9_000_000_000
"""So that nanodollars fit 64 bits."""
MOST_TOKENS = 10**18


class BudgetFile:
    """Reads the file again when it has changed.

    Attributes:
        known: It was understood once, or was not there.
    """

    def __init__(self, path: str) -> None:
        self._path = anyio.Path(path)
        self._seen: tuple[int, int] | None = None
        self._budgets = Budgets()
        self.known = False

    async def load(self) -> Budgets:
        """Return the file's budgets; none without a file.

        Raises:
            InvalidRequestError: It cannot be read, or means nothing.
        """
        try:
            found = await self._path.stat()
        except FileNotFoundError:
            self._seen, self._budgets, self.known = None, Budgets(), True
            return self._budgets
        seen = (found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            try:
                if found.st_size > MOST_BYTES:
                    raise ValueError(f"it has more than {MOST_BYTES} bytes")  # noqa: TRY301
                text = await self._path.read_text("utf-8")
                self._budgets = await to_thread.run_sync(read_budgets, text)  # it reads the zone
            except (OSError, ValueError, ItermMcpError) as error:
                raise InvalidRequestError(
                    f"{self._path} cannot be used: {error}",
                    hint=getattr(error, "hint", "") or "Mend it, or remove it.",
                    code="bad_budget_file",
                ) from None
            self._seen, self.known = seen, True
        return self._budgets

    @property
    def last(self) -> Budgets:
        """The budgets that were read last: they hold while nobody understands the file."""
        return self._budgets


def read_budgets(text: str) -> Budgets:
    """Return the budgets that a text describes.

    Raises:
        InvalidRequestError: It has a key that is none, or a value that means nothing.
        ValueError: It is no TOML.
    """
    stored = tomllib.loads(text, parse_float=Decimal)
    _check_keys("the file", stored, ("time_zone", "budgets"))
    zone = _zone(stored["time_zone"]) if "time_zone" in stored else None
    tables = stored.get("budgets", {})
    if not isinstance(tables, dict) or len(tables) > MOST_BUDGETS:
        raise _bad("budgets", f"is no list of at most {MOST_BUDGETS}", "Write [budgets.daily].")
    return Budgets(tuple(read_budget(name, values) for name, values in tables.items()), zone)


def read_budget(name: str, values: object) -> Budget:
    """Return the budget that a table of TOML describes.

    Raises:
        InvalidRequestError: It has a key that is none, or a value that means nothing.
    """
    place = f"budget {shown(name)!r}"
    if not isinstance(values, dict) or not 0 < len(name) <= MOST_NAME:
        raise _bad(place, "is no table with a short name", "Write [budgets.daily].")
    _check_keys(place, values, KEYS)
    scope = _word(place, "scope", values.get("scope", Scope.ALL), Scope)
    default = Period.EVER if scope in {Scope.CONVERSATION, Scope.SESSION} else None
    period = _word(place, "period", values.get("period", default), Period)
    of = values.get("of", "")
    if not isinstance(of, str) or (of and scope is Scope.ALL):
        raise _bad(place, "has an of that is none", "Name an agent, team, conversation or session.")
    budget = Budget(
        name,
        period,
        scope,
        of,
        int(_number(place, "dollars", values, MOST_DOLLARS) * 10**9),
        int(_number(place, "tokens", values, MOST_TOKENS)),
        _steps(place, values["steps"]) if "steps" in values else DEFAULT_STEPS,
        _word(place, "turns", values.get("turns", Turns.SUSPEND), Turns),
    )
    if not budget.nanodollars and not budget.tokens:
        raise _bad(place, "has no limit", "Give dollars, tokens or both, more than 0.")
    return budget


def _steps(place: str, given: object) -> tuple[Step, ...]:
    if not isinstance(given, dict) or not 0 < len(given) <= MOST_STEPS:
        raise _bad(place, "has steps that are none", 'Write steps = { 80 = "warn" }.')
    steps = []
    for percent, act in given.items():
        if not (percent.isascii() and percent.isdigit() and 0 < int(percent) <= MOST_PERCENT):
            raise _bad(place, f"has a step at {shown(percent)!r}", "Steps are whole percents.")
        steps.append(Step(int(percent), _word(place, f"step {percent}", act, Act)))
    return tuple(sorted(steps, key=lambda one: one.percent))


def _number(place: str, key: str, values: dict[str, Any], most: int) -> Decimal:
    given = values.get(key, 0)
    whole = isinstance(given, int) and not isinstance(given, bool)
    part = isinstance(given, Decimal) and given.is_finite() and key == "dollars"
    if not (whole or part) or not 0 <= given <= most:
        raise _bad(place, f"has {key} that are no number from 0 to {most}", f"Write {key} = 20.")
    return Decimal(given)


def _word(place: str, key: str, given: object, words: type[E]) -> E:
    if not isinstance(given, str) or given not in set(words):
        what = "lacks a" if given is None else f"has {shown(str(given))!r} as its"
        raise _bad(place, f"{what} {key}", f"Use {', '.join(words)}.")
    return words(given)


def _zone(zone: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(zone))
    except (KeyError, ValueError, OSError):  # the last for a folder's name
        hint = "Use a name such as Europe/Berlin."
        raise _bad("time_zone", f"{shown(str(zone))!r} is none", hint) from None


def _check_keys(place: str, values: dict[str, Any], keys: tuple[str, ...]) -> None:
    for key in values:
        if key not in keys:
            raise _bad(
                place, f"has a key {shown(key)!r} that is none", f"The keys are {', '.join(keys)}."
            )


def _bad(place: str, what: str, hint: str) -> InvalidRequestError:
    return InvalidRequestError(f"{place} {what}", hint=hint, code="bad_budget")
