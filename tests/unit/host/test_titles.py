"""What a session is called (API §7.4)."""

from __future__ import annotations

import pytest
from tests.unit.host.worlds import open_session, open_world

from iterm_mcp.host import scopes, titles


@pytest.mark.behaves("Title Components", source="7.4")
@pytest.mark.parametrize(
    ("parts", "title"),
    [
        (1, "mine"),
        (2, "job"),
        (3, "mine (job)"),
        (4, "/there"),
        (5, "mine — /there"),
        (8, "/dev/pts/none"),
        (10, "job — /dev/pts/none"),
        (16, " "),
        (0, " "),
        (32, "Box"),
        (33, "Box — mine"),
        (64, "Box: mine"),
        (66, "Box: mine (job)"),
        (128, "ann"),
        (256, "far"),
        (128 | 256 | 4, "ann@far:/there"),
        (1024, "80✕25"),
        (2048, "mine"),
        (2048 | 2, "mine (job)"),
    ],
)
async def test_a_profile_says_what_its_title_shows(parts: int, title: str) -> None:
    async with open_world() as world:
        session = await open_session(world, **{titles.PROFILE_KEY: parts, "Name": "Box"})
        session.name, session.username, session.hostname = "mine", "ann", "far"
        session.reported_path = "/there"
        session._job, session._job_at = "job", float("inf")
        assert session.title == title


@pytest.mark.parametrize("parts", [None, True, "3"])
async def test_without_a_word_of_the_profile_it_is_the_job_behind_a_name_that_was_given(
    parts: object,
) -> None:
    async with open_world() as world:
        session = await open_session(world, **{titles.PROFILE_KEY: parts})
        session._job, session._job_at = "job", float("inf")
        assert session.title == "job"
        session.inject(b"\x1b]1;icon\x07")
        assert session.title == "icon (job)"
        session.set_name("mine")
        assert session.title == "mine (job)"


@pytest.mark.behaves("OSC 1", source="7.4")
async def test_a_program_that_names_its_session_has_the_name_shown() -> None:
    async with open_world() as world:
        session = await open_session(world, **{titles.PROFILE_KEY: titles.JOB})
        session._job, session._job_at = "job", float("inf")
        session.inject(b"\x1b]2;window\x07")
        assert session.title == "job"
        session.inject(b"\x1b]0;icon\x07")
        assert session.title == "icon (job)"


async def test_of_what_has_ended_there_is_no_command() -> None:
    async with open_world() as world:
        session = await open_session(world, **{titles.PROFILE_KEY: titles.COMMAND})
        session.exited = True
        assert session.title == " "


async def test_a_name_may_have_variables_in_it_and_even_itself() -> None:
    async with open_world() as world:
        session = await open_session(world, **{titles.PROFILE_KEY: titles.NAME})
        session.set_name(r"\(columns) wide, \(nothing)\(f(x)) \(tab.title)")
        assert session.title == r"80 wide, \(f(x)) \(columns) wide, \(nothing)\(f(x)) \(tab.title)"
        target = scopes.Target(scopes.SESSION, session.session_id)
        assert str(scopes.value(world, target, "autoName")).startswith("80 wide")
        assert str(scopes.value(world, target, "autoNameFormat")).startswith(r"\(columns)")
        moved = scopes.value(world, scopes.Target(scopes.APP, ""), "pid")
        session.set_name(r"\(iterm2.pid)")
        assert session.title == str(moved)
