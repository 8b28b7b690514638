"""Puts a persona together, and runs it to its end."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from typing import TYPE_CHECKING

from iterm_mcp.clock import SystemClock
from iterm_mcp.testing.fake_agent.app_server import AppServer
from iterm_mcp.testing.fake_agent.claude_signals import ClaudeSignals
from iterm_mcp.testing.fake_agent.control import follow
from iterm_mcp.testing.fake_agent.conversation import Conversation
from iterm_mcp.testing.fake_agent.looks import LOOKS
from iterm_mcp.testing.fake_agent.pace import Pace
from iterm_mcp.testing.fake_agent.personas import CASTS, Cast, read_codex
from iterm_mcp.testing.fake_agent.plain import Plain
from iterm_mcp.testing.fake_agent.prompts import Prompt, new_id
from iterm_mcp.testing.fake_agent.signals import Signals
from iterm_mcp.testing.fake_agent.stream_json import StreamJson
from iterm_mcp.testing.fake_agent.tui import Tui

if TYPE_CHECKING:
    from iterm_mcp.testing.fake_agent.conversation import Stage
    from iterm_mcp.testing.fake_agent.options import Options
    from iterm_mcp.testing.fake_agent.scenario import Scenario
    from iterm_mcp.testing.fake_agent.truth import Truth


class _LeftError(Exception):
    """The person, or the terminal, has left."""


class Program:
    """One run of a persona."""

    def __init__(self, options: Options, scenario: Scenario, truth: Truth) -> None:
        self._options = options
        self._scenario = scenario
        self._truth = truth
        self._pace = Pace(SystemClock(), scenario.time_factor)
        self._cwd = os.getcwd()  # noqa: PTH109 - a string, as the files want it

    async def run(self) -> int:
        """Run to the end; return the exit code.

        Raises:
            StartError: Before anything was shown.
        """
        if self._options.persona == "codex" and "app-server" in self._options.arguments:
            return await self._serve()
        make = CASTS.get(self._options.persona)
        cast = Cast(Signals(new_id()))
        if make is not None:
            cast = make(self._options.arguments, self._cwd, self._pace, self._truth)
        self._note_start(cast.signals.session_id, cast.source)
        await self._pace.spend(self._options.start_seconds)
        stage = self._stage(cast)
        code = 1
        try:
            async with asyncio.TaskGroup() as group:
                stage.talk = self._talk(stage, cast.signals, group)
                _listen(stage.left)
                if isinstance(stage, Plain):
                    loop = asyncio.get_running_loop()
                    loop.add_signal_handler(signal.SIGINT, stage.talk.interrupt)
                group.create_task(self._live(stage, cast, group))
                code = await stage.left
                self._truth.note("leaving", code=code)
                raise _LeftError  # noqa: TRY301 - which ends what else goes on in the group
        except* _LeftError:
            pass
        finally:
            stage.close()
        await cast.signals.closing("other" if code else "prompt_input_exit")
        self._truth.note("exited", code=code)
        return code

    async def _live(self, stage: Stage, cast: Cast, group: asyncio.TaskGroup) -> None:
        if not isinstance(stage, StreamJson):
            stage.open()
            group.create_task(stage.work())
        if self._options.control:
            group.create_task(follow(self._options.control, stage.talk.order, self._truth))
        for kind in self._options.gates:
            if isinstance(stage, Tui) and not await stage.pass_gate(kind):
                stage.left.set_result(1)
                return
        await cast.signals.opened(cast.source)
        stage.talk.rest()
        for step in self._scenario.at_start:
            stage.talk.order(step)
        if isinstance(stage, StreamJson):
            stage.open()
        elif cast.prompt:
            stage.talk.tell(Prompt(cast.prompt, cast.prompt))
        await stage.talk.run()

    async def _serve(self) -> int:
        given = read_codex(self._options.arguments, self._cwd, self._truth)
        self._note_start(None, "startup")
        server = AppServer(
            home=given.home,
            cwd=self._cwd,
            hooks=given.hooks,
            notify=given.notify,
            scenario=self._scenario,
            pace=self._pace,
            truth=self._truth,
            overloads=self._options.overloads,
        )
        code = 1
        try:
            async with asyncio.TaskGroup() as group:
                server.run_in(group)
                _listen(server.left)
                if self._options.control:
                    group.create_task(follow(self._options.control, server.order, self._truth))
                code = await server.left
                raise _LeftError  # noqa: TRY301 - as above
        except* _LeftError:
            pass
        finally:
            server.close()
        self._truth.note("exited", code=code)
        return code

    def _talk(self, stage: Stage, signals: Signals, group: asyncio.TaskGroup) -> Conversation:
        look, restores = LOOKS[self._options.persona], self._options.restores
        merges = look.merges and not isinstance(stage, StreamJson)
        if isinstance(stage, StreamJson) or (restores == "auto" and not look.restores):
            restores = "never"
        return Conversation(
            stage,
            signals,
            self._scenario,
            self._pace,
            self._truth,
            group,
            merges=merges,
            restores=restores,
        )

    def _stage(self, cast: Cast) -> Stage:
        if cast.claude is not None and isinstance(cast.signals, ClaudeSignals):
            front = StreamJson(cast.claude, cast.signals, self._cwd, self._truth)
            if cast.hooks is not None:
                cast.hooks.told = front.hook
            return front
        look = LOOKS[self._options.persona]
        if not look.full_screen:
            return Plain(self._truth)
        return Tui(
            look,
            cast.signals,
            self._pace,
            self._truth,
            tag=f"{random.Random(cast.signals.session_id).randrange(1 << 16):04x}",  # noqa: S311
            folder=self._cwd,
            title="CLAUDE_CODE_DISABLE_TERMINAL_TITLE" not in os.environ,
            notify_seconds=self._options.notify_seconds,
        )

    def _note_start(self, session_id: str | None, source: str) -> None:
        self._truth.note(
            "started",
            persona=self._options.persona,
            arguments=list(self._options.arguments),
            session_id=session_id,
            source=source,
            cwd=self._cwd,
        )


def _listen(left: asyncio.Future[int]) -> None:
    """Leave when the system says so, with the code that a shell would see."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, _leave, left, number)


def _leave(left: asyncio.Future[int], number: int) -> None:
    if not left.done():
        left.set_result(128 + number)
