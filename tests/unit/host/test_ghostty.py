"""The C interface: what is taken for granted holds, and what does not is noticed."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from iterm_mcp.host import ghostty
from iterm_mcp.host.emulator import Terminal
from iterm_mcp.host.ghostty import READINGS, EmulatorError, Reading, check, ffi, lib

GUARD = 0xA5


@pytest.fixture(scope="module")
def types() -> dict[str, Any]:
    described: dict[str, Any] = json.loads(ffi.string(lib.ghostty_type_json()))["types"]
    return described


def test_the_library_is_laid_out_as_expected(types: dict[str, Any]) -> None:
    assert ghostty.find_layout_faults(types) == []


def test_every_difference_in_layout_is_named(types: dict[str, Any]) -> None:
    other = copy.deepcopy(types)
    other["GhosttyCell"]["bits"]["wide"]["lsb"] = 43
    other["GhosttyStyle"]["size"] = 80
    other["GhosttyStyle"]["fields"]["bold"]["offset"] = 57
    other["GhosttyTerminalData"]["values"]["CURSOR_X"] = 99

    assert ghostty.find_layout_faults(other) == [
        "cell bits wide at (43, 2)",
        "a style has 80 bytes",
        "style field bold at 57",
        "reading CURSOR_X is 99",
    ]


@pytest.mark.parametrize("name", READINGS)
def test_a_reading_writes_exactly_as_many_bytes_as_its_type_has(name: str) -> None:
    terminal = Terminal(80, 24, history_bytes=1 << 20, name="test")
    size = ffi.sizeof(READINGS[name])
    room = ffi.new("uint8_t[]", [GUARD] * 64)

    check(lib.ghostty_terminal_get(terminal._terminal, _key(name), room), "read")
    terminal.close()

    assert bytes(room[size:64]) == bytes([GUARD]) * (64 - size)
    assert bytes(room[0:size]) != bytes([GUARD]) * size


def test_a_reading_gives_the_value() -> None:
    terminal = Terminal(80, 24, history_bytes=1 << 20, name="test")
    terminal.write(b"\r\nabc")
    found = {name: Reading(name).of(terminal._terminal) for name in ("CURSOR_X", "CURSOR_Y")}
    terminal.close()

    assert found == {"CURSOR_X": 3, "CURSOR_Y": 1}


def test_a_refused_call_says_what_it_was() -> None:
    with pytest.raises(EmulatorError, match="could not make a terminal"):
        Terminal(0, 0, history_bytes=0, name="test")


def _key(name: str) -> int:
    key: int = getattr(lib, f"GHOSTTY_TERMINAL_DATA_{name}")
    return key
