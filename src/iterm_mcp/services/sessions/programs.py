"""What a new session may be asked to run, and be called. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, shown
from iterm_mcp.services.sessions.tags import check_tags

if TYPE_CHECKING:
    from iterm_mcp.models.sessions import Program, Size


LONGEST_WORDS = 64 * 1024
"""Characters that a program's arguments and variables may have together."""

MOST_CELLS = 1000
"""The most columns or rows that a session may be asked to have."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_program(program: Program) -> None:
    """See that a session can be opened with this.

    Raises:
        InvalidRequestError: A name or directory is empty or has control characters, the
            command is empty, or the rest of it cannot be.
    """
    if program.name is not None:
        check_name(program.name)
    if program.directory is not None:
        _check_plain("directory", program.directory)
    if program.command is not None and not program.command.strip():
        raise InvalidRequestError(
            "the command is empty", hint="Leave it out to get the login shell."
        )
    _check_words(program)
    check_tags(program.tags)
    if program.size is not None:
        check_size(program.size)


def check_name(name: str) -> None:
    """See that a session may be called this.

    Raises:
        InvalidRequestError: It is empty or has control characters.
    """
    _check_plain("name", name)


def check_size(size: Size) -> None:
    """See that a session may be asked to have this grid.

    Raises:
        InvalidRequestError: It is too small or too large.
    """
    if not (2 <= size.columns <= MOST_CELLS and 2 <= size.rows <= MOST_CELLS):  # noqa: PLR2004 - least
        raise InvalidRequestError(
            f"{size.columns} columns and {size.rows} rows are no size for a session",
            hint=f"Ask for 2 to {MOST_CELLS} of each.",
        )


def _check_plain(what: str, value: str) -> None:
    if not value.strip() or not value.isprintable():
        raise InvalidRequestError(
            f"the {what} {shown(value)!r} is empty or holds control characters",
            hint=f"Give a plain {what}, or leave it out.",
        )


def _check_words(program: Program) -> None:
    if program.arguments and program.command is None:
        raise InvalidRequestError(
            "there are args without a command", hint="Name the program in command."
        )
    for name in program.environment:
        if not _VARIABLE.fullmatch(name):
            raise InvalidRequestError(
                f"{shown(name)!r} cannot be the name of an environment variable",
                hint="Use letters, digits and underscores, and no digit in front.",
            )
    words = [*program.arguments, *program.environment.values()]
    if any("\0" in word for word in words) or sum(map(len, words)) > LONGEST_WORDS:
        raise InvalidRequestError(
            f"args and environment hold a NUL, or more than {LONGEST_WORDS} characters",
            hint="Put long values into a file that the program reads.",
        )
