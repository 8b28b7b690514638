"""Starts a session's program: command, directory, environment, pseudo-terminal."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from anyio import to_thread

from iterm_mcp.host import environment, profiles, shell_integration
from iterm_mcp.host.pty import Pty
from iterm_mcp.host.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host.session_observer import SessionObserver


class Starter:
    """Starts programs for one host.

    Args:
        base: The environment that sessions' own are made from.
        cookie: What scripts inside sessions need to talk to us.
        suite: Under which name they find our socket.
    """

    def __init__(self, base: Mapping[str, str], cookie: str, suite: str) -> None:
        self._base = base
        self._cookie = cookie
        self._suite = suite

    @property
    def shell(self) -> str:
        """The user's login shell."""
        return environment.login_shell(self._base)

    async def start(
        self,
        profile: dict[str, Any],
        columns: int,
        rows: int,
        at: str,
        observer: SessionObserver,
        directory: str | None = None,
    ) -> Session:
        """Start a program in a new session.

        Args:
            profile: Says which program, where, and with which environment.
            at: Where the session will stand, as iTerm2 writes it: ``w0t1p2``.
            observer: Who is told of the session's changes, once it runs.
            directory: Where to start instead of where the profile says.

        Raises:
            PtyError: It could not be started.
            ValueError: The profile's command cannot be split.
        """
        session_id = str(uuid4()).upper()
        if directory is None:
            directory = environment.start_directory(self._base, profile)
        pty = await self.spawn(session_id, profile, columns, rows, at, directory)
        name = str(profile.get("Name", ""))
        return Session(
            session_id,
            profile,
            pty,
            columns,
            rows,
            profiles.scrollback(profile),
            observer,
            directory,
            name="" if name == profiles.DEFAULT["Name"] else name,
            username=_user_name(),
        )

    async def spawn(
        self,
        session_id: str,
        profile: dict[str, Any],
        columns: int,
        rows: int,
        at: str,
        directory: str,
    ) -> Pty:
        """Start a session's program on a PTY, off the loop: the kernel takes a millisecond or two.

        Raises:
            PtyError, ValueError: As `start`.
        """
        argv = environment.command_line(self._base, profile)
        environ = environment.environment(
            self._base,
            session_id=session_id,
            position=at,
            profile=profile,
            directory=directory,
            cookie=self._cookie,
            suite=self._suite,
        )
        argv, environ = shell_integration.integrate(argv, environ, profile)
        return await to_thread.run_sync(
            lambda: Pty.spawn(
                argv, columns=columns, rows=rows, directory=directory, environ=environ
            )
        )


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
