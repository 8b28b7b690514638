from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.events import (
    MAX_BODY_BYTES,
    MAX_KEY_CHARACTERS,
    MAX_NAME_CHARACTERS,
    Event,
    EventKind,
    Links,
)
from iterm_mcp.services.events.cutting import PAYLOAD_BYTES, cut_event, cut_text

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json


def event(payload: dict[str, Json] | None = None, text: str = "", subject: str = "") -> Event:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Event("key", at, EventKind.TOOL_ENDED, "test", subject, text, payload=payload or {})


def test_what_fits_stays_as_it_is() -> None:
    small = event({"output": "out", "lines": [1, 2, {"a": None}]}, "text", "subject")
    assert cut_event(small) == small


@given(st.text(max_size=300), st.integers(min_value=2, max_value=200))
def test_beginning_and_end_of_a_text_are_kept(text: str, limit: int) -> None:
    cut, lost = cut_text(text, limit)
    half = limit // 2
    assert cut.startswith(text[:half])
    assert cut.endswith(text[-half:])
    assert (lost > 0) == (cut != text)
    assert len(cut) - len(f"[…{lost}…]" if lost else "") + lost == len(text)


def test_what_is_missing_is_told() -> None:
    cut = cut_event(event({"output": "x" * 50_000}, "é" * 40_000))
    assert cut.payload["cut"] == (40_000 - 32_768) + (50_000 - 32_768)
    assert "[…7232…]" in cut.text


@pytest.mark.parametrize(
    "payload",
    [
        {"lines": ["x" * 30_000] * 50},
        {"lines": ["日" * 3000] * 900},
        {"many": list(range(500_000))},
        {"deep": json.loads("[" * 200 + "]" * 200)},
        {f"key {index}": "x" * 200 for index in range(20_000)},
        {"nested": {f"key {index}": ["x" * 500] * 20 for index in range(900)}},
        {"k" * 100_000: "value"},
        {f"{index}{'k' * 10_000}": index for index in range(3000)},
    ],
)
def test_any_payload_is_brought_to_a_size_that_can_be_kept(payload: dict[str, Json]) -> None:
    cut = cut_event(event(payload, "t" * 100_000))
    size = len(json.dumps(dict(cut.payload), ensure_ascii=False).encode())
    assert size <= PAYLOAD_BYTES + 100
    assert size + len(cut.text.encode()) <= MAX_BODY_BYTES
    assert cut.payload["cut"]


def test_names_are_cut_too() -> None:
    long = "n" * 2000
    cut = cut_event(Event(long, event().at, EventKind.HOOK_FIRED, long, long, links=Links(long)))
    assert len(cut.key) == MAX_KEY_CHARACTERS
    assert cut.links.session == cut.subject == cut.source == "n" * (MAX_NAME_CHARACTERS - 1) + "…"


def test_keys_of_different_facts_stay_different_however_long_they_are() -> None:
    long = "x" * MAX_KEY_CHARACTERS
    told = event()
    first, second = (cut_event(replace(told, key=f"{long}{end}")).key for end in "ab")
    assert first != second
    assert len(first) == MAX_KEY_CHARACTERS
    assert cut_event(replace(told, key=long)).key == long


def test_keys_with_halves_of_characters_can_be_kept_and_stay_different() -> None:
    one, other = (cut_event(replace(event(), key=f"key {half}")).key for half in "\ud83d\ude00")
    assert one != other
    assert one.encode()
    assert one.startswith("key ?~")
