"""What a run said it found, out of what it wrote, printed or said last. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from iterm_mcp.services.untrusted import keep_tail, sanitise

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json

TEXT_CHARACTERS = 20_000
"""Of text that a run said or printed last."""

RESULT_BYTES = 1 << 20
"""Of a result as JSON."""

DEEPEST = 64

_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS and their like, also cut off
    r"|\x1b[ -/]*[0-~]?"
)
_FENCED = re.compile(r"```(?:json)?[ \t]*\n((?:(?!```).)*)\n[ \t]*```\s*\Z", re.DOTALL)


class NoJsonError(ValueError):
    """A text is no JSON that a result can hold; the text says why."""


def read_json(text: str | bytes) -> Json:
    """Return the JSON that a text is.

    Raises:
        NoJsonError: It is none, or too large, or nested too deeply.
    """
    size = len(text.encode(errors="replace") if isinstance(text, str) else text)
    if size > RESULT_BYTES:
        raise NoJsonError(f"it has {size} bytes, and may have {RESULT_BYTES}")
    try:
        found: Json = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise NoJsonError("it is nested too deeply") from None
    except ValueError as error:  # no JSON, or no UTF-8
        raise NoJsonError(str(error)) from None
    if not _is_flat_enough(found):
        raise NoJsonError("it is nested too deeply")
    return found


def _no_number(word: str) -> None:
    raise NoJsonError(f"{word} is no number")


def _is_flat_enough(value: Json) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        below: list[Json] = []
        for one in level:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list):
                below += one
        if not below:
            return True
        level = below
    return False


def of_message(text: str) -> Json:
    """Return what an agent's last message hands over: JSON that ends it, else its end as text."""
    fenced = _FENCED.search(text)
    for one in (fenced.group(1) if fenced else "", text.strip()):
        if one[:1] in {"{", "["}:
            try:
                return read_json(one)
            except NoJsonError:
                continue
    return keep_tail(sanitise(text.strip()), TEXT_CHARACTERS)[0]


def of_output(printed: str) -> Json:
    """Return what a command's output hands over: JSON that is all of it or its last line, else it.

    Args:
        printed: As it was printed to a terminal.
    """
    text = plain(printed).strip()
    for one in (text, text.rpartition("\n")[2].strip()):
        if one[:1] in {"{", "["}:
            try:
                return read_json(one)
            except NoJsonError:
                continue
    return keep_tail(sanitise(text), TEXT_CHARACTERS)[0]


def plain(printed: str) -> str:
    """Return what was printed to a terminal, without what commands it.

    Of a line that was written over, only what was written last is left.
    """
    lines = _SEQUENCE.sub("", printed).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
