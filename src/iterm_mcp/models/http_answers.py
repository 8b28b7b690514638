"""Answers that are given again to whoever asks the same again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was asked under a key, and what became of it.

    Attributes:
        request: A digest of what was asked.
        status: 0 while nothing is known of the answer.
        headers: Of the answer, as JSON.
    """

    request: str
    status: int = 0
    headers: str = ""
    body: bytes = b""
