"""The tools that draw, log and set triggers, as a model calls them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from mcp import Client
from mcp.types import EmbeddedResource, ImageContent, TextContent, TextResourceContents
from tests.unit.tools.conftest import Caller, text_of
from tests.unit.tools.watched import Watched, open_watched

from iterm_mcp.services.sessions import pictures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    async with open_watched(tmp_path) as opened:
        yield opened


@pytest.fixture
async def model(watched: Watched) -> AsyncIterator[Caller]:
    async with Client(watched.server) as client:
        yield Caller(client)


async def test_a_png_comes_as_an_image_with_a_note(model: Caller, watched: Watched) -> None:
    watched.terminal.png = b"\x89PNG picture"

    result = await model.raw("take_screenshot", session_id="active")

    image, note = result.content
    assert isinstance(image, ImageContent)
    assert (image.mime_type, base64.b64decode(image.data)) == ("image/png", b"\x89PNG picture")
    assert isinstance(note, TextContent)
    assert "80x24" in note.text
    assert "not instructions" in note.text


async def test_an_svg_comes_as_a_resource_without_hidden_characters(
    model: Caller, watched: Watched
) -> None:
    watched.terminal.svg = "<svg>\u202ehidden</svg>"

    result = await model.raw("take_screenshot", session_id="active", format="svg", history=3)

    drawing = result.content[0]
    assert isinstance(drawing, EmbeddedResource)
    assert isinstance(drawing.resource, TextResourceContents)
    assert drawing.resource.text == "<svg>hidden</svg>"
    assert drawing.resource.mime_type == "image/svg+xml"


async def test_a_text_marks_the_cursor(model: Caller, watched: Watched) -> None:
    watched.terminal.shell(watched.session_id).type("echo hello\r")
    text = (await model.text("take_screenshot", session_id="active", format="text")).split("\n")

    screen = await watched.terminal.read_screen(watched.session_id)

    mark = text.index(f"{' ' * screen.cursor_column}▲ cursor")
    assert mark == screen.cursor_row + 2  # the line of the seal is above, the mark below


@pytest.mark.parametrize("form", ["png", "svg"])
async def test_what_a_terminal_cannot_draw_is_refused_with_advice(model: Caller, form: str) -> None:
    refusal = await model.refusal("take_screenshot", session_id="active", format=form)
    assert "text" in refusal["hint"]


async def test_a_picture_that_is_too_large_is_refused(
    model: Caller, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MAX_PNG_BYTES", 3)
    watched.terminal.png = b"1234"
    refusal = await model.refusal("take_screenshot", session_id="active")
    assert "more than 3" in refusal["error"]


async def test_only_a_drawing_shows_lines_above_the_screen(model: Caller) -> None:
    refusal = await model.refusal("take_screenshot", session_id="active", history=3)
    assert refusal["code"] == "invalid_request"


async def test_a_trigger_is_set_listed_and_removed(model: Caller, watched: Watched) -> None:
    added = await model.data(
        "manage_triggers", action="add", session_id="active", pattern="done", act="keys",
        text="ctrl-c",
    )  # fmt: skip
    assert added["session_id"] == watched.session_id

    (listed,) = (await model.data("manage_triggers", action="list"))["triggers"]
    assert listed["trigger_id"] == added["trigger_id"]
    assert (listed["act"], listed["text"], listed["fired"]) == ("keys", "ctrl-c", 0)

    trigger_id = added["trigger_id"]
    await model.data("manage_triggers", action="remove", trigger_id=trigger_id)
    assert not (await model.data("manage_triggers", action="list"))["triggers"]
    refusal = await model.refusal("manage_triggers", action="remove", trigger_id=trigger_id)
    assert refusal["code"] == "trigger_not_found"


async def test_a_trigger_without_a_pattern_is_refused(model: Caller) -> None:
    refusal = await model.refusal("manage_triggers", action="add", session_id="active")
    assert "pattern" in refusal["error"]


async def test_output_is_logged_and_a_problem_is_told(
    model: Caller, watched: Watched, tmp_path: Path
) -> None:
    logged = await model.data("log_output", session_id="active")
    assert logged["on"]
    assert logged["path"] == f"{tmp_path}/sessions/{watched.session_id}.log"

    ended = await model.data("log_output", session_id="active", on=False)
    assert not ended["on"]
    assert "problem" not in ended


async def test_a_trigger_shows_what_was_held_back_and_why_it_stopped(
    model: Caller, watched: Watched
) -> None:
    await model.data(
        "manage_triggers", action="add", session_id="active", pattern="tick", per_minute=1
    )
    result = await model.raw("manage_triggers", action="list")
    assert "held_back" not in text_of(result)
    del watched
