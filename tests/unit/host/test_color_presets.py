"""Colours and colour presets, our own and the user's."""

from __future__ import annotations

import plistlib
from typing import TYPE_CHECKING, Any

import pytest

from iterm_mcp.host import colors
from iterm_mcp.host.color_presets import ColorPresets, built_in, read_preset

if TYPE_CHECKING:
    from pathlib import Path

RED = {"Red Component": 1, "Green Component": 0.5, "Blue Component": 0}
WHOLE = {**RED, "Alpha Component": 1.0, "Color Space": "Calibrated"}


def test_a_colour_gets_its_missing_parts_and_bounds() -> None:
    assert colors.read_color(RED) == WHOLE
    far = RED | {"Red Component": 10**400, "Blue Component": -1, "Color Space": "P3", "More": 1}
    found = colors.read_color(far)
    assert (found["Red Component"], found["Blue Component"]) == (1.0, 0.0)
    assert "More" not in found


@pytest.mark.parametrize(
    "value",
    [None, "red", [], {}, RED | {"Red Component": "1"}, RED | {"Red Component": True},
     RED | {"Alpha Component": float("nan")}, RED | {"Color Space": "Lab"},
     RED | {"Color Space": []}],
)  # fmt: skip
def test_what_is_no_colour_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the reason
        colors.read_color(value)


@pytest.mark.parametrize("text", ["", "#", "ff8000", "#ff80", "#ff80000", "#gg0000", "#ff800000"])
def test_a_colour_in_another_notation_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the reason
        colors.from_hex(text)


def test_our_own_presets_say_every_ansi_colour() -> None:
    for preset in built_in().values():
        assert {f"Ansi {n} Color" for n in range(16)} <= set(preset) <= colors.KEYS
        assert preset["Foreground Color"] != preset["Background Color"]


@pytest.mark.parametrize("value", [{}, [], {"Foreground": RED}, {"Tab Color": 1}])
def test_what_is_no_preset_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the reason
        read_preset(value)


async def test_the_users_presets_are_read_from_json_and_from_what_the_app_exports(
    tmp_path: Path,
) -> None:
    exported: dict[str, Any] = {"Ansi 0 Color": RED}
    (tmp_path / "My Own.itermcolors").write_bytes(plistlib.dumps(exported))
    (tmp_path / "Dark Background.json").write_text('{"Cursor Color": "#ff0080"}')
    (tmp_path / "notes.txt").write_text("no preset")
    found = await ColorPresets(str(tmp_path)).all()
    assert found["My Own"] == {"Ansi 0 Color": WHOLE}
    assert found["Dark Background"]["Cursor Color"]["Red Component"] == 1.0
    assert list(found) == [*built_in(), "My Own"]


BINARY = plistlib.dumps({"Ansi 0 Color": RED}, fmt=plistlib.FMT_BINARY)


@pytest.mark.parametrize(
    "data",
    [b"", b"<plist>", b"<?xml version='1.0'?><plist><dict><real/></dict></plist>",
     b"bplist00" + b"\xff" * 40, BINARY[:60], BINARY[:-8] + b"\xff" * 8,
     b"<plist><array/></plist>", b"<plist><key>x</key></plist>",
     b"<plist><dict><key>x</key></dict></plist>",
     b"<plist><real>x</real></plist>", b"<plist><integer>" + b"1" * 5000 + b"</integer></plist>",
     b"<plist>" + b"<array>" * 3000 + b"</array>" * 3000 + b"</plist>"],
)  # fmt: skip
async def test_a_broken_export_is_skipped(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "Broken.itermcolors").write_bytes(data)
    assert list(await ColorPresets(str(tmp_path)).all()) == list(built_in())
