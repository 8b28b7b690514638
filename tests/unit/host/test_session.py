"""What a session keeps: bounded, and through changes of its size."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from tests.unit.host.worlds import open_session, open_world

from iterm_mcp.host.sequences import MAX_TITLE_LENGTH, MAX_VARIABLE_LENGTH, MAX_VARIABLES
from iterm_mcp.host.start_places import find_directory

if TYPE_CHECKING:
    from pathlib import Path


def setting(name: str, value: str) -> bytes:
    encoded = base64.b64encode(value.encode()).decode()
    return f"\x1b]1337;SetUserVar={name}={encoded}\x07".encode()


@pytest.mark.behaves("OSC 0", "OSC 1", "OSC 2", source="7.4")
@pytest.mark.parametrize("code", [0, 1, 2])
async def test_a_title_is_cut_and_shows_control_characters_as_letters(code: int) -> None:
    async with open_world() as world:
        session = await open_session(world)
        session.inject(f"\x1b]{code};a\x01b\x7f\x85{'x' * 100_000}\x07".encode())
        titles = [one for one in (session.icon_name, session.window_name) if one is not None]
        assert len(titles) == (2 if code == 0 else 1)
        assert set("".join(titles)) == {"a", "^", "A", "b", "?", "x"}
        assert max(map(len, titles)) <= MAX_TITLE_LENGTH
        assert len(session.title) <= MAX_TITLE_LENGTH


async def test_variables_without_end_are_not_kept_but_known_ones_go_on_changing() -> None:
    async with open_world() as world:
        session = await open_session(world)
        for number in range(MAX_VARIABLES + 10):
            session.inject(setting(f"v{number}", "old"))
        assert len(session.user) == MAX_VARIABLES
        session.inject(setting("v0", "new"))
        assert session.user["v0"] == "new"
        session.inject(b"\x1b]1337;SetUserVar=v1\x07" + setting("late", "in"))
        assert ("v1" in session.user, session.user["late"]) == (False, "in")


async def test_a_variable_too_long_is_not_kept() -> None:
    async with open_world() as world:
        session = await open_session(world)
        session.inject(setting("long", "x" * MAX_VARIABLE_LENGTH))
        session.inject(setting("n" * MAX_VARIABLE_LENGTH, "x"))
        session.inject(setting("fits", "x" * (MAX_VARIABLE_LENGTH // 2)))
        assert list(session.user) == ["fits"]


async def test_a_prompt_stays_when_only_the_height_changes() -> None:
    async with open_world() as world:
        session = await open_session(world)
        session.inject(b"\x1b]133;A\x07$ \x1b]133;B\x07")
        (prompt,) = session.prompts()
        session.resize(session.columns, session.rows - 5)
        assert list(session.prompts()) == [prompt]
        assert (prompt.start.line, prompt.start.column) == (0, 0)


async def test_a_profile_may_start_where_the_session_before_it_is(tmp_path: Path) -> None:
    """API §2.5, `Custom Directory`."""
    async with open_world() as world:
        first = await open_session(world)
        first.reported_path = str(tmp_path)
        again = {"Custom Directory": "Recycle"}
        assert (await open_session(world, **again)).directory == str(tmp_path)
        beside = await world.split(first, first.profile | again, vertical=True, before=False)
        assert beside.directory == str(tmp_path)
        first.reported_path = str(tmp_path / "gone")
        assert await find_directory(again, "Tab", first) is None
        assert await find_directory({"Custom Directory": "No"}, "Tab", first) is None
        assert await find_directory(again, "Window", None) is None


async def test_a_profile_may_choose_a_place_for_windows_tabs_and_panes_each(
    tmp_path: Path,
) -> None:
    """API §2.5, `Custom Directory` of `Advanced`; the library's `InitialWorkingDirectory`."""
    advanced = {
        "Custom Directory": "Advanced",
        "Working Directory": "/nowhere",
        "AWDS Window Option": "Yes",
        "AWDS Window Directory": "/usr",
        "AWDS Tab Option": "Recycle",
        "AWDS Tab Directory": "/nowhere",
        "AWDS Pane Option": "Yes",
        "AWDS Pane Directory": "/bin",
    }
    async with open_world() as world:
        first = await open_session(world, **advanced)
        assert first.directory == "/usr"
        assert first.profile["Custom Directory"] == "Advanced"
        first.reported_path = str(tmp_path)
        window, _ = world.place(first.session_id) or (None, None)
        _, _, beside = await world.open_tab(first.profile, window, None, select=True)
        assert beside.directory == str(tmp_path)
        pane = await world.split(beside, first.profile, vertical=True, before=False)
        assert pane.directory == "/bin"
        for option in ("No", "Advanced", None):
            again = advanced | {"AWDS Tab Option": option}
            assert await find_directory(again, "Tab", first) is None
        assert await find_directory({"Custom Directory": "Advanced"}, "Pane", first) is None
