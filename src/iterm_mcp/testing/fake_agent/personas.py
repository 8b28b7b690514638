"""From a program's own arguments to what it would be: which conversation, which files and hooks."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.testing.fake_agent import claude_files, codex_signals, gemini_signals
from iterm_mcp.testing.fake_agent.claude_signals import ClaudeSignals
from iterm_mcp.testing.fake_agent.hooks import Hooks, load_settings
from iterm_mcp.testing.fake_agent.options import parse_claude
from iterm_mcp.testing.fake_agent.prompts import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.testing.fake_agent.options import ClaudeArguments
    from iterm_mcp.testing.fake_agent.pace import Pace
    from iterm_mcp.testing.fake_agent.signals import Signals
    from iterm_mcp.testing.fake_agent.truth import Truth


CODEX_COMMANDS = ("app-server", "resume")
GEMINI_COMMANDS = ("gemini hooks <command>",)
"""What ``--help`` lists besides options: others look there for what a version can do."""


class StartError(Exception):
    """It cannot start; the text is what the real program would print."""


@dataclass
class Cast:
    """What a persona starts with.

    Attributes:
        prompt: What it was given on the command line.
        source: ``startup``, ``resume`` or ``fork``.
        claude: Claude Code's arguments, in its headless mode.
        hooks: The hooks that its settings name.
    """

    signals: Signals
    prompt: str = ""
    source: str = "startup"
    claude: ClaudeArguments | None = None
    hooks: Hooks | None = None


def cast_claude(arguments: Sequence[str], cwd: str, pace: Pace, truth: Truth) -> Cast:
    """Play Claude Code.

    Raises:
        StartError: The conversation to resume is not there, or the id is taken.
    """
    given = parse_claude(arguments)
    folder = claude_files.config_folder(os.environ)
    session_id, source = _claude_conversation(given, folder, cwd)
    project = Path(cwd, ".claude")
    sources = [*given.settings, str(folder / "settings.json")]
    sources += [str(project / "settings.json"), str(project / "settings.local.json")]
    hooks = Hooks(load_settings(sources), {"CLAUDE_PROJECT_DIR": cwd}, truth)
    path = claude_files.transcript_path(folder, cwd, session_id)
    registry = claude_files.Registry(folder, session_id, cwd, pace, given.name)
    signals = ClaudeSignals(
        session_id,
        cwd=cwd,
        hooks=hooks,
        registry=None if given.print else registry,
        transcript=claude_files.Transcript(path, session_id, cwd, pace, given.mode),
        mode=given.mode,
        allowed=given.allowed,
    )
    return Cast(signals, given.prompt, source, given if given.print else None, hooks)


def _claude_conversation(given: ClaudeArguments, folder: Path, cwd: str) -> tuple[str, str]:
    """Return the conversation's id, and whether it is new."""
    wanted = given.resume
    if given.resume_newest:
        wanted = claude_files.newest_conversation(folder, cwd)
        if wanted is None:
            raise StartError("No conversation found to continue")
    fresh = given.session_id or new_id()
    if wanted is None:
        if claude_files.transcript_path(folder, cwd, fresh).is_file():
            raise StartError(f"Error: Session ID {fresh} is already in use.")
        return fresh, "startup"
    if not claude_files.transcript_path(folder, cwd, wanted).is_file():
        raise StartError(f"No conversation found with session ID: {wanted}")
    return (fresh, "fork") if given.fork else (wanted, "resume")


def _parser(name: str, commands: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser whose help has a list of commands, as the real one's."""
    return argparse.ArgumentParser(
        prog=name,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="\n".join(("Commands:", *(f"  {one}" for one in commands))),
    )


@dataclass(frozen=True, slots=True)
class CodexArguments:
    """Codex's own options and configuration, as far as they make a difference here."""

    words: tuple[str, ...]
    home: Path
    hooks: Hooks
    notify: tuple[str, ...]
    asks: bool
    newest: bool


def read_codex(arguments: Sequence[str], cwd: str, truth: Truth) -> CodexArguments:
    """Read Codex's arguments, its configuration and its hooks, which a feature switches on."""
    parser = _parser("codex", CODEX_COMMANDS)
    parser.add_argument("-c", "--config", action="append", default=[])
    parser.add_argument("--enable", action="append", default=[])
    for name in ("-m/--model", "-s/--sandbox", "-C/--cd", "--listen"):
        parser.add_argument(*name.split("/"))
    parser.add_argument("-a", "--ask-for-approval", default="on-request")
    parser.add_argument("--dangerously-bypass-approvals-and-sandbox", action="store_true")
    for name in ("--dangerously-bypass-hook-trust", "--no-daemon", "--last"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("words", nargs="*")
    given = parser.parse_intermixed_args(arguments)
    home = codex_signals.codex_home(os.environ)
    config = codex_signals.read_config(home, given.config)
    enabled = (config.get("features") or {}).get("hooks") or "hooks" in given.enable
    sources = [str(home / "hooks.json"), str(Path(cwd, ".codex", "hooks.json"))]
    sources.append(json.dumps({"hooks": config.get("hooks") or {}}))
    bypassed = given.dangerously_bypass_approvals_and_sandbox
    return CodexArguments(
        tuple(given.words),
        home,
        Hooks(load_settings(sources if enabled else []), {}, truth),
        tuple(config.get("notify") or []),
        asks=not bypassed and given.ask_for_approval != "never",
        newest=given.last,
    )


def cast_codex(arguments: Sequence[str], cwd: str, pace: Pace, truth: Truth) -> Cast:
    """Play Codex.

    Raises:
        StartError: The session to resume is not there.
    """
    given = read_codex(arguments, cwd, truth)
    words, thread_id, source = list(given.words), new_id(), "startup"
    if words[:1] == ["resume"]:
        wanted = None if given.newest else "".join(words[1:2])
        found = codex_signals.find_rollout(given.home, wanted)
        if found is None:
            raise StartError(f"No saved session found with ID {wanted}")
        thread_id, source = codex_signals.thread_of(found), "resume"
        words = words[1 if given.newest else 2 :]
    signals = codex_signals.CodexSignals(
        thread_id,
        cwd=cwd,
        hooks=given.hooks,
        rollout=codex_signals.Rollout(given.home, thread_id, cwd, pace),
        notify=given.notify,
        asks=given.asks,
    )
    return Cast(signals, " ".join(words), source)


def cast_gemini(arguments: Sequence[str], cwd: str, pace: Pace, truth: Truth) -> Cast:
    """Play Gemini CLI.

    Raises:
        StartError: The session to resume is not there.
    """
    parser = _parser("gemini", GEMINI_COMMANDS)
    parser.add_argument("-i", "--prompt-interactive", default="")
    parser.add_argument("-m", "--model")
    parser.add_argument("-y", "--yolo", action="store_true")
    parser.add_argument("--approval-mode", default="default")
    parser.add_argument("-r", "--resume")
    parser.add_argument("--session-id")
    given = parser.parse_args(arguments)
    folder = gemini_signals.chats_folder(os.environ, cwd)
    session_id, source = given.session_id or new_id(), "startup"
    chat = gemini_signals.Chat(folder, session_id, cwd, pace)
    if given.resume is not None:
        wanted = None if given.resume == "latest" else given.resume
        found = gemini_signals.find_chat(folder, wanted)
        if found is None:
            raise StartError("No previous sessions found for this project.")
        session_id, source = chat.resume(found), "resume"
    settings = folder.parents[2] / "settings.json"
    sources = [str(settings), str(Path(cwd, ".gemini", "settings.json"))]
    sources += filter(None, [os.environ.get(gemini_signals.DEFAULTS_VARIABLE)])
    signals = gemini_signals.GeminiSignals(
        session_id,
        cwd=cwd,
        hooks=Hooks(load_settings(sources), {"GEMINI_PROJECT_DIR": cwd}, truth),
        chat=chat,
        pace=pace,
        asks=not given.yolo and given.approval_mode != "yolo",
    )
    return Cast(signals, given.prompt_interactive, source)


CASTS = {"claude": cast_claude, "codex": cast_codex, "gemini": cast_gemini}
