"""Idle terminals become small, one step at a time, whatever else goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import anyio
import anyio.lowlevel
from tests.unit.host.worlds import open_session, open_world
from tests.waiting import eventually

from iterm_mcp.host import wire
from iterm_mcp.host.compressing import Compressor
from iterm_mcp.host.engine import Engine
from iterm_mcp.host.requests.buffers import get_buffer
from iterm_mcp.host.requests.context import Serialised

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context
    from iterm_mcp.host.session import Session

LINES = b"".join(b"line %d\r\n" % number for number in range(5000))


class Steps:
    """Work of so many steps; notes in `done` each that was taken."""

    def __init__(self, name: str, left: int, done: list[str]) -> None:
        self.name, self.left, self.done = name, left, done

    def __call__(self) -> bool:
        self.done.append(self.name)
        self.left -= 1
        return self.left == 0


class CountingEngine(Engine):
    """Notes what each step of compressing has said."""

    steps: list[bool]

    def compress(self) -> bool:
        done = super().compress()
        self.steps.append(done)
        return done


def counting(session: Session) -> CountingEngine:
    """Give a session an engine that counts, and no patience."""
    session.engine.close()
    engine = CountingEngine(80, 24, scrollback=5000, on_osc=lambda _event: None)
    engine.steps = []
    session.engine = engine
    session.idle_seconds = 0.02
    return engine


async def test_one_terminal_is_finished_before_the_next_one_begins() -> None:
    done: list[str] = []
    compressor = Compressor()
    compressor.add(Steps("a", 3, done))
    compressor.add(Steps("b", 2, done))
    assert not done
    await eventually(lambda: len(done) == 5)
    assert done == ["a", "a", "a", "b", "b"]
    compressor.add(Steps("c", 1, done))
    await eventually(lambda: done[5:] == ["c"])


async def test_others_have_their_turn_between_any_two_steps() -> None:
    done: list[str] = []
    compressor = Compressor()
    for _ in range(10):
        compressor.add(Steps("step", 2, done))
    with anyio.fail_after(5):
        while done.count("step") < 20:
            await anyio.lowlevel.checkpoint()
            if done[-1:] != ["other"]:
                done.append("other")
    assert "step step" not in " ".join(done)


async def test_a_session_that_rests_is_compressed_wholly() -> None:
    async with open_world() as world:
        session = await open_session(world)
        engine = counting(session)
        session.inject(LINES)
        await eventually(lambda: engine.steps[-1:] == [True])
        assert len(engine.steps) > 5
        assert not any(engine.steps[:-1])
        assert session.engine.lines(4000, 1, styles=False)[0].text == "line 4000"


async def test_a_session_that_goes_on_is_left_alone_until_it_rests_again() -> None:
    async with open_world() as world:
        session = await open_session(world)
        engine = counting(session)
        session.inject(LINES)
        assert session.compress()
        assert not engine.steps
        await eventually(lambda: engine.steps[-1:] == [True])
        session.inject(LINES)
        await eventually(lambda: engine.steps.count(True) == 2)


async def test_what_was_looked_at_is_compressed_again() -> None:
    async with open_world() as world:
        session = await open_session(world)
        engine = counting(session)
        session.inject(LINES)
        await eventually(lambda: engine.steps[-1:] == [True])
        asked = wire.GetBufferRequest(
            session=session.session_id, line_range=wire.LineRange(trailing_lines=3000)
        )
        context = cast("Context", SimpleNamespace(world=world))  # all that it looks at
        found = await get_buffer(context, asked)
        assert isinstance(found, Serialised)
        message = wire.ServerOriginatedMessage.FromString(found.answer(1))
        assert len(message.get_buffer_response.contents) == 3000
        await eventually(lambda: engine.steps.count(True) == 2)


async def test_a_session_that_is_closed_needs_no_more_compressing() -> None:
    async with open_world() as world:
        session = await open_session(world)
        session.release()
        assert session.compress()
