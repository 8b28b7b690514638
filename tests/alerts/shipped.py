"""The rules as they ship, read back from their files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "src" / "iterm_mcp" / "monitoring" / "rules"
FILES = sorted(FOLDER.glob("*.yml"))

BASES = {"iterm_mcp:slo_bad:rate5m", "iterm_mcp:slo_events:rate5m"}
"""Recorded from what daemons show; all else is recorded from these."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
RECORDED = re.compile(r'(iterm_mcp:[a-z_:0-9]+)\{slo="(\w+)"\}')


@dataclass(frozen=True)
class ShippedAlert:
    """An alert with what is computed before it written out, but for `BASES`.

    Attributes:
        held_seconds: How long it must hold.
    """

    name: str
    expr: str
    held_seconds: int
    labels: dict[str, str]
    annotations: dict[str, str]


@cache
def rules() -> list[dict[str, Any]]:
    """Return every rule."""
    return [
        rule
        for path in FILES
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
        for rule in group["rules"]
    ]


def bases() -> list[dict[str, Any]]:
    """Return the rules that record `BASES`."""
    return [one for one in rules() if one.get("record") in BASES]


@cache
def alerts() -> dict[str, ShippedAlert]:
    """Return every alert by its name."""
    recorded = {
        (one["record"], one["labels"]["slo"]): f"({one['expr']})"
        for one in rules()
        if "record" in one and one["record"] not in BASES
    }
    found = {}
    for one in rules():
        if "alert" in one:
            expr = RECORDED.sub(
                lambda match: recorded.get((match[1], match[2]), match[0]), one["expr"]
            )
            held = seconds(one.get("for", "0s"))
            found[one["alert"]] = ShippedAlert(
                one["alert"], expr, held, one["labels"], one["annotations"]
            )
    return found


def seconds(text: str) -> int:
    """Return how long a duration of Prometheus is."""
    return sum(int(count) * UNITS[unit] for count, unit in re.findall(r"(\d+)([smhd])", text))
