"""Our text as iTerm2 takes it: where it would be evaluated, and where it would be split. Pure."""

from __future__ import annotations

import json
import os
import pwd
import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iterm_mcp.models.sessions import Program

ENVIRONMENT_KEY = "iterm_mcp Environment"
"""The key of a profile by which our own host is told of variables: an object of texts.

iTerm2 has no such key. There a program is started through ``/usr/bin/env`` instead, whose
arguments anybody on the machine can list; what our host is told stays between it and the program.
"""

TAGS_VARIABLE = "user.tags"

NAME_VARIABLE = "user.given_name"
"""What a session was called by us. Its own name is what programs last set as their title: with
the usual settings of a shell that is gone at the first prompt."""


def literal(text: str) -> str:
    r"""Keep iTerm2 from evaluating a text: ``\(…)`` is an expression in names and badges."""
    return text.replace("\\(", "\\\u200b(")


def tags_value(program_tags: tuple[str, ...]) -> str | None:
    """Return what the variable of a session's tags is set to; None for no tags."""
    return json.dumps(program_tags) if program_tags else None


def given(program: Program) -> dict[str, str]:
    """Return the variables by which a new session is found later, whatever its programs say."""
    values = {NAME_VARIABLE: program.name, TAGS_VARIABLE: tags_value(program.tags)}
    return {name: value for name, value in values.items() if value is not None}


def customizations(program: Program, *, headless: bool) -> dict[str, str]:
    """Return the profile's properties, as JSON, that make a session run what was asked for.

    Args:
        headless: Whether our own host is asked, which can be told of variables.
    """
    properties: dict[str, Any] = {}
    command = command_line(program)
    if program.environment and headless:
        properties[ENVIRONMENT_KEY] = dict(program.environment)
    elif program.environment:
        command = f"{_env(program)} {command or f'{shlex.quote(_login_shell())} -l'}"
    if command is not None:
        properties["Custom Command"] = "Yes"
        properties["Command"] = command
    if program.directory is not None:
        properties["Custom Directory"] = "Yes"
        properties["Working Directory"] = program.directory
    if program.name is not None:
        properties["Name"] = literal(program.name)
    if program.size is not None:
        properties["Columns"] = program.size.columns
        properties["Rows"] = program.size.rows
    return {key: json.dumps(value) for key, value in properties.items()}


def command_line(program: Program) -> str | None:
    """Return a program with its arguments as one line that is split as a shell would."""
    if program.command is None or not program.arguments:
        return program.command
    return shlex.join([program.command, *program.arguments])


def _env(program: Program) -> str:
    return shlex.join([
        "/usr/bin/env", *(f"{name}={value}" for name, value in program.environment.items())
    ])  # fmt: skip


def _login_shell() -> str:
    return os.environ.get("SHELL") or pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"
