"""Events brought to a size that can be kept. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.models.events import MAX_KEY_CHARACTERS, MAX_NAME_CHARACTERS, Links

if TYPE_CHECKING:
    from iterm_mcp.models.events import Event
    from iterm_mcp.models.observations import Json

TEXT_CHARACTERS = 32_768
"""Of an event's text, and of each text in its payload."""
PAYLOAD_BYTES = 256 * 1024
"""Of a payload as JSON. One that is larger has its longest texts cut further."""
DEPTH = 24
ITEMS = 1000

_SMALLER = (4096, 512, 64)
_LINKS = tuple(Links.__dataclass_fields__)


def cut_event(event: Event) -> Event:
    """Return the event with long texts cut in the middle, so that beginning and end are kept.

    A payload in which something was cut says so: ``cut`` is how many characters are missing, and
    ``[…N…]`` stands in their place.
    """
    text, lost = cut_text(event.text, TEXT_CHARACTERS)
    payload, cut = _cut_payload(dict(event.payload))
    if lost or cut:
        payload["cut"] = lost + cut
    names = {name: _name(getattr(event.links, name)) for name in _LINKS}
    return replace(
        event,
        key=_key(event.key),
        subject=_name(event.subject),
        source=_name(event.source),
        text=text,
        payload=payload,
        links=Links(**names),
    )


def cut_text(text: str, limit: int) -> tuple[str, int]:
    """Return at most about `limit` characters of a text, and how many are missing."""
    if len(text) <= limit:
        return text, 0
    half = limit // 2
    lost = len(text) - 2 * half
    return f"{text[:half]}[…{lost}…]{text[len(text) - half :]}", lost


def _cut_payload(payload: dict[str, Json]) -> tuple[dict[str, Json], int]:
    limits = iter((TEXT_CHARACTERS, *_SMALLER))
    while True:
        limit = next(limits, None)
        if limit is None:  # made of many small things
            names: list[Json] = [cut_text(key, _SMALLER[-1])[0] for key in sorted(payload)[:ITEMS]]
            return {"keys": names}, _size(payload)
        cutter = _Cutter(limit)
        fitting = {key: cutter.cut(value, DEPTH) for key, value in payload.items()}
        if _size(fitting) <= PAYLOAD_BYTES:
            return fitting, cutter.lost


class _Cutter:
    """Cuts the texts of one value, and counts what is lost."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.lost = 0

    def cut(self, value: Json, depth: int) -> Json:
        if isinstance(value, str):
            text, lost = cut_text(value, self._limit)
            self.lost += lost
            return text
        if not isinstance(value, (list, dict)):
            return value
        if not depth:
            self.lost += _size(value)
            return None
        self.lost += _size(list(value)[ITEMS:]) if len(value) > ITEMS else 0
        if isinstance(value, list):
            return [self.cut(one, depth - 1) for one in value[:ITEMS]]
        return {
            cut_text(key, self._limit)[0]: self.cut(one, depth - 1)
            for key, one in list(value.items())[:ITEMS]
        }


def _size(value: Json) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _key(text: str) -> str:
    """Return a key that fits; those of different facts stay different."""
    whole = text.encode("utf-8", "replace").decode()  # halves of characters have no UTF-8
    if len(text) <= MAX_KEY_CHARACTERS and whole == text:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{whole[: MAX_KEY_CHARACTERS - len(digest) - 1]}~{digest}"


def _name(text: str) -> str:
    if len(text) <= MAX_NAME_CHARACTERS:
        return text
    return f"{text[: MAX_NAME_CHARACTERS - 1]}…"
