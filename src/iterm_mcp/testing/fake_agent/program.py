"""Puts a persona together, and runs it to its end."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.clock import SystemClock
from iterm_mcp.testing.fake_agent import claude_files, codex_signals, gemini_signals
from iterm_mcp.testing.fake_agent.claude_signals import ClaudeSignals
from iterm_mcp.testing.fake_agent.control import follow
from iterm_mcp.testing.fake_agent.conversation import Conversation
from iterm_mcp.testing.fake_agent.hooks import Hooks, load_settings
from iterm_mcp.testing.fake_agent.looks import LOOKS
from iterm_mcp.testing.fake_agent.options import parse_claude
from iterm_mcp.testing.fake_agent.pace import Pace
from iterm_mcp.testing.fake_agent.plain import Plain
from iterm_mcp.testing.fake_agent.prompts import Prompt, new_id
from iterm_mcp.testing.fake_agent.signals import Signals
from iterm_mcp.testing.fake_agent.tui import Tui

if TYPE_CHECKING:
    from iterm_mcp.testing.fake_agent.options import Options
    from iterm_mcp.testing.fake_agent.scenario import Scenario
    from iterm_mcp.testing.fake_agent.truth import Truth


class StartError(Exception):
    """It cannot start; the text is what the real program would print."""


class _LeftError(Exception):
    """The person, or the terminal, has left."""


class Program:
    """One run of a persona.

    Attributes:
        prompt: What it was given to begin with.
        source: ``startup`` or ``resume``.
    """

    def __init__(self, options: Options, scenario: Scenario, truth: Truth) -> None:
        self.options = options
        self.scenario = scenario
        self.truth = truth
        self.pace = Pace(SystemClock(), scenario.time_factor)
        self.cwd = os.getcwd()  # noqa: PTH109 - a string, as the files want it
        self.prompt = ""
        self.source = "startup"

    async def run(self) -> int:
        """Run to the end; return the exit code.

        Raises:
            StartError: Before anything was shown.
        """
        signals = self._signals()
        self.truth.note(
            "started",
            persona=self.options.persona,
            arguments=list(self.options.arguments),
            session_id=signals.session_id,
            source=self.source,
            cwd=self.cwd,
        )
        await self.pace.spend(self.options.start_seconds)
        front = self._front(signals)
        code = 1
        try:
            async with asyncio.TaskGroup() as group:
                front.talk = self._talk(front, signals, group)
                self._listen_to_signals(front)
                group.create_task(self._live(front, signals, group))
                code = await front.left
                self.truth.note("leaving", code=code)
                raise _LeftError  # noqa: TRY301 - which ends what else goes on in the group
        except* _LeftError:
            pass
        finally:
            front.close()
        await signals.closing("other" if code else "prompt_input_exit")
        self.truth.note("exited", code=code)
        return code

    def _talk(self, front: Tui | Plain, signals: Signals, group: asyncio.TaskGroup) -> Conversation:
        return Conversation(
            front,
            signals,
            self.scenario,
            self.pace,
            self.truth,
            group,
            merges=LOOKS[self.options.persona].merges,
            restores=self.options.restores,
        )

    @staticmethod
    def _listen_to_signals(front: Tui | Plain) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, _leave, front.left, number)
        if isinstance(front, Plain):
            loop.add_signal_handler(signal.SIGINT, front.talk.interrupt)

    async def _live(self, front: Tui | Plain, signals: Signals, group: asyncio.TaskGroup) -> None:
        front.open()
        if isinstance(front, Tui):
            group.create_task(front.work())
            group.create_task(front.animate())
        if self.options.control:
            group.create_task(follow(self.options.control, front.talk.order, self.truth))
        for kind in self.options.gates:
            if isinstance(front, Tui) and not await front.pass_gate(kind):
                front.left.set_result(1)
                return
        await signals.opened(self.source)
        front.talk.rest()
        for step in self.scenario.at_start:
            front.talk.order(step)
        if self.prompt:
            front.talk.tell(Prompt(self.prompt, self.prompt))
        await front.talk.run()

    def _front(self, signals: Signals) -> Tui | Plain:
        look = LOOKS[self.options.persona]
        if not look.full_screen:
            return Plain(self.truth)
        return Tui(
            look,
            signals,
            self.pace,
            self.truth,
            tag=f"{random.Random(signals.session_id).randrange(1 << 16):04x}",  # noqa: S311
            folder=self.cwd,
            title="CLAUDE_CODE_DISABLE_TERMINAL_TITLE" not in os.environ,
            notify_seconds=self.options.notify_seconds,
        )

    def _signals(self) -> Signals:
        make = {"claude": self._claude, "codex": self._codex, "gemini": self._gemini}
        persona = self.options.persona
        return make[persona]() if persona in make else Signals(new_id())

    def _claude(self) -> Signals:
        given = parse_claude(self.options.arguments)
        folder = claude_files.config_folder(os.environ)
        session_id = given.session_id or new_id()
        wanted = given.resume
        if given.resume_newest:
            wanted = claude_files.newest_conversation(folder, self.cwd)
            if wanted is None:
                raise StartError("No conversation found to continue")
        if wanted is not None:
            if not claude_files.transcript_path(folder, self.cwd, wanted).is_file():
                raise StartError(f"No conversation found with session ID: {wanted}")
            session_id = session_id if given.fork else wanted
            self.source = "fork" if given.fork else "resume"
        elif claude_files.transcript_path(folder, self.cwd, session_id).is_file():
            raise StartError(f"Error: Session ID {session_id} is already in use.")
        self.prompt = given.prompt
        project = Path(self.cwd, ".claude")
        sources = [*given.settings, str(folder / "settings.json")]
        sources += [str(project / "settings.json"), str(project / "settings.local.json")]
        path = claude_files.transcript_path(folder, self.cwd, session_id)
        hooks = Hooks(load_settings(sources), {"CLAUDE_PROJECT_DIR": self.cwd}, self.truth)
        return ClaudeSignals(
            session_id,
            cwd=self.cwd,
            hooks=hooks,
            registry=claude_files.Registry(folder, session_id, self.cwd, self.pace, given.name),
            transcript=claude_files.Transcript(path, session_id, self.cwd, self.pace, given.mode),
            mode=given.mode,
            allowed=given.allowed,
        )

    def _codex(self) -> Signals:
        parser = argparse.ArgumentParser(prog="codex", allow_abbrev=False)
        parser.add_argument("-c", "--config", action="append", default=[])
        parser.add_argument("-m", "--model")
        parser.add_argument("-a", "--ask-for-approval", default="on-request")
        parser.add_argument("-s", "--sandbox")
        parser.add_argument("--full-auto", action="store_true")
        parser.add_argument("--dangerously-bypass-approvals-and-sandbox", action="store_true")
        parser.add_argument("--last", action="store_true")
        parser.add_argument("words", nargs="*")
        given = parser.parse_args(self.options.arguments)
        home = codex_signals.codex_home(os.environ)
        config = codex_signals.read_config(home, given.config)
        words = list(given.words)
        thread_id = new_id()
        if words[:1] == ["resume"]:
            wanted = None if given.last else "".join(words[1:2])
            found = codex_signals.find_rollout(home, wanted)
            if found is None:
                raise StartError(f"No saved session found with ID {wanted}")
            thread_id, words = codex_signals.thread_of(found), words[1 if given.last else 2 :]
            self.source = "resume"
        self.prompt = " ".join(words)
        enabled = (config.get("features") or {}).get("hooks")
        sources = [str(home / "hooks.json"), str(Path(self.cwd, ".codex", "hooks.json"))]
        return codex_signals.CodexSignals(
            thread_id,
            cwd=self.cwd,
            hooks=Hooks(load_settings(sources if enabled else []), {}, self.truth),
            rollout=codex_signals.Rollout(home, thread_id, self.cwd, self.pace),
            notify=config.get("notify") or [],
            asks=not given.dangerously_bypass_approvals_and_sandbox
            and given.ask_for_approval != "never",
        )

    def _gemini(self) -> Signals:
        parser = argparse.ArgumentParser(prog="gemini", allow_abbrev=False)
        parser.add_argument("-i", "--prompt-interactive", default="")
        parser.add_argument("-m", "--model")
        parser.add_argument("-y", "--yolo", action="store_true")
        parser.add_argument("--approval-mode", default="default")
        parser.add_argument("-r", "--resume")
        given = parser.parse_args(self.options.arguments)
        self.prompt = given.prompt_interactive
        folder = gemini_signals.chats_folder(os.environ, self.cwd)
        session_id = new_id()
        chat = gemini_signals.Chat(folder, session_id, self.cwd, self.pace)
        if given.resume is not None:
            found = gemini_signals.newest_chat(folder)
            if found is None:
                raise StartError("No previous sessions found for this project.")
            chat.resume(found)
            self.source = "resume"
        sources = [
            str(folder.parents[2] / "settings.json"),
            str(Path(self.cwd, ".gemini", "settings.json")),
        ]
        return gemini_signals.GeminiSignals(
            session_id,
            cwd=self.cwd,
            hooks=Hooks(load_settings(sources), {"GEMINI_PROJECT_DIR": self.cwd}, self.truth),
            chat=chat,
            pace=self.pace,
            asks=not given.yolo and given.approval_mode != "yolo",
        )


def _leave(left: asyncio.Future[int], number: int) -> None:
    if not left.done():
        left.set_result(128 + number)
