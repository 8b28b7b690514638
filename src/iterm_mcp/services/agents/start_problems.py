"""Why a program was not started: a terminal refuses without saying whether it is what or where."""

from __future__ import annotations

import os
import shlex
import shutil
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.errors import TerminalRejectedError, shown
from iterm_mcp.terminal.quoting import command_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.sessions import Program


@asynccontextmanager
async def explained(program: Program) -> AsyncIterator[None]:
    """Say what is wrong with a program where the terminal's refusal does not, if that is seen.

    Raises:
        TerminalRejectedError: In the place of one that was raised inside.
    """
    try:
        yield
    except TerminalRejectedError as error:
        problem = await to_thread.run_sync(start_problem, program)
        if problem is None:
            raise
        raise TerminalRejectedError(
            f"nothing was opened: {problem}", hint=error.hint, code=error.code
        ) from None


def start_problem(program: Program) -> str | None:
    """Return why a program cannot be started here; None when nothing speaks against it.

    Looks at the file system; a name without a slash is looked for in our own ``$PATH``.
    """
    if program.directory is not None:
        directory = Path(os.path.expanduser(program.directory))  # noqa: PTH111 - takes any user
        if not directory.is_dir():
            found = "is no directory" if directory.exists() else "does not exist"
            return f"the directory {shown(program.directory)!r} {found}"
        if not os.access(directory, os.X_OK):
            return f"the directory {shown(program.directory)!r} may not be entered"
    try:
        words = shlex.split(command_line(program) or "")
    except ValueError:
        return f"a quote is left open in the command {shown(program.command or '')!r}"
    name = os.path.expanduser(words[0]) if words else None  # noqa: PTH111 - perhaps no path
    if name and shutil.which(name) is None:
        known = "exists, but cannot be run" if Path(name).exists() else "was not found"
        return f"the program {shown(name)!r} {known}"
    return None
