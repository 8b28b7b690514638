"""What is open, written down and read again, is as it was."""

from __future__ import annotations

import json
import zlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.host.worlds import QuietPty, open_session, open_world

from iterm_mcp.host import limits, moves
from iterm_mcp.host.ghostty import emulator_build
from iterm_mcp.host.messages import listing
from iterm_mcp.host.pty import Pty
from iterm_mcp.host.pty_state import PtyState
from iterm_mcp.host.selection import Part
from iterm_mcp.host.session import Session
from iterm_mcp.host.upgrade.envelope import Pieces, StateError, pack, unpack
from iterm_mcp.host.upgrade.inheritance import Inheritance
from iterm_mcp.host.upgrade.rehearsal import UpgradeError, keep, recall, try_state
from iterm_mcp.host.upgrade.sessions import APART, descriptors
from iterm_mcp.host.upgrade.worlds import (
    draft_world,
    read_world,
    resume_recordings,
    write_world,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.host.world import World

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(body=st.dictionaries(st.text(), values), kept=st.lists(st.binary()))
def test_any_body_and_pieces_are_read_as_they_were_written(
    body: dict[str, Any], kept: list[bytes]
) -> None:
    pieces = Pieces()
    numbers = [pieces.add(one) for one in kept]
    read, again = unpack(pack(body, pieces))
    assert read == body
    assert [again[number] for number in numbers] == kept


def with_head(head: object, rest: bytes = b"{}") -> bytes:
    return b"iterm-mcp host state 1\n" + json.dumps(head).encode() + b"\n" + rest


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no state"),
        (b"something else\n", "no state"),
        (b"iterm-mcp host state x\n", "no state"),
        (b"iterm-mcp host state 2\n{}\n", "version 2"),
        (b"iterm-mcp host state 0\n{}\n", "version 0"),
        (b"iterm-mcp host state 1\n", "damaged"),
        (with_head([]), "damaged"),
        (with_head({"sizes": [2], "checksum": 1}), "damaged"),
        (with_head({"sizes": [3], "checksum": zlib.crc32(b"{}")}), "damaged"),
        (with_head({"sizes": [], "checksum": 0}, b""), "damaged"),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(StateError, match=reason):
        unpack(data)


MORE: dict[str, Any] = {
    "version": "0.0.9",
    "python": "/nowhere/python",
    "upgrades": 4,
    "lock": -1,
    "listening": -1,
    "recorded": {},
}


async def full_world(world: World) -> Session:
    """Have one of everything in a world; return a session with most of it."""
    one = await open_session(world)
    window, tab = world.place(one.session_id) or pytest.fail("it stands nowhere")
    two = await world.split(one, dict(one.profile), vertical=True, before=False)
    await world.split(two, dict(one.profile), vertical=False, before=True)
    _, second, three = await world.open_tab(dict(one.profile), window, 0, select=False)
    other = await open_session(world)
    moves.bury(world, three.session_id)
    world.set_broadcast_domains([[one.session_id, two.session_id]])
    world.user[f"tab {tab.tab_id}"] = {"a": [1, {"b": None}]}
    world.titles[f"window {window.window_id}"] = "title"
    world.focus_window(window)
    world.app_active = False
    window.origin = (3, 4)
    del second, other
    one.inject(b"\x1b]0;called\x07\x1b]7;file:///tmp\x07\x1b]1337;SetUserVar=k=dg==\x07")
    one.inject(
        b"\x1b]1337;RemoteHost=me@there\x07\x1b]1337;ShellIntegrationVersion=1;shell=zsh\x07"
    )
    for number in range(40):
        one.inject(
            b"\x1b]133;A\x07$ \x1b]133;B\x07"
            + b"\x1b]133;P;k=r\x07>\x1b]133;B\x07make %d\r\n" % number
            + b"\x1b]133;C\x07out\r\n\x1b]133;D;%d\x07" % number
        )
    one.inject(b"\x1b]133;A\x07$ \x1b]133;B\x07half \x1b[3")
    one.selection = [Part((1, 2), (3, 4), (0, 5), 2, connected=True)]
    one.started_at = 12.5
    return one


async def carried(world: World, other: World, change: Callable[[dict[str, Any]], None]) -> None:
    body, pieces = unpack(write_world(world, MORE))
    change(body)
    read_world(other, body, pieces)
    for session in other.sessions.values():
        session.pty = QuietPty()


def nothing(_body: dict[str, Any]) -> None:
    """Change nothing."""


async def test_a_world_is_as_it_was() -> None:
    async with open_world() as world, open_world() as other:
        one = await full_world(world)
        await carried(world, other, nothing)
        assert listing(other) == listing(world)
        assert other.active_session() == world.active_session()
        for name in ("user", "titles", "burials", "app_active", "theme"):
            assert getattr(other, name) == getattr(world, name)
        assert [list(one) for one in other.domains.listing()] == [
            list(one) for one in world.domains.listing()
        ]
        assert [one.origin for one in other.windows] == [one.origin for one in world.windows]
        assert [one.selected and one.selected.tab_id for one in other.windows] == [
            one.selected and one.selected.tab_id for one in world.windows
        ]
        assert next(other.tab_numbers) == next(world.tab_numbers)
        again = other.sessions[one.session_id]
        assert again.observer is other
        for field in fields(Session):
            if field.name not in {"pty", "observer"}:
                assert getattr(again, field.name) == getattr(one, field.name), field.name
        assert again.started_at == one.started_at
        assert again.selected_text == one.selected_text


async def test_a_session_s_screen_and_prompts_go_on() -> None:
    async with open_world() as world, open_world() as other:
        one = await full_world(world)
        await carried(world, other, nothing)
        again = other.sessions[one.session_id]
        for session in (one, again):
            session.inject(b"1mword\r\n\x1b]133;C\x07\x1b]133;D;3\x07")
        assert again.last_command == one.last_command == "half word"

        def told(session: Session) -> list[Any]:
            return [
                {part.name: getattr(prompt, part.name) for part in fields(prompt)}
                for prompt in session.prompts()
            ]

        assert told(again) == told(one)
        assert again.prompts()[-1].status == 3
        for session in (one, again):
            session.resize(31, 9)
        assert told(again) == told(one)
        assert (again.columns, again.engine.columns) == (31, 31)


async def test_an_engine_is_handed_on_with_its_session() -> None:
    async with open_world() as world, open_world() as other:
        session = await open_session(world)
        session.inject(b"x" * 5000 + b"\x1b[?1049h\x1b[31mred\x07")
        await carried(world, other, nothing)
        (again,) = other.sessions.values()
        for engine in (session.engine, again.engine):
            engine.take_changed()
        names = ("cursor", "overflow", "history", "alternate_screen", "bell_count")
        for name in names:
            assert getattr(again.engine, name) == getattr(session.engine, name)
        assert again.engine.lines(0, 999, styles=True) == session.engine.lines(0, 999, styles=True)


async def test_what_only_a_newer_host_knows_of_a_session_is_left_out() -> None:
    def change(body: dict[str, Any]) -> None:
        for told in body["sessions"]:
            told["plain"] |= {"of_the_future": 1}
            del told["plain"]["shell"]

    async with open_world() as world, open_world() as other:
        await open_session(world)
        await carried(world, other, change)
        (again,) = other.sessions.values()
        assert again.shell is None


def test_every_field_of_a_session_is_written_or_stands_apart() -> None:
    assert {one.name for one in fields(Session)} >= APART


async def test_a_rehearsal_reads_a_state_and_says_what_it_is() -> None:
    async with open_world() as world:
        await full_world(world)
        said = await try_state(write_world(world, MORE))
        assert said["sessions"] == len(world.sessions)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.pop("windows"),
        lambda body: body["sessions"][0]["plain"].pop("session_id"),
        lambda body: body["sessions"][0]["pty"].update(unknown=1),
        lambda body: body["sessions"][0]["engine"].update(terminal=0),
        lambda body: body.update(sessions=3),
    ],
)
async def test_a_rehearsal_refuses_what_makes_no_sense(change: Callable[[Any], Any]) -> None:
    async with open_world() as world:
        await open_session(world)
        body, pieces = unpack(write_world(world, MORE))
        change(body)
        with pytest.raises(UpgradeError):
            await try_state(pack(body, pieces))


async def test_a_draft_is_what_is_written_at_once() -> None:
    async with open_world() as world:
        await full_world(world)
        assert (
            unpack(b"".join(await draft_world(world, MORE)))[0]
            == (unpack(write_world(world, MORE))[0])
        )


async def test_while_a_draft_is_written_others_have_their_turn_and_sessions_come_and_go() -> None:
    async with open_world() as world:
        first, *others = [await open_session(world) for _ in range(20)]
        drafts: list[list[bytes]] = []
        late: list[Session] = []

        async def draft() -> None:
            drafts.append(await draft_world(world, MORE))

        turns = 0
        async with anyio.create_task_group() as group:
            group.start_soon(draft)
            while not drafts:
                await anyio.lowlevel.checkpoint()
                turns += 1
                if turns == 5:
                    world.close(first)
                    world.close(others[-1])
                    late.append(await open_session(world))
        assert turns > len(others)
        body, _ = unpack(b"".join(drafts[0]))
        told = [one["plain"]["session_id"] for one in body["sessions"]]
        assert told == [one.session_id for one in (*others[:-1], *late)]
        assert (await try_state(b"".join(drafts[0])))["sessions"] == len(told)


@pytest.mark.parametrize(
    ("emulator", "reason"),
    [
        ("pyghostty 9.9", "in the form of pyghostty 9.9, which pyghostty .* cannot read"),
        (None, "in the form of another emulator"),
        (emulator_build(), "^the emulator could not read a copy"),
    ],
)
async def test_screens_of_another_emulator_are_refused_with_what_to_do(
    emulator: str | None, reason: str
) -> None:
    async with open_world() as world:
        await open_session(world)
        body, pieces = unpack(write_world(world, MORE))
        pieces.kept[body["sessions"][0]["engine"]["terminal"]] = b"GSNP of another version"
        body["emulator"] = emulator
        if emulator is None:
            del body["emulator"]
        with pytest.raises(UpgradeError, match=reason):
            await try_state(pack(body, pieces))


def test_what_is_kept_is_recalled_as_often_as_one_likes() -> None:
    fd = keep(b"state" * 100_000)
    assert recall(fd) == recall(fd) == b"state" * 100_000
    parts = keep(b"in ", b"", b"parts")
    assert recall(parts) == b"in parts"


def test_an_inheritance_says_what_it_comes_from() -> None:
    first = limits.first_file_limit()
    fd = keep(pack(MORE | {"file_limit": 77}, Pieces()))
    try:
        forth, back = Inheritance.of(fd, back=False), Inheritance.of(fd, back=True)
        assert (forth.version, forth.count, forth.problem) == ("0.0.9", 5, "")
        assert back.count == 4
        assert "handed back" in back.problem
        assert limits.first_file_limit() == 77
    finally:
        limits.remember_first(first)


async def test_a_recording_is_not_begun_where_there_are_none() -> None:
    async with open_world() as world:
        session = await open_session(world)
        resume_recordings(world, {session.session_id: True, "gone": False})
        assert session.recorder is None
        assert list(descriptors(session)) == [-1]


def test_an_adopted_program_that_has_ended_is_not_hung_up_on() -> None:
    state = PtyState(4_000_000, "/dev/pts/x", -1, b"left", exited=True, code=3, ended=True)
    pty = Pty.adopt(state)
    assert pty.state() == state
    assert pty.queued == 4
