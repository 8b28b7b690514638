"""A line program: a prompt, what it was told, nothing else. The terminal edits its lines."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING

from iterm_mcp.testing.fake_agent.prompts import Decision, Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.testing.fake_agent.conversation import Conversation
    from iterm_mcp.testing.fake_agent.prompts import Call, Question
    from iterm_mcp.testing.fake_agent.steps import Step
    from iterm_mcp.testing.fake_agent.truth import Truth

MARK = "> "
READ_BYTES = 1 << 16


class Plain:
    """Reads lines; it is a `conversation.Front`.

    Attributes:
        talk: The conversation; set right after both were made.
        left: Done with the exit code at the end of the input.
    """

    talk: Conversation

    def __init__(self, truth: Truth) -> None:
        self.left: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._truth = truth
        self._rest = b""
        self._answering: asyncio.Future[str] | None = None
        self._strand = 0

    def open(self) -> None:
        """Begin to listen."""
        asyncio.get_running_loop().add_reader(0, self._read)
        self.raw(MARK.encode())

    async def work(self) -> None:
        """Do nothing: all that is to do follows from what is read."""

    def close(self) -> None:
        """Listen no more."""
        asyncio.get_running_loop().remove_reader(0)

    def say(self, text: str) -> None:
        """Print lines."""
        self.raw(text.encode("utf-8", "replace") + b"\n")

    def told(self, prompts: Sequence[Prompt]) -> None:
        """Echo nothing: the terminal has done so."""

    def busy(self, text: str) -> None:
        """Show the prompt when nothing is left to do."""
        if not text and not self.talk.busy:
            self.raw(MARK.encode())

    def calls(self, call: Call) -> None:
        """Show nothing: the dialog, or the result, will."""

    def used(self, call: Call, result: str, *, failed: bool) -> None:
        """Show which tool was used."""
        if not failed:
            self.say(f"{call.tool}({call.detail})")
        del result

    async def decide(self, call: Call) -> Decision:
        """Ask for a ``y`` on a line of its own."""
        answer = await self._ask(f"{call.tool} {call.detail}: proceed? [y/N] ")
        return Decision(answer.lower().startswith("y"), "keys", stops=False)

    async def choose(self, question: Question) -> str | None:
        """Ask for a line."""
        return await self._ask(f"{question.text} ({', '.join(question.choices)}) ")

    def over(self, prompts: Sequence[Prompt], outcome: str, reply: str) -> None:
        """Show nothing more: all was said."""

    def dropped(self, prompt: Prompt, reason: str) -> None:
        """Say why a message was dropped."""
        del prompt
        self.say(f"A hook refused the prompt: {reason}")

    def restore(self, prompts: Sequence[Prompt]) -> None:
        """Do nothing: a line that was sent is gone."""

    def interrupted(self) -> None:
        """Say so."""
        self.say("^C")

    def raw(self, data: bytes) -> None:
        """Write; a terminal that is gone takes nothing."""
        with contextlib.suppress(OSError):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def order(self, step: Step) -> None:
        """Do the orders that a line program can do."""
        if step.verb == "strand":
            self._strand = int(step.number(1))
        elif step.verb == "exit":
            self._leave(0)
        elif step.verb == "interrupt":
            self.talk.interrupt()
        elif step.verb == "answer" and self._answering and not self._answering.done():
            self._answering.set_result(step.argument)
        else:
            self._truth.note("not_understood", why=f"a line program cannot {step.verb}")

    async def _ask(self, text: str) -> str:
        self.raw(text.encode())
        self._answering = asyncio.get_running_loop().create_future()
        try:
            return await self._answering
        finally:
            self._answering = None

    def _read(self) -> None:
        try:
            data = os.read(0, READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self.close()
            self._leave(0)
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line.decode("utf-8", "replace"))

    def _take(self, line: str) -> None:
        if self._answering is not None and not self._answering.done():
            self._answering.set_result(line)
        elif not line.strip():
            self.raw(MARK.encode())
        elif self._strand:
            self._strand -= 1
            self._truth.note("enter_eaten", composer=line)
        elif line.strip() == "exit":
            self._leave(0)
        else:
            self.talk.tell(Prompt(line, line))

    def _leave(self, code: int) -> None:
        if not self.left.done():
            self.left.set_result(code)
