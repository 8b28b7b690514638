"""Scripts about profiles and what hangs on them: the `iterm2` library, and nothing of ours.

``python profile_scripts.py NAME`` runs one in a process of its own; it fails by an assertion.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import iterm2
import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable

Connection = iterm2.Connection
Arrangement = iterm2.Arrangement
Key = iterm2.PreferenceKey

WORK = "8E7B5C0A-WORK"
"""The GUID of a profile of the user's, called Work."""


async def open_window(connection: Connection, profile: str | None = None) -> iterm2.Session:
    """Return the session of a new window."""
    await iterm2.async_get_app(connection)
    window = await iterm2.Window.async_create(connection, profile=profile)
    session = window and window.current_tab and window.current_tab.current_session
    assert session
    return session


async def refuses(call: Awaitable[object], kind: type[Exception], reason: str) -> None:
    try:
        await call
    except kind as error:
        assert reason in str(error)  # noqa: PT017 - no pytest in a script
        return
    raise AssertionError(reason)


async def work_profile(connection: Connection) -> iterm2.Profile:
    (found,) = await iterm2.Profile.async_get(connection, [WORK])
    return found


@pytest.mark.answers("list_profiles_request", source="2.9")
async def lists_profiles(connection: Connection) -> None:
    names = {one.name: one.guid for one in await iterm2.PartialProfile.async_query(connection)}
    assert names["Work"] == WORK
    assert "Default" in names
    whole = {one.name: one for one in await iterm2.Profile.async_get(connection)}
    assert whole["Work"].badge_text == "at work"
    assert whole["Work"].dynamic_profile_parent_name == "Default"
    assert await iterm2.Profile.async_get(connection, ["none"]) == []


@pytest.mark.answers("set_profile_property_request", "OK", source="2.9")
async def changes_a_sessions_own_profile(connection: Connection) -> None:
    session = await open_window(connection, "Work")
    profile = await session.async_get_profile()
    assert (profile.guid, profile.original_guid) == (WORK, None)
    await profile.async_set_badge_text("mine")
    change = iterm2.LocalWriteOnlyProfile()
    change.set_use_tab_color(True)
    change.set_tab_color(iterm2.Color(255, 128, 0))
    await session.async_set_profile_properties(change)
    after = await session.async_get_profile()
    assert (after.badge_text, after.use_tab_color) == ("mine", True)
    assert after.tab_color
    assert (after.tab_color.red, after.tab_color.blue) == (255, 0)
    assert after.original_guid == WORK
    assert after.guid not in {WORK, None}
    await after.async_set_tab_color(None)  # type: ignore[arg-type] # which the library lets pass
    assert (await session.async_get_profile()).tab_color is None
    assert (await work_profile(connection)).badge_text == "at work"
    other = await open_window(connection)
    await other.async_set_profile(await session.async_get_profile())
    assert (await other.async_get_profile()).badge_text == "mine"
    await session.async_set_profile(await work_profile(connection))
    assert (await session.async_get_profile()).guid == WORK


@pytest.mark.answers("set_profile_property_request", "OK", source="2.9")
@pytest.mark.notifies("NOTIFY_ON_PROFILE_CHANGE", source="3.12")
async def changes_a_shared_profile(connection: Connection) -> None:
    session = await open_window(connection, "Work")
    told: asyncio.Queue[str] = asyncio.Queue()

    async def changed(_connection: Connection, _event: object) -> None:
        told.put_nowait(WORK)  # the library passes no event on

    subscribe = iterm2.notifications.async_subscribe_to_profile_change_notification
    token = await subscribe(connection, changed, WORK)
    profile = await work_profile(connection)
    await profile.async_set_badge_text("shared")
    await told.get()
    await iterm2.notifications.async_unsubscribe(connection, token)
    assert (await session.async_get_profile()).badge_text == "shared"
    assert await session.async_get_variable("badge") == "shared"
    await profile.async_set_badge_text("at work")
    assert (await session.async_get_profile()).badge_text == "at work"
    assert told.empty()


@pytest.mark.answers(
    "preferences_request",
    "get_default_profile_result",
    "set_default_profile_result.OK",
    source="2.22",
)
async def chooses_the_default_profile(connection: Connection) -> None:
    before = await iterm2.Profile.async_get_default(connection)
    assert before.name == "Default"
    await (await work_profile(connection)).async_make_default()
    assert (await iterm2.PartialProfile.async_get_default(connection)).guid == WORK
    session = await open_window(connection)
    assert (await session.async_get_profile()).guid == WORK
    await before.async_make_default()
    assert (await iterm2.Profile.async_get_default(connection)).name == "Default"


@pytest.mark.answers("color_preset_request", "OK", "PRESET_NOT_FOUND", source="2.23")
async def takes_over_colours(connection: Connection) -> None:
    session = await open_window(connection)
    names = await iterm2.ColorPreset.async_get_list(connection)
    assert "Dark Background" in names
    preset = await iterm2.ColorPreset.async_get(connection, "Dark Background")
    assert preset
    profile = await session.async_get_profile()
    await profile.async_set_color_preset(preset)
    after = await session.async_get_profile()
    wanted = {color.key: color for color in preset.values}
    assert after.background_color
    assert round(after.background_color.red) == round(wanted["Background Color"].red)
    assert after.ansi_1_color
    assert round(after.ansi_1_color.red) == round(wanted["Ansi 1 Color"].red)
    unknown = iterm2.ColorPreset.async_get(connection, "none")
    await refuses(unknown, iterm2.colorpresets.ListPresetsException, "PRESET_NOT_FOUND")


@pytest.mark.answers(
    "preferences_request",
    "get_preference_result",
    "set_preference_result.OK",
    "set_preference_result.INVALID_VALUE",
    source="2.22",
)
async def keeps_preferences(connection: Connection) -> None:
    assert await iterm2.async_get_preference(connection, Key.ITERM_VERSION)
    assert await iterm2.async_get_preference(connection, Key.HIDE_TAB_NUMBER) is None
    await iterm2.async_set_preference(connection, Key.HIDE_TAB_NUMBER, value=True)
    assert await iterm2.async_get_preference(connection, Key.HIDE_TAB_NUMBER) is True
    await iterm2.async_set_preference(connection, Key.HIDE_TAB_NUMBER, None)
    assert await iterm2.async_get_preference(connection, Key.HIDE_TAB_NUMBER) is None
    fixed = iterm2.async_set_preference(connection, Key.ITERM_VERSION, "9")
    await refuses(fixed, iterm2.RPCException, "INVALID_VALUE")


@pytest.mark.answers(
    "saved_arrangement_request", "OK", "ARRANGEMENT_NOT_FOUND", "WINDOW_NOT_FOUND", source="2.18"
)
async def restores_windows(connection: Connection) -> None:
    session = await open_window(connection)
    await session.async_split_pane(vertical=True)
    app = await iterm2.async_get_app(connection)
    assert app
    count = len(app.terminal_windows)
    await Arrangement.async_save(connection, "script")
    assert "script" in await Arrangement.async_list(connection)
    await Arrangement.async_restore(connection, "script")
    await app.async_refresh()
    assert len(app.terminal_windows) == 2 * count
    assert [len(one.sessions) for one in app.terminal_windows[-1].tabs] == [2]
    window = app.terminal_windows[-1]
    await window.async_save_window_as_arrangement("one window")
    await window.async_restore_window_arrangement("one window")
    await app.async_refresh()
    assert [len(one.sessions) for one in window.tabs] == [2, 2]
    exception = iterm2.SavedArrangementException
    await refuses(Arrangement.async_restore(connection, "no"), exception, "ARRANGEMENT_NOT_FOUND")
    await refuses(
        Arrangement.async_restore(connection, "script", "no"), exception, "WINDOW_NOT_FOUND"
    )


@pytest.mark.answers("restart_session_request", "OK", "SESSION_NOT_RESTARTABLE", source="2.12")
@pytest.mark.behaves("same id", source="D")
async def restarts_a_session(connection: Connection) -> None:
    session = await open_window(connection)
    pid = await session.async_get_variable("pid")
    restart = session.async_restart(only_if_exited=True)
    await refuses(restart, iterm2.RPCException, "SESSION_NOT_RESTARTABLE")
    await session.async_restart()
    assert await session.async_get_variable("pid") != pid
    app = await iterm2.async_get_app(connection)
    assert app
    assert app.get_session_by_id(session.session_id)


SCRIPTS = [
    lists_profiles,
    changes_a_sessions_own_profile,
    changes_a_shared_profile,
    chooses_the_default_profile,
    takes_over_colours,
    keeps_preferences,
    restores_windows,
    restarts_a_session,
]

if __name__ == "__main__":
    by_name = {script.__name__: script for script in SCRIPTS}
    iterm2.run_until_complete(by_name[sys.argv[1]])
