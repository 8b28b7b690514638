"""The command line: our own options, then a persona, then its own arguments."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PERSONAS = ("claude", "codex", "gemini", "plain")
PREFIX = "FAKE_AGENT_"
"""``FAKE_AGENT_TRUTH`` and so on are for those who start a mere ``claude``."""

IGNORED = (
    "--model", "--fallback-model", "--append-system-prompt", "--system-prompt", "--mcp-config",
    "--add-dir", "--disallowedTools", "--max-turns", "--max-budget-usd", "--agent",
    "--debug-file", "--effort", "--setting-sources",
)  # fmt: skip
"""What the real one takes, and what makes no difference here."""


@dataclass(frozen=True, slots=True)
class Options:
    """What this program was asked to be.

    Attributes:
        persona: Which program it plays.
        arguments: That program's own.
        gates: What stands before the start, in order.
        restores: See `conversation.Conversation`.
        start_seconds: How long it takes to start.
        notify_seconds: How long a dialog stands before a notification tells of it.
    """

    persona: str
    arguments: tuple[str, ...]
    truth: str | None = None
    sync: bool = True
    scenario: str | None = None
    control: str | None = None
    seed: int | None = None
    gates: tuple[str, ...] = ()
    restores: str = "auto"
    start_seconds: float = 0.0
    notify_seconds: float = 6.0
    overloads: int = 0


@dataclass(frozen=True, slots=True)
class ClaudeArguments:
    """Claude Code's own options, as far as they make a difference here."""

    prompt: str
    print: bool
    settings: tuple[str, ...]
    session_id: str | None
    resume: str | None
    resume_newest: bool
    fork: bool
    mode: str
    allowed: tuple[str, ...]
    name: str
    stream_in: bool
    stream_out: bool
    replay: bool
    hook_events: bool
    asks_host: bool


def parse_options(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> Options:
    """Read the whole command line; it exits with 2 on what it does not understand."""

    def preset(name: str) -> str | None:
        return environ.get(PREFIX + name.upper().replace("-", "_")) or None

    parser = argparse.ArgumentParser(prog="fake_agent", allow_abbrev=False)
    parser.add_argument("--truth", default=preset("truth"), metavar="FILE")
    parser.add_argument("--no-sync", action="store_true", default=bool(preset("no-sync")))
    parser.add_argument("--scenario", default=preset("scenario"), metavar="FILE")
    parser.add_argument("--control", default=preset("control"), metavar="FILE")
    parser.add_argument("--seed", type=int, default=preset("seed"))
    parser.add_argument("--gate", action="append", choices=("trust", "login", "theme"))
    parser.add_argument(
        "--restore", choices=("auto", "always", "never"), default=preset("restore") or "auto"
    )
    parser.add_argument("--start-seconds", type=float, default=preset("start-seconds") or 0.0)
    parser.add_argument("--notify-seconds", type=float, default=preset("notify-seconds") or 6.0)
    parser.add_argument("--overloads", type=int, default=preset("overloads") or 0)
    parser.add_argument("persona", choices=PERSONAS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments)
    gates = given.gate if given.gate is not None else (preset("gate") or "").split()
    return Options(
        given.persona,
        tuple(given.arguments),
        truth=given.truth,
        sync=not given.no_sync,
        scenario=given.scenario,
        control=given.control,
        seed=given.seed,
        gates=tuple(gates),
        restores=given.restore,
        start_seconds=given.start_seconds,
        notify_seconds=given.notify_seconds,
        overloads=given.overloads,
    )


def parse_claude(arguments: Sequence[str]) -> ClaudeArguments:
    """Read Claude Code's arguments; it exits with 2 on an unknown option."""
    parser = argparse.ArgumentParser(prog="claude", allow_abbrev=False)
    flag, word = {"action": "store_true"}, {"action": "append", "default": []}
    parser.add_argument("-p", "--print", **flag)  # type: ignore[arg-type]
    parser.add_argument("--settings", **word)  # type: ignore[arg-type]
    parser.add_argument("--session-id")
    parser.add_argument("-r", "--resume")
    parser.add_argument("-c", "--continue", dest="newest", action="store_true")
    parser.add_argument("--fork-session", action="store_true")
    parser.add_argument("--permission-mode", default="default")
    parser.add_argument("--dangerously-skip-permissions", action="store_true")
    parser.add_argument("--allowedTools", "--allowed-tools", **word)  # type: ignore[arg-type]
    parser.add_argument("-n", "--name", default="")
    parser.add_argument("--input-format", default="text")
    parser.add_argument("--output-format", default="text")
    parser.add_argument("--permission-prompts", default="none")
    parser.add_argument("--permission-prompt-tool")
    for name in ("--replay-user-messages", "--include-hook-events", "--verbose"):
        parser.add_argument(name, action="store_true")
    for name in ("--strict-mcp-config", "--include-partial-messages", "--ide", "--bare"):
        parser.add_argument(name, action="store_true")
    for name in IGNORED:
        parser.add_argument(name, action="append")
    parser.add_argument("prompt", nargs="?", default="")
    given = parser.parse_args(arguments)
    return ClaudeArguments(
        prompt=given.prompt,
        print=given.print,
        settings=tuple(given.settings),
        session_id=given.session_id,
        resume=given.resume,
        resume_newest=given.newest,
        fork=given.fork_session,
        mode="bypassPermissions" if given.dangerously_skip_permissions else given.permission_mode,
        allowed=tuple(one for text in given.allowedTools for one in text.split(",")),
        name=given.name,
        stream_in=given.input_format == "stream-json",
        stream_out=given.output_format == "stream-json",
        replay=given.replay_user_messages,
        hook_events=given.include_hook_events,
        asks_host=given.permission_prompts == "host" or given.permission_prompt_tool == "stdio",
    )
