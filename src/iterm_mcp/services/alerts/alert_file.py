"""What is worth an alert, and where it is told: ``alerts.toml`` in the state folder.

Whoever may read the file may read its secrets, so it must be its owner's alone (mode 0600) once
it holds one. ``url_env`` and ``secret_env`` name a variable of the daemon's environment instead.

::

    [rules]
    waiting_seconds = 300

    [quiet_hours]
    from = "22:00"
    until = "07:00"
    time_zone = "Europe/Berlin"
    unless = "critical"

    [sinks.ops]
    form = "slack"
    url = "https://hooks.slack.com/services/…"
    least = "warning"
    kinds = ["budget", "waiting"]
    teams = ["web"]
    digest_seconds = 60

    [sinks.here]
    form = "desktop"
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, fields
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from iterm_mcp.errors import InvalidRequestError, shown
from iterm_mcp.models.alerts import AlertKind, Severity
from iterm_mcp.models.notices import Form, QuietHours, SinkSettings, Via
from iterm_mcp.services.alerts.finding import AlertRules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

    E = TypeVar("E", bound=StrEnum)

MOST_BYTES = 256 * 1024
MOST_SINKS = 50
MOST_NUMBER = 10**15
OTHERS = 0o077
TOP = ("rules", "quiet_hours", "sinks")
QUIET = ("from", "until", "time_zone", "unless")
SINK = (
    "form", "url", "url_env", "secret", "secret_env", "allow_hosts", "least", "kinds", "teams",
    "digest_seconds", "via",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """What a user says about alerts."""

    rules: AlertRules = field(default_factory=AlertRules)
    quiet: QuietHours | None = None
    sinks: tuple[SinkSettings, ...] = ()


def load_alert_file(path: str, environ: Mapping[str, str]) -> AlertSettings:
    """Return what a file says; without a file, what holds then. It reads the disk.

    Raises:
        InvalidRequestError: It cannot be read, means nothing, or shows secrets to others.
    """
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES} bytes")  # noqa: TRY301
        stored = tomllib.loads(data.decode())
        _check_secrets(stored, mode)
        return read_alerts(stored, environ)
    except FileNotFoundError:
        return AlertSettings()
    except (OSError, ValueError, InvalidRequestError) as error:
        hint = getattr(error, "hint", "") or "Mend it, or remove it."
        raise InvalidRequestError(
            f"{path} cannot be used: {error}", hint=hint, code="bad_alert_file"
        ) from None


def read_alerts(stored: Mapping[str, Any], environ: Mapping[str, str]) -> AlertSettings:
    """Return what tables of TOML say.

    Raises:
        InvalidRequestError: They have a key that is none, or a value that means nothing.
    """
    _check_keys("the file", stored, TOP)
    sinks = _table("sinks", stored.get("sinks", {}))
    if len(sinks) > MOST_SINKS:
        raise _bad("sinks", "are too many", f"There may be {MOST_SINKS}.")
    return AlertSettings(
        _rules(_table("rules", stored.get("rules", {}))),
        _quiet(_table("quiet_hours", stored["quiet_hours"])) if "quiet_hours" in stored else None,
        tuple(_sink(name, _table(f"sink {name!r}", one), environ) for name, one in sinks.items()),
    )


def _check_secrets(stored: Mapping[str, Any], mode: int) -> None:
    sinks = stored.get("sinks")
    tables = sinks.values() if isinstance(sinks, dict) else ()
    holds = any(isinstance(one, dict) and {"url", "secret"} & one.keys() for one in tables)
    if holds and mode & OTHERS:
        raise InvalidRequestError(
            "others may read its secrets", hint="Run `chmod 600` on it, or use url_env."
        )


def _rules(given: Mapping[str, Any]) -> AlertRules:
    _check_keys("rules", given, tuple(one.name for one in fields(AlertRules)))
    return AlertRules(**{key: _number("rules", key, value) for key, value in given.items()})


def _quiet(given: Mapping[str, Any]) -> QuietHours:
    _check_keys("quiet_hours", given, QUIET)
    try:
        begin, end = (time.fromisoformat(given[key]) for key in ("from", "until"))
        zone = ZoneInfo(given["time_zone"]) if "time_zone" in given else None
    except (KeyError, ValueError, TypeError, OSError):
        raise _bad(
            "quiet_hours", "mean nothing", 'Write from = "22:00", until = "07:00".'
        ) from None
    if begin.tzinfo is not None or end.tzinfo is not None:
        raise _bad("quiet_hours", "have offsets", "Use time_zone.")
    unless = _word("quiet_hours", given.get("unless", Severity.CRITICAL), Severity)
    return QuietHours(begin, end, zone, unless)


def _sink(name: str, given: Mapping[str, Any], environ: Mapping[str, str]) -> SinkSettings:
    place = f"sink {shown(name)!r}"
    _check_keys(place, given, SINK)
    form = _word(place, given.get("form"), Form)
    url = _secret(place, "url", given, environ)
    if not url and form is not Form.DESKTOP:
        raise _bad(place, "has no address", "Give url, or url_env.")
    if "via" in given and form is not Form.DESKTOP:
        raise _bad(place, "has a via", "Only desktops have one.")
    digest = given.get("digest_seconds", 0)
    return SinkSettings(
        name,
        form,
        url,
        _secret(place, "secret", given, environ),
        frozenset(_texts(place, given.get("allow_hosts", []))),
        _word(place, given.get("least", Severity.WARNING), Severity),
        frozenset(_word(place, one, AlertKind) for one in _texts(place, given.get("kinds", []))),
        frozenset(_texts(place, given.get("teams", []))),
        _number(place, "digest_seconds", digest),
        _word(place, given.get("via", Via.AUTO), Via),
    )


def _secret(place: str, key: str, given: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    name = given.get(f"{key}_env")
    found = given.get(key, "") if name is None else environ.get(str(name), "")
    if name is not None and not found:
        raise _bad(place, f"has a {key}_env that is not set", "Set it for the daemon.")
    if not isinstance(found, str):
        raise _bad(place, f"has a {key} that is no text", f'Write {key} = "…".')
    return found


def _number(place: str, key: str, given: object) -> float:
    if (
        not isinstance(given, int | float)
        or isinstance(given, bool)
        or not 0 <= given < MOST_NUMBER
    ):
        raise _bad(place, f"has a {key} that is no number", f"Write {key} = 60.")
    return float(given)


def _word(place: str, given: object, words: type[E]) -> E:
    if not isinstance(given, str) or given not in set(words):
        what = "lacks a form" if given is None else f"has a word {shown(str(given))!r} that is none"
        raise _bad(place, what, f"Use {', '.join(words)}.")
    return words(given)


def _texts(place: str, given: object) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise _bad(place, "has no list of texts where one is due", 'Write ["a", "b"].')
    return given


def _table(place: str, given: object) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise _bad(place, "is no table", "Write [rules], [quiet_hours], [sinks.name].")
    return given


def _check_keys(place: str, given: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    for key in given:
        if key not in keys:
            raise _bad(
                place, f"has a key {shown(key)!r} that is none", f"The keys are {', '.join(keys)}."
            )


def _bad(place: str, what: str, hint: str) -> InvalidRequestError:
    return InvalidRequestError(f"{place} {what}", hint=hint, code="bad_alerts")
