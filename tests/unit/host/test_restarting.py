"""Restarting a session's program, in a world whose programs do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.host.worlds import QuietPty, QuietStarter, open_session, open_world

from iterm_mcp.host.pty import PtyError
from iterm_mcp.host.restarting import restart, restart_ended

if TYPE_CHECKING:
    from iterm_mcp.host.pty import Pty
    from iterm_mcp.host.session import Session
    from iterm_mcp.host.world import World


class SlowStarter(QuietStarter):
    """Closes a session while its program is being started again."""

    def __init__(self, world: World, session: Session) -> None:
        super().__init__()
        self.spawned = QuietPty()
        self._world = world
        self._session = session

    async def spawn(self, *_args: object, **_named: object) -> Pty:
        self._world.close(self._session)
        return self.spawned


async def test_a_program_is_not_left_behind_when_its_session_is_closed_meanwhile() -> None:
    async with open_world() as world:
        session = await open_session(world)
        world.starter = starter = SlowStarter(world, session)
        with pytest.raises(KeyError):
            await restart(world, session)
        assert starter.spawned.closed_after == 0


async def test_what_the_profile_says_is_typed_again() -> None:
    async with open_world() as world:
        session = await open_session(world, **{"Initial Text": "begin"})
        await restart(world, session)
        assert isinstance(session.pty, QuietPty)
        assert session.pty.typed == b"begin\n"


async def test_the_end_of_the_old_program_is_no_end_of_the_session() -> None:
    async with open_world() as world:
        session = await open_session(world)
        old = session.pty
        assert isinstance(old, QuietPty)
        await restart(world, session)
        old.end(0)
        assert not session.exited
        assert session.session_id in world.sessions


class FailingStarter(QuietStarter):
    """Starts sessions, but no program again."""

    async def spawn(self, *_args: object, **_named: object) -> Pty:
        raise PtyError("no room")


async def open_ended(world: World) -> Session:
    """Open a session whose program has ended long after its beginning."""
    session = await open_session(world, **{"Close Sessions On End": 0})
    assert isinstance(session.pty, QuietPty)
    session.pty.end(0)
    session.started_at = 0.0
    return session


async def test_what_has_ended_is_started_again() -> None:
    async with open_world() as world:
        session = await open_ended(world)
        await restart_ended(world, session)
        assert not session.exited


async def test_what_was_closed_or_restarted_meanwhile_is_left_alone() -> None:
    async with open_world() as world:
        closed, restarted = await open_ended(world), await open_ended(world)
        world.close(closed)
        await restart(world, restarted)
        running = restarted.pty
        await restart_ended(world, closed)
        await restart_ended(world, restarted)
        assert (closed.exited, restarted.pty) == (True, running)


async def test_what_cannot_be_started_again_stays_ended() -> None:
    async with open_world() as world:
        session = await open_ended(world)
        world.starter = FailingStarter()
        await restart_ended(world, session)
        assert session.exited
        world.starter = SlowStarter(world, session)
        await restart_ended(world, session)
        assert session.session_id not in world.sessions


@pytest.mark.parametrize(("ending", "kept"), [(0, True), (1, False), (2, True), (True, False)])
async def test_the_profile_says_what_becomes_of_a_session_whose_program_ends(
    ending: float, *, kept: bool
) -> None:
    """API §2.5."""
    async with open_world() as world:
        session = await open_session(world, **{"Close Sessions On End": ending})
        assert isinstance(session.pty, QuietPty)
        session.pty.end(0)
        assert (session.session_id in world.sessions) is kept


async def test_nothing_is_started_again_while_everything_ends() -> None:
    async with open_world() as world:
        session = await open_session(world, **{"Close Sessions On End": 2})
        await world.close_all()
        assert isinstance(session.pty, QuietPty)
        session.pty.end(0)
    assert session.exited
