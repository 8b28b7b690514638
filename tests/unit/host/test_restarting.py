"""Restarting a session's program, in a world whose programs do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.host.worlds import QuietPty, QuietStarter, open_session, open_world

from iterm_mcp.host.restarting import restart

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
