"""Colour presets over the wire."""

from __future__ import annotations

import json
import plistlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.host.wire_client import open_wire
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

Request = api_pb2.ColorPresetRequest
LIST = Request(list_presets=Request.ListPresets())

RED = {"Red Component": 1.0, "Green Component": 0.25, "Blue Component": 0.0}


def getting(name: str) -> api_pb2.ColorPresetRequest:
    return Request(get_preset=Request.GetPreset(name=name))


def folder_of(home: Home) -> Path:
    folder = Path(home.paths.color_presets)
    folder.mkdir()
    return folder


async def colors(wire: WireClient, name: str) -> dict[str, Any]:
    response = await wire.ask(getting(name))
    assert response.status == response.OK
    return {one.key: one for one in response.get_preset.color_settings}


@pytest.mark.answers("color_preset_request", "OK", source="2.23")
async def test_each_preset_of_the_list_can_be_got(wire: WireClient) -> None:
    names = list((await wire.ask(LIST)).list_presets.name)
    assert {"Dark Background", "Light Background"} <= set(names)
    for name in names:
        found = await colors(wire, name)
        assert len(found) == 26
        assert all(0 <= one.red <= 1 and one.alpha == 1 for one in found.values())
        assert {one.color_space for one in found.values()} == {"sRGB"}


@pytest.mark.answers(
    "color_preset_request", "REQUEST_MALFORMED", "PRESET_NOT_FOUND", "OK", source="2.23"
)
@pytest.mark.parametrize(
    ("asked", "status"),
    [(Request(), "REQUEST_MALFORMED"), (getting("none"), "PRESET_NOT_FOUND"), (LIST, "OK")],
)
async def test_each_gets_its_own_answer(
    wire: WireClient, asked: api_pb2.ColorPresetRequest, status: str
) -> None:
    response = await wire.ask(asked)
    assert api_pb2.ColorPresetResponse.Status.Name(response.status) == status


@pytest.mark.answers("color_preset_request", "OK", source="2.23")
async def test_the_users_presets_come_and_go_with_their_files(own_home: Home) -> None:
    async with open_wire(own_home) as wire:
        before = list((await wire.ask(LIST)).list_presets.name)
        file = folder_of(own_home) / "Mine.itermcolors"
        file.write_bytes(plistlib.dumps({"Background Color": RED}))
        assert list((await wire.ask(LIST)).list_presets.name) == [*before, "Mine"]
        (background,) = (await colors(wire, "Mine")).values()
        assert (background.key, background.red, background.green) == ("Background Color", 1, 0.25)
        assert (background.alpha, background.color_space) == (1, "Calibrated")
        file.unlink()
        assert list((await wire.ask(LIST)).list_presets.name) == before


@pytest.mark.behaves("SetColors", source="7.2")
async def test_a_program_puts_a_preset_of_the_users_on_its_session(own_home: Home) -> None:
    (folder_of(own_home) / "Mine.json").write_text('{"Background Color": "#010203"}')
    async with open_wire(own_home) as wire:
        session = (await wire.open_window()).session_id
        await wire.feed(session, b"\x1b]1337;SetColors=preset=Mine\x07")
        key = "Background Color"
        asked = api_pb2.GetProfilePropertyRequest(session=session, keys=[key])

        async def background() -> list[float]:
            (found,) = (await wire.ask(asked)).properties
            color = json.loads(found.json_value)
            return [round(color[f"{one} Component"] * 255) for one in ("Red", "Green", "Blue")]

        await eventually(background, lambda found: found == [1, 2, 3])
