"""What a new session may be asked to run, and be called. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, shown

if TYPE_CHECKING:
    from iterm_mcp.models.sessions import Program


def check_program(program: Program) -> None:
    """See that a session can be opened with this.

    Raises:
        InvalidRequestError: A name or directory is empty or has control characters, or the
            command is empty.
    """
    for what, value in (("name", program.name), ("directory", program.directory)):
        if value is not None and (not value.strip() or not value.isprintable()):
            raise InvalidRequestError(
                f"the {what} {shown(value)!r} is empty or holds control characters",
                hint=f"Give a plain {what}, or leave it out.",
            )
    if program.command is not None and not program.command.strip():
        raise InvalidRequestError(
            "the command is empty", hint="Leave it out to get the login shell."
        )
