"""The program Claude Code: where it is, what it can do, how it is started, how it looks running."""

from __future__ import annotations

import os
import re
import uuid
from itertools import dropwhile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from iterm_mcp.agents import probing
from iterm_mcp.agents.claude_hooks import hook_settings
from iterm_mcp.agents.kind import Installed, StartPlan
from iterm_mcp.agents.probing import ask_program
from iterm_mcp.agents.reports import TOKEN
from iterm_mcp.agents.strokes import check_order
from iterm_mcp.agents.telemetry import exporting
from iterm_mcp.errors import InvalidRequestError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.agents.kind import StartRequest

PROGRAM = "claude"
ARGUMENT_BYTES = 100_000
"""Linux takes 128 KiB for one argument; a longer first order has to be told."""

FEATURES: Mapping[str, str] = {
    "resume": "--resume",
    "session_id": "--session-id",
    "hooks": "--settings",
    "permission_mode": "--permission-mode",
    "stream_json": "--input-format",
    "permission_prompts": "--permission-prompts",
    "replay": "--replay-user-messages",
    "hook_events": "--include-hook-events",
    "budget": "--max-budget-usd",
}
"""What can be done, by the option in ``claude --help`` that does it."""

HTTP_HOOKS_SINCE = (2, 1, 63)
"""The version from which on hooks may be addresses; its help does not tell. Older ones refuse
settings in which they are."""

HOMES = (".local/bin/claude", ".claude/local/claude")
"""Where its own installers put it, below the home folder, on Linux and macOS."""

_INTERPRETER = re.compile(r"(?:node|bun|deno|python[\d.]*)(?:\.exe)?")
_SCRIPT = re.compile(r"(?:^|/)claude(?:\.exe)?$|/claude-code/(?:cli|bin/claude)[^/]*$")
_WORD = re.compile(r"[A-Za-z][A-Za-z-]{0,63}")
_OTHER_VERBS = frozenset(
    {
        "agents", "auth", "auto-mode", "config", "daemon", "doctor", "install", "kill", "logs",
        "mcp", "migrate-installer", "plugin", "plugins", "project", "remote-control", "respawn",
        "rm", "setup-token", "stop", "ultrareview", "update", "upgrade",
    }
)  # fmt: skip
_NO_SCREEN = frozenset({"-p", "--print", "-v", "--version", "-h", "--help", "--bg", "--background"})


async def probe(environ: Mapping[str, str]) -> Installed | None:
    """Look for the program, and for what it can do; see `AgentKind.probe`."""
    path = await anyio.to_thread.run_sync(find_program, environ)
    if path is None:
        return None
    said: dict[str, str | None] = {"--version": None, "--help": None}

    async def ask(flag: str) -> None:
        said[flag] = await ask_program(path, [flag], environ)

    async with anyio.create_task_group() as group:
        for flag in said:
            group.start_soon(ask, flag)
    return installed(path, said["--version"] or "", said["--help"] or "")


def find_program(environ: Mapping[str, str]) -> str | None:
    """Return where the program is: on PATH, or where its installers put it."""
    found = probing.find_program(PROGRAM, environ)
    if found is not None:
        return found
    home = Path(environ.get("HOME") or Path.home())
    for place in HOMES:
        if os.access(home / place, os.X_OK):
            return str(home / place)
    return None


def installed(path: str, version: str, words: str) -> Installed:
    """Return what ``--version`` and ``--help`` tell of a program. Pure."""
    features = {name for name, option in FEATURES.items() if option in words}
    number = probing.version_in(version)
    if "hooks" in features and _numbers(number) >= HTTP_HOOKS_SINCE:
        features.add("http_hooks")
    return Installed(path, number, frozenset(features))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(one) for one in re.findall(r"\d+", version)[:3])


def plan(request: StartRequest, program: Installed) -> StartPlan:
    """Return how it is started in a terminal; see `AgentKind.start`."""
    arguments, conversation = arguments_of(request, program)
    order: tuple[str, ...] = ()
    if request.prompt and len(request.prompt.encode("utf-8", "replace")) <= ARGUMENT_BYTES:
        check_order(request.prompt, limit_bytes=ARGUMENT_BYTES)
        order = ("--", request.prompt)
    return StartPlan(
        program.path,
        (*arguments, *request.options, *order),
        environment_of(request, program),
        takes_prompt=bool(order),
        conversation=conversation,
    )


def environment_of(request: StartRequest, program: Installed) -> dict[str, str]:
    """Return what is added to its environment."""
    reports = request.reports
    found = {**exporting("claude", reports), **request.environment}
    if reports is not None and "http_hooks" in program.features:
        found[TOKEN] = reports.token
    return found


def arguments_of(request: StartRequest, program: Installed) -> tuple[tuple[str, ...], str]:
    """Return the arguments that a start has with and without a screen, and the conversation's id.

    Raises:
        InvalidRequestError: This version cannot do it, or an argument has not the right form.
    """
    arguments: list[str] = []
    conversation = request.conversation
    if request.resume:
        if not conversation:
            raise InvalidRequestError(
                "no conversation is named to go on with",
                hint="Give the id of the conversation; without resume a new one begins.",
            )
        need(program, "resume")
        arguments += ["--resume", _uuid(conversation)]
    elif conversation:
        need(program, "session_id")
        arguments += ["--session-id", _uuid(conversation)]
    elif "session_id" in program.features:
        conversation = str(uuid.uuid4())
        arguments += ["--session-id", conversation]
    if request.model:
        arguments += ["--model", _argument(request.model, "model")]
    if request.permissions:
        need(program, "permission_mode")
        if not _WORD.fullmatch(request.permissions):
            raise InvalidRequestError(
                f"{shown(request.permissions)!r} is no permission mode",
                hint="Use one of those that `claude --help` lists, such as plan or acceptEdits.",
            )
        arguments += ["--permission-mode", request.permissions]
    if request.hook_command:
        need(program, "hooks")
        reports = request.reports if "http_hooks" in program.features else None
        settings = hook_settings(request.hook_command, request.spool, reports)
        arguments += ["--settings", settings]
    return tuple(arguments), conversation


def recognises(command: Sequence[str]) -> bool:
    """Tell whether a process with these arguments is a Claude Code with a screen.

    Its other verbs, such as ``claude mcp serve``, and ``claude -p`` have none.
    """
    rest = program_words(command)
    if rest is None:
        return False
    if rest and rest[0] in _OTHER_VERBS:
        return False
    before_order = rest[: rest.index("--")] if "--" in rest else rest
    return not _NO_SCREEN.intersection(before_order)


def program_words(command: Sequence[str]) -> list[str] | None:
    """Return the arguments of a process that is a Claude Code; None when it is none."""
    words = list(command)
    if words and _INTERPRETER.fullmatch(PurePath(words[0]).name):
        words = list(dropwhile(lambda word: word.startswith("-"), words[1:]))
    return words[1:] if words and _SCRIPT.search(words[0]) else None


def need(program: Installed, feature: str) -> None:
    """Make sure that a program can do something.

    Raises:
        InvalidRequestError: It cannot.
    """
    if feature not in program.features:
        raise InvalidRequestError(
            f"Claude Code {program.version or 'at ' + program.path} has no {FEATURES[feature]}",
            hint="Update it with `claude update`.",
            code="kind_feature_missing",
        )


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidRequestError(
            f"{shown(text)!r} is no conversation's id", hint="Claude Code's ids are UUIDs."
        ) from None


def _argument(text: str, name: str) -> str:
    if text.startswith("-"):
        raise InvalidRequestError(
            f"the {name} {shown(text)!r} begins with a dash", hint=f"Give the {name}'s name alone."
        )
    return text
