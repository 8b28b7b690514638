"""What a program says of itself (API §7.2 to §7.5), without a program."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from tests.unit.host.worlds import QuietPty, open_session, open_world

from iterm_mcp.host import features, moves, scopes
from iterm_mcp.host.color_presets import ColorPresets
from iterm_mcp.host.notifier import Notifier
from iterm_mcp.host.profiles import DEFAULT
from iterm_mcp.host.sequences import MAX_PLACE_LENGTH, MAX_VARIABLE_LENGTH
from iterm_mcp.host.viewing import view_session
from iterm_mcp.host.wardrobe import Wardrobe

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.host.session import Session
    from iterm_mcp.host.world import World


def encoded(text: str) -> bytes:
    return base64.b64encode(text.encode())


def say(session: Session, words: bytes) -> None:
    session.inject(b"\x1b]1337;" + words + b"\x07")


def replies(session: Session) -> bytes:
    assert isinstance(session.pty, QuietPty)
    told = bytes(session.pty.typed)
    session.pty.typed.clear()
    return told


def variable(world: World, session: Session, name: str) -> Any:  # noqa: ANN401 - any JSON
    return scopes.value(world, scopes.Target(scopes.SESSION, session.session_id), name)


@pytest.mark.behaves("OSC 2", source="7.4")
@pytest.mark.parametrize(
    ("payload", "title"),
    [
        ("a\tb\x7f", "a^Ib^?"),
        ("first\nsecond", "first"),
        (r"\(name)", "\\\u200b(name)"),
        ("", ""),
    ],
)
async def test_a_title_is_one_line_of_letters_and_calls_nothing(payload: str, title: str) -> None:
    async with open_world() as world:
        session = await open_session(world)
        session.inject(b"\x1b]2;" + payload.encode() + b"\x1b\\")
        assert (session.icon_name, session.window_name) == (None, title)


@pytest.mark.behaves("OSC 0", source="7.4")
async def test_a_profile_may_keep_programs_from_setting_titles() -> None:
    async with open_world() as world:
        session = await open_session(world, **{"Allow Title Setting": False})
        session.inject(b"\x1b]0;mine\x07")
        assert (session.icon_name, session.window_name) == (None, None)


@pytest.mark.behaves("RemoteHost", "CurrentDir", source="7.2")
@pytest.mark.behaves("OSC 7", source="7.3")
@pytest.mark.parametrize(
    ("said", "found"),
    [
        (b"7;file:///a%20b", ("me", "here", "/a b")),
        (b"7;file://there/c", ("me", "there", "/c")),
        (b"7;file://you@there/c%0Ad", ("you", "there", "/cd")),
        (b"7;http://there/c", ("me", "here", "")),
        (b"7;file://[/c", ("me", "here", "")),
        (b"7;file:///" + b"x" * MAX_PLACE_LENGTH, ("me", "here", "")),
        (b"1337;CurrentDir=/a\x01b", ("me", "here", "/ab")),
        (b"1337;CurrentDir=" + b"x" * (MAX_PLACE_LENGTH + 1), ("me", "here", "")),
        (b"1337;RemoteHost=you@there@last", ("you@there", "last", "")),
        (b"1337;RemoteHost=you@", ("you", "here", "")),
        (b"50;RemoteHost=@there", ("me", "there", "")),
        (b"1337;RemoteHost=" + b"x" * (MAX_PLACE_LENGTH + 1), ("me", "here", "")),
    ],
)
async def test_places_are_told_in_several_ways(said: bytes, found: tuple[str, str, str]) -> None:
    async with open_world() as world:
        session = await open_session(world)
        session.username, session.hostname = "me", "here"
        session.inject(b"\x1b]" + said + b"\x07")
        assert (session.username, session.hostname, session.reported_path) == found


@pytest.mark.behaves("CurrentDir", source="7.2")
async def test_a_directory_that_is_nothing_leaves_it_to_the_system() -> None:
    async with open_world() as world:
        session = await open_session(world)
        say(session, b"CurrentDir=/there")
        say(session, b"CurrentDir=")
        assert session.path == session.directory


@pytest.mark.behaves("SetBadgeFormat", "SetUserVar", source="7.2")
async def test_a_badge_is_a_text_with_variables_and_calls_no_function() -> None:
    async with open_world() as world:
        session = await open_session(world)
        say(session, b"SetBadgeFormat=" + encoded(r"\(session.id) at \(none?)\(user.who)"))
        say(session, b"SetUserVar=who=" + encoded("me"))
        assert variable(world, session, "badge") == "S1 at me"
        assert DEFAULT["Badge Text"] == ""
        for refused in (encoded(r"\(f(x: 1))"), b"not base64", b"A" * (MAX_VARIABLE_LENGTH + 4)):
            say(session, b"SetBadgeFormat=" + refused)
        assert variable(world, session, "badge") == "S1 at me"
        say(session, b"SetBadgeFormat=" + encoded(r"\(badge)"))
        assert variable(world, session, "badge") == r"\(badge)"


@pytest.mark.behaves("SetProfile", source="7.2")
async def test_a_program_switches_its_session_to_a_profile_that_is_known() -> None:
    async with open_world() as world:
        known = {"": DEFAULT, "Dark": DEFAULT | {"Name": "Dark", "Guid": "D"}}
        world.recall_profile = known.get
        session = await open_session(world)
        session.set_name("kept")
        say(session, b"SetProfile=Dark")
        say(session, b"SetProfile=none")
        assert (session.profile["Guid"], session.name) == ("D", "kept")
        assert session.profile is not known["Dark"]
        say(session, b"SetProfile=")
        assert session.profile == DEFAULT


@pytest.mark.behaves("ClearScrollback", source="7.2")
@pytest.mark.behaves("clearing", source="4")
@pytest.mark.behaves("no reuse", source="D")
async def test_clearing_keeps_the_prompt_at_the_top_and_numbers_no_line_again() -> None:
    async with open_world() as world:
        session = await open_session(world, Rows=5)
        session.inject(b"old\r\n" * 20)
        session.inject(b"\x1b]133;A\x07two\r\nlines $ \x1b]133;B\x07typed")
        (prompt,) = session.prompts()
        engine, cursor = session.engine, session.engine.cursor
        say(session, b"ClearScrollback")
        shown = [line.text for line in engine.lines(0, 1000, styles=False)]
        assert shown == ["two", "lines $ typed", "", "", ""]
        assert (engine.cursor, engine.history, engine.overflow) == (cursor, 0, prompt.start.line)
        assert list(session.prompts()) == [prompt]
        session.inject(b"\r\n\x1b]133;C\x07out\r\nput")
        say(session, b"ClearScrollback")
        assert [one.text for one in engine.lines(0, 9, styles=False)] == []
        assert [one.text for one in engine.lines(engine.overflow, 1, styles=False)] == ["put"]
        (running,) = session.prompts()  # lost, but its command's end can still be asked for
        assert running.prompt_id == prompt.prompt_id


async def test_the_alternate_screen_has_nothing_to_clear_above_it() -> None:
    async with open_world() as world:
        session = await open_session(world, Rows=5)
        session.inject(b"old\r\n" * 20 + b"\x1b[?1049hnew")
        say(session, b"ClearScrollback")
        assert session.engine.history == 16
        assert session.engine.lines(session.engine.cursor[1], 1, styles=False)[0].text == "new"


@pytest.mark.behaves("StealFocus", "Disinter", source="7.2")
async def test_a_program_takes_the_focus() -> None:
    async with open_world() as world:
        session, _ = await open_session(world), await open_session(world)
        assert world.active_session() == "S2"
        say(session, b"StealFocus")
        assert world.active_session() == "S1"
        moves.bury(world, "S1")
        say(session, b"StealFocus")
        assert world.active_session() == "S2"
        say(session, b"Disinter")
        assert world.place("S1") is not None


@pytest.mark.behaves("ReportCellSize", "ReportVariable", "Capabilities", source="7.2")
async def test_a_program_is_answered_in_the_order_of_its_questions() -> None:
    async with open_world() as world:
        session = await open_session(world)
        session.inject(
            b"\x1b[6n\x1b]1337;ReportCellSize\x07\x1b[5n\x1b]1337;Capabilities\x07"
            b"\x1b]1337;ReportVariable=" + encoded("columns") + b"\x07"
        )
        assert replies(session) == (
            b"\x1b[1;1R\x1b]1337;ReportCellSize=16.0;8.0;1.0\x1b\\\x1b[0n"
            b"\x1b]1337;Capabilities=" + features.FEATURES.encode() + b"\x1b\\"
            b"\x1b]1337;ReportVariable=" + encoded("80") + b"\x07"
        )


@pytest.mark.behaves("ReportVariable", source="7.2")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        (encoded("id"), encoded("S1")),
        (encoded("nothing"), b""),
        (b"no base64", b""),
        (encoded("window.frame"), b""),
        (encoded("showingAlternateScreen"), encoded("false")),
    ],
)
async def test_a_variable_is_reported_as_text(name: bytes, value: bytes) -> None:
    async with open_world() as world:
        session = await open_session(world)
        say(session, b"ReportVariable=" + name)
        assert replies(session) == b"\x1b]1337;ReportVariable=" + value + b"\x07"


def shades(session: Session, *keys: str) -> list[int | None]:
    """Return the red of colours in the session's profile, 0 to 255."""
    found = [session.profile.get(f"{key} Color") for key in keys]
    return [None if one is None else round(one["Red Component"] * 255) for one in found]


@pytest.mark.behaves("set colours", "ask for colours", source="7.5")
async def test_colours_are_the_sessions_own_until_they_are_given_back() -> None:
    async with open_world() as world:
        session = await open_session(world)
        keys = ("Ansi 1", "Foreground", "Background", "Selection")
        before = shades(session, *keys)
        session.inject(b"\x1b]4;1;rgb:01/00/00;300;#111\x07\x1b]10;#020000;#030000\x07")
        session.inject(b"\x1b]17;rgb:0404/0/0\x07\x1b]4;1;#050000\x07")
        assert shades(session, *keys) == [5, 2, 3, 4]
        assert session.profile["Original Guid"] == DEFAULT["Guid"]
        session.inject(b"\x1b]17;?\x07\x1b]4;1;?\x1b\\")
        assert replies(session) == (
            b"\x1b]17;rgb:0404/0000/0000\x07\x1b]4;1;rgb:0505/0000/0000\x1b\\"
        )
        session.inject(b"\x1b]104\x07\x1b]110\x07\x1b]111\x07\x1b]117\x07\x1b]119\x07")
        assert shades(session, *keys) == before


@pytest.mark.behaves("ask for colours", source="7.5")
@pytest.mark.parametrize("cut", [1, 2, 1000])
async def test_questions_for_colours_are_answered_once_and_by_the_sessions_profile(
    cut: int,
) -> None:
    async with open_world() as world:
        shade = {f"{name} Component": 1.0 for name in ("Red", "Green", "Blue")}
        session = await open_session(world, **{"Background Color": shade, "Ansi 3 Color": shade})
        said = (
            b"\x1b[6n\x1b]11;?\x07\x1b]4;3;?;-2;?;20;?\x07\x1b]4;20;#010203\x1b\\"
            b"\x1b]10;?;?\x1b\\\x1b]4;20;?\x07\x1b[5n\x1b]104;20\x07\x1b]4;20;?\x07"
        )
        for at in range(0, len(said), cut):
            session.inject(said[at : at + cut])
        assert replies(session) == (
            b"\x1b[1;1R\x1b]11;rgb:ffff/ffff/ffff\x07\x1b]4;3;rgb:ffff/ffff/ffff\x07"
            b"\x1b]4;-2;rgb:ffff/ffff/ffff\x07\x1b]4;20;rgb:0000/0000/d7d7\x07"
            b"\x1b]10;rgb:c7c7/c7c7/c7c7\x1b\\\x1b]11;rgb:ffff/ffff/ffff\x1b\\"
            b"\x1b]4;20;rgb:0101/0202/0303\x07\x1b[0n\x1b]4;20;rgb:0000/0000/d7d7\x07"
        )
        session.profile = session.profile | {"Background Color": None}
        session.inject(b"\x1b]11;?\x07")
        assert replies(session) == b"\x1b]11;rgb:0000/0000/0000\x07"


@pytest.mark.behaves("set colours", source="7.5")
async def test_with_colours_for_two_modes_programs_change_the_one_in_use() -> None:
    async with open_world() as world:
        two = {"Use Separate Colors for Light and Dark Mode": True}
        session = await open_session(world, **two)
        session.inject(b"\x1b]11;#010203\x07\x1b]11;?\x07")
        assert replies(session) == b"\x1b]11;rgb:0101/0202/0303\x07"
        assert "Background Color (Dark)" in session.profile
        assert session.profile["Background Color"] == DEFAULT["Background Color"]


@pytest.mark.behaves("SetColors", source="7.2")
async def test_a_preset_is_put_on_at_once_and_again_when_its_file_is_new(tmp_path: Path) -> None:
    async with open_world() as world:
        world.wardrobe = Wardrobe(ColorPresets(str(tmp_path)))
        session = await open_session(world)
        say(session, b"SetColors=preset=Light Background")
        session.inject(b"\x1b]11;?\x07")
        assert replies(session) == b"\x1b]11;rgb:fafa/fafa/fafa\x07"
        (tmp_path / "Mine.json").write_text('{"Background Color": "#010203"}')
        say(session, b"SetColors=preset=Mine")
        with anyio.fail_after(10):
            while view_session(session).colors.background != 0x010203:
                await anyio.lowlevel.checkpoint()
        before = session.profile
        say(session, b"SetColors=preset=Nobody's")
        assert session.profile is before


async def test_without_presets_none_is_put_on() -> None:
    async with open_world() as world:
        session = await open_session(world)
        say(session, b"SetColors=preset=Light Background")
        assert session.profile == DEFAULT


@pytest.mark.behaves("SetColors", source="7.2")
async def test_named_colours_are_shown_too() -> None:
    async with open_world() as world:
        session = await open_session(world)
        say(session, b"SetColors=fg=102,br_red=srgb:0b0000,tab=0c0000,bold=nothing,what=123")
        assert shades(session, "Foreground", "Ansi 9", "Tab") == [0x11, 11, 12]
        shown = view_session(session).colors
        assert (shown.foreground, shown.palette[9]) == (0x110022, 0x0B0000)
        say(session, b"SetColors=tab=default")
        assert shades(session, "Tab") == [None]


@pytest.mark.behaves("pictures and files", "SetMark", source="7.2")
@pytest.mark.parametrize(
    "words",
    [
        b"File=name=eA==;inline=1:AAAA",
        b"MultipartFile=name=eA==;size=4",
        b"FilePart=AAAA",
        b"FileEnd",
        b"Copy=:AAAA",
        b"UnicodeVersion=9",
        b"Block=id=x;attr=start",
        b"SetMark",
        b"RequestAttention=yes",
        b"AddAnnotation=x",
        b"nobody knows this",
    ],
)
async def test_what_only_a_screen_would_show_is_taken_and_leaves_nothing(words: bytes) -> None:
    async with open_world() as world:
        session = await open_session(world)
        say(session, words)
        assert [one.text for one in session.engine.lines(0, 99, styles=False)] == [""] * 25
        assert (list(session.prompts()), replies(session), session.user) == ([], b"", {})


@pytest.mark.behaves("k=", source="7.1")
async def test_a_right_prompt_stands_in_the_row_of_the_command() -> None:
    """API §7.1: only the beginning of a whole prompt moves to a row of its own."""
    async with open_world() as world:
        session = await open_session(world, Rows=4)
        session.inject(b"left over\x1b]133;A\x07$ \x1b]133;B\x07")
        session.inject(b"\x1b7\x1b[20G\x1b]133;A;k=r\x07right\x1b]133;B\x07\x1b8ls")
        rows = [line.text for line in session.engine.lines(0, 9, styles=False)]
        assert [row.replace("\0", " ") for row in rows] == [
            "left over",
            "$ ls               right",
            "",
            "",
        ]
        session.inject(b"\r\n\x1b]133;C\x07")
        assert session.last_command == "ls"


async def test_a_shell_tells_its_name_and_no_nonsense_takes_that_away() -> None:
    async with open_world() as world:
        session = await open_session(world)
        for words in (b"14;shell=zs\x01h", b"14", b""):
            say(session, b"ShellIntegrationVersion=" + words)
        assert variable(world, session, "shell") == "zsh"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (b"id=me;x=1:hello: there", [("me", "hello: there")]),
        (b"id=me", []),
        (b"x=1:hello", []),
        (b"id=:hello", []),
    ],
)
async def test_a_sequence_of_a_scripts_own_needs_an_identity_and_a_payload(
    words: bytes, told: list[tuple[str, str]]
) -> None:
    """API §3.8."""
    heard: list[tuple[str, str]] = []

    class Listening(Notifier):
        def sequence_received(self, session: Session, identity: str, payload: str) -> None:
            assert session.session_id == "S1"
            heard.append((identity, payload))

    async with open_world() as world:
        session = await open_session(world)
        world.observer = Listening()
        say(session, b"Custom=" + words)
    assert heard == told
