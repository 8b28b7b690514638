"""A session as it is drawn: lines, cursor, colours."""

from __future__ import annotations

from tests.unit.host.worlds import open_session, open_world

from iterm_mcp.host import viewing
from iterm_mcp.host.rendering.palette import DARK
from iterm_mcp.host.rendering.text import render_text
from iterm_mcp.host.rendering.view import Cursor
from iterm_mcp.host.viewing import view_session

WHITE = {"Red Component": 1, "Green Component": 1, "Blue Component": 1}


async def test_a_view_is_the_screen_with_its_cursor_and_colours() -> None:
    async with open_world() as world:
        session = await open_session(world, Columns=20, Rows=3)
        session.inject(b"one\r\ntwo\x1b[5 q")

        view = view_session(session)

        assert render_text(view) == "one\ntwo\n\n"
        assert (view.columns, view.cursor) == (20, Cursor(3, 1, "bar"))
        assert view.colors == DARK


async def test_history_stands_above_the_screen_as_far_as_there_is_any() -> None:
    async with open_world() as world:
        session = await open_session(world, Columns=20, Rows=2)
        session.inject(b"1\r\n2\r\n3\r\n4\r\n5")

        assert render_text(view_session(session)) == "4\n5\n"
        assert render_text(view_session(session, history=2)) == "2\n3\n4\n5\n"
        view = view_session(session, history=viewing.MAX_HISTORY)
        assert render_text(view) == "1\n2\n3\n4\n5\n"
        assert view.cursor == Cursor(1, 4)


async def test_the_cursor_is_where_it_is_while_the_history_is_out_of_reach() -> None:
    async with open_world() as world:
        session = await open_session(world, Columns=20, Rows=2)
        session.inject(b"1\r\n2\r\n3\r\n\x1b[?1049h\x1b[Hvim\x1b[")

        view = view_session(session, history=1)

        assert render_text(view) == "vim\n\n"
        assert view.cursor == Cursor(3, 0)


async def test_a_hidden_cursor_is_not_drawn() -> None:
    async with open_world() as world:
        session = await open_session(world)
        session.inject(b"\x1b[?25l")

        assert view_session(session).cursor is None


async def test_a_programs_colours_stand_over_the_profiles() -> None:
    async with open_world() as world:
        profile = {"Background Color": WHITE, "Ansi 1 Color": WHITE, "Ansi 2 Color": WHITE}
        session = await open_session(world, **profile)
        session.inject(b"\x1b]4;1;#010203\x07\x1b]12;#040506\x07")

        colors = view_session(session).colors

        assert (colors.foreground, colors.background) == (DARK.foreground, 0xFFFFFF)
        assert (colors.palette[1], colors.palette[2]) == (0x010203, 0xFFFFFF)
        assert colors.cursor == 0x040506


async def test_reverse_video_turns_the_profiles_colours_round() -> None:
    async with open_world() as world:
        session = await open_session(world, **{"Background Color": WHITE})
        session.inject(b"\x1b]10;#010203\x07\x1b[?5h")

        colors = view_session(session).colors

        assert (colors.foreground, colors.background) == (0xFFFFFF, 0x010203)
