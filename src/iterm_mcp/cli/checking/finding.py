"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        part: What was looked at, in a word or two.
        hint: What to do; empty where nothing is to be done.
    """

    level: Level
    part: str
    text: str
    hint: str = ""
