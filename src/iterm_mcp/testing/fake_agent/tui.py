"""The full-screen front: keys, composer, dialogs, drawing."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import PurePath
from typing import TYPE_CHECKING

from iterm_mcp.testing.fake_agent.asking import Asking
from iterm_mcp.testing.fake_agent.burst import Burst
from iterm_mcp.testing.fake_agent.composer import Composer
from iterm_mcp.testing.fake_agent.dialogs import CANCELLED, question
from iterm_mcp.testing.fake_agent.frame import View, draw, shown_prompt
from iterm_mcp.testing.fake_agent.keys import KeyDecoder, Pasted, Press, Text
from iterm_mcp.testing.fake_agent.prompts import Decision, Prompt
from iterm_mcp.testing.fake_agent.tty import Tty

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterm_mcp.testing.fake_agent.conversation import Conversation
    from iterm_mcp.testing.fake_agent.dialogs import Dialog
    from iterm_mcp.testing.fake_agent.keys import Key
    from iterm_mcp.testing.fake_agent.looks import Look
    from iterm_mcp.testing.fake_agent.pace import Pace
    from iterm_mcp.testing.fake_agent.prompts import Call, Question
    from iterm_mcp.testing.fake_agent.signals import Signals
    from iterm_mcp.testing.fake_agent.steps import Step
    from iterm_mcp.testing.fake_agent.truth import Truth

TICK_SECONDS = 0.25
LOG_LINES = 5000
NOTIFY_SECONDS = 6.0
"""How long a dialog stands before a notification tells of it."""
TYPED_KEYS = {"\\r": "\r", "\\n": "\n", "\\e": "\x1b", "\\t": "\t"}


class Tui:
    """A person's view of one conversation; it is a `conversation.Front`.

    Attributes:
        talk: The conversation; set right after both were made.
        left: Done with the exit code when the person or the terminal has left.
    """

    talk: Conversation

    def __init__(
        self,
        look: Look,
        signals: Signals,
        pace: Pace,
        truth: Truth,
        *,
        tag: str,
        folder: str,
        title: bool = True,
        notify_seconds: float = NOTIFY_SECONDS,
    ) -> None:
        self.left: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._look = look
        self._signals = signals
        self._pace = pace
        self._truth = truth
        self._folder = folder
        self._title = title
        self._notify_seconds = notify_seconds
        self._composer = Composer(look.paste(tag))
        self._burst = Burst()
        self._view = View(
            mark=look.mark,
            log=list(look.banner),
            ghost=look.placeholder,
            hint=look.idle_hint,
            folder=folder,
            dress=look.dress,
        )
        self._tty = Tty(self._heard, full_screen=True)
        self._keys: asyncio.Queue[tuple[Key, float]] = asyncio.Queue()
        self._asking = Asking(truth, self.redraw)
        self._strand = 0
        self._slow = 0.0
        self._shown_title = ""
        self._quick: dict[str, Callable[[Step], None]] = {
            "strand": self._order_strand,
            "slow": self._order_slow,
            "draft": lambda step: self._composer.type(step.argument),
            "ghost": self._order_ghost,
            "type": self._order_type,
            "gate": self._order_gate,
            "answer": self._order_answer,
            "interrupt": self._order_interrupt,
            "exit": lambda _step: self._leave(0),
        }

    def open(self) -> None:
        """Take the terminal."""
        self._tty.open()
        self._show_title()
        self.redraw()

    def close(self) -> None:
        """Give the terminal back."""
        if self._title and self._look.idle_title:
            self._tty.write("\x1b]0;\x07")
        self._tty.close()

    async def work(self) -> None:
        """Take keys and draw, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_keys())
            group.create_task(self._animate())

    async def _take_keys(self) -> None:
        while True:
            key, at = await self._keys.get()
            if self._slow:
                await self._pace.spend(self._slow)
            rest: Key | None = key
            while rest is not None:
                await self._asking.wait_closed()  # what comes after an answer is not the dialog's
                rest = self._press(rest, at)

    async def _animate(self) -> None:
        size = self._tty.size
        while True:
            await asyncio.sleep(TICK_SECONDS)
            resized, size = self._tty.size != size, self._tty.size
            if resized:
                self._tty.spoilt()
            if self._view.busy:
                self._view.tick += 1
                self._show_title()
            if resized or self._view.busy:
                self.redraw()

    async def pass_gate(self, kind: str) -> bool:
        """Show a gate; tell whether the person went through."""
        dialog = self._look.gate(kind, self._folder)
        self._truth.note("state", state="gate", status=None, gate=kind)
        answer = await self._asking.ask(dialog)
        return answer.value == "go"

    def redraw(self) -> None:
        """Show what is to be seen now."""
        view, composer = self._view, self._composer
        view.dialog = list(shown.rows()) if (shown := self._asking.shown) else None
        view.before = composer.shown_before_cursor
        view.after = composer.draft.shown[len(view.before) :]
        view.waiting = [one.shown or one.text for one in self.talk.queued]
        self._show_title()
        self._tty.show(draw(view, *self._tty.size))

    # What a conversation wants of its front.

    def say(self, text: str) -> None:
        """Show it as a new entry of the conversation."""
        self._log(
            *[
                f"{self._look.bullet} {line}" if not n else f"  {line}"
                for n, line in enumerate(text.split("\n"))
            ]
        )

    def told(self, prompts: Sequence[Prompt]) -> None:
        """Show the prompts as the conversation's newest."""
        for prompt in prompts:
            mark = self._look.mark.replace("\xa0", " ")
            self._log(*shown_prompt(prompt.shown or prompt.text, mark).split("\n"))

    def busy(self, text: str) -> None:
        """Show it above the composer, in the title, and as progress."""
        was = bool(self._view.busy)
        self._view.busy = self._look.working if text == "working" else text
        self._view.hint = self._look.busy_hint if text else self._look.idle_hint
        if bool(text) != was and self._look.progress:
            self._tty.write(f"\x1b]9;4;{3 if text else 0};\x07")
        self.redraw()

    def calls(self, call: Call) -> None:
        """Show nothing: the dialog, or the result, will."""

    def used(self, call: Call, result: str, *, failed: bool) -> None:
        """Show which tool was used."""
        if not failed:
            self.say(f"{call.tool}({call.detail})")
        del result

    async def decide(self, call: Call) -> Decision:
        """Ask hooks and the person at once; the first answer counts, and hooks run on."""
        dialog = self._look.permission(call.tool, call.detail)
        hooks = self.talk.spawn(self._signals.permission(call))
        hooks.add_done_callback(lambda done: self._asking.hooks_decided(dialog, done))
        telling = self.talk.spawn(self._tell_later(call))
        try:
            answer = await self._asking.ask(dialog)
        finally:
            telling.cancel()
        allowed = answer.value in {"allow", "always"}
        reason = hooks.result().reason if answer.by == "hook" else ""
        return Decision(
            allowed, answer.by, reason, stops=not allowed and answer.by in {"keys", "control"}
        )

    async def choose(self, question_: Question) -> str | None:
        """Ask the person; hooks are told of it."""
        self.talk.spawn(self._signals.permission(self._signals.question_call(question_)))
        answer = await self._asking.ask(question(question_.text, question_.choices))
        return None if answer.index == CANCELLED else answer.text or answer.value

    def over(self, prompts: Sequence[Prompt], outcome: str, reply: str) -> None:
        """Show nothing more: all was said."""

    def dropped(self, prompt: Prompt, reason: str) -> None:
        """Say why a message was dropped."""
        del prompt
        self.say(f"A hook refused the prompt: {reason}")

    def restore(self, prompts: Sequence[Prompt]) -> None:
        """Put them back into the composer."""
        for prompt in prompts:
            self._composer.type(prompt.shown)
        self.redraw()

    def interrupted(self) -> None:
        """Say so in the conversation."""
        self._log(self._look.interrupted)

    def raw(self, data: bytes) -> None:
        """Write it amid the frame; the next one is drawn over it."""
        self._tty.write(data)
        self._tty.spoilt()

    def order(self, step: Step) -> None:
        """Do it now."""
        self._quick[step.verb](step)
        self.redraw()

    # Keys.

    def _heard(self, keys: list[Key] | None, at: float) -> None:
        if keys is None:
            self._leave(129)  # what a shell says of a program that its terminal hung up on
            return
        for key in keys:
            self._keys.put_nowait((key, at))

    def _press(self, key: Key, at: float) -> Key | None:
        """Take a key; return what of it came after the answer that it gave to a dialog."""
        rest = None
        if self._asking.dialog is not None:
            rest = self._press_dialog(self._asking.dialog, key)
        elif not self._asking.closing:
            self._press_composer(key, at)
        if not self.left.done():
            self.redraw()
        return rest

    def _press_dialog(self, dialog: Dialog, key: Key) -> Key | None:
        answer = dialog.press(Press("escape") if key == Press("ctrl-c") else key)
        if answer is None:
            return None
        self._asking.answer(answer)
        if isinstance(key, Text) and answer.used < len(key.text):
            return Text(key.text[answer.used :])
        return None

    def _press_composer(self, key: Key, at: float) -> None:
        match key:
            case Text(text):
                self._burst.typed(len(text), at)
                self._composer.type(text)
            case Pasted(text):
                self._burst.clear()
                self._truth.note("pasted", characters=len(text), lines=text.count("\n") + 1)
                self._composer.paste(text)
            case Press("enter"):
                self._enter(at)
            case Press("escape"):
                self._burst.clear()
                self.talk.interrupt()
            case Press(name):
                self._burst.clear()
                self._press_editing(name)

    def _press_editing(self, name: str) -> None:
        composer = self._composer
        if name == "ctrl-c":
            if not self.talk.interrupt() and composer.take().shown == "":
                self._log("Press Ctrl-C again to exit")
        elif name == "ctrl-d" and composer.empty:
            self._leave(0)
        elif name == "tab" and self._view.ghost != self._look.placeholder and composer.empty:
            composer.type(self._view.ghost)
            self._view.ghost = self._look.placeholder
        else:
            composer.press(name)

    def _enter(self, at: float) -> None:
        if self._look.bursts and self._burst.enter_is_newline(at):
            self._composer.press("newline")
            return
        draft = self._composer.draft
        if not draft.text.strip():
            return
        if self._strand:
            self._strand -= 1
            self._truth.note("enter_eaten", composer=draft.shown)
            return
        if draft.text.endswith("\\"):
            self._composer.press("backspace")
            self._composer.press("newline")
            return
        draft = self._composer.take()
        self._view.ghost = self._look.placeholder
        self._submit(draft.text, draft.shown)

    def _submit(self, text: str, shown: str) -> None:
        command = text.strip()
        if command in {"/exit", "/quit"}:
            self._truth.note("command", text=command)
            self._leave(0)
        elif command.startswith("/") and "\n" not in command and " " not in command:
            self._truth.note("command", text=command)
            self._log(f"Unknown command: {command}")
        elif command.startswith("!") and self._look.bangs:
            self.talk.bang(command[1:].strip())
        else:
            self.talk.tell(Prompt(text, shown))

    async def _tell_later(self, call: Call) -> None:
        await self._pace.spend(self._notify_seconds)
        await self._signals.still_waiting(call)

    # Orders.

    def _order_strand(self, step: Step) -> None:
        self._strand = int(step.number(1))

    def _order_slow(self, step: Step) -> None:
        self._slow = step.number(1)

    def _order_ghost(self, step: Step) -> None:
        self._view.ghost = step.argument

    def _order_type(self, step: Step) -> None:
        text = step.argument
        for written, meant in TYPED_KEYS.items():
            text = text.replace(written, meant)
        decoder = KeyDecoder()
        for key in [*decoder.feed(text.encode()), *decoder.flush()]:
            self._keys.put_nowait((key, 0.0))

    def _order_interrupt(self, _step: Step) -> None:
        self._press(Press("escape"), 0.0)

    def _order_gate(self, step: Step) -> None:
        self.talk.spawn(self.pass_gate(step.argument or "trust"))

    def _order_answer(self, step: Step) -> None:
        dialog = self._asking.dialog
        if dialog is None:
            self._truth.note("not_understood", why="no dialog stands", order=step.argument)
            return
        with contextlib.suppress(KeyError):
            self._asking.answer(dialog.answer(step.argument, "control"))

    # The rest.

    def _log(self, *lines: str) -> None:
        self._view.log += lines
        del self._view.log[:-LOG_LINES]
        self.redraw()

    def _show_title(self) -> None:
        look, shown = self._look, self._asking.shown
        title = look.idle_title
        if look.asking_title and shown is not None and shown.kind in {"permission", "question"}:
            title = look.asking_title
        elif self._view.busy and look.busy_titles:
            title = look.busy_titles[self._view.tick % len(look.busy_titles)]
        title = title.format(PurePath(self._folder).name)
        if self._title and title and title != self._shown_title:
            self._shown_title = title
            self._tty.write(f"\x1b]0;{title}\x07")

    def _leave(self, code: int) -> None:
        if not self.left.done():
            self.left.set_result(code)
