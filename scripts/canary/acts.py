"""The script, in acts. Every act ends with the program idle and its composer empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scripts.canary.subject import Subject

SETTLE_SECONDS = 1.5
"""How long a dialog is left alone: keys that come while its hook ends are lost."""
ESCAPE = "\x1b"
CLEAR = "\x15"
PASTE = "l1\nl2\nl3\nl4\n[[work 0.4]]"


async def a_turn(subject: Subject) -> None:
    """Say something, and be answered."""
    await subject.say("  say hi [[work 0.4]] [[say hi]]  ")
    await subject.rests()


async def a_small_paste(subject: Subject) -> None:
    """Three lines go as if typed."""
    await subject.paste("one\ntwo\n[[work 0.4]]", "[[work 0.4]]")
    await subject.type("\r")
    await subject.rests()


async def a_large_paste(subject: Subject) -> None:
    """Five lines are hidden, and wrapped."""
    await subject.paste(PASTE, "[Pasted text #1 +4 lines]")
    await subject.type("\r")
    await subject.rests()


async def a_lead_and_a_paste(subject: Subject) -> None:
    """What was typed stands before what was pasted."""
    await subject.type("Do this:")
    await subject.paste(PASTE, "Do this:[Pasted text #2 +4 lines]")
    await subject.type("\r")
    await subject.rests()


async def a_queue(subject: Subject) -> None:
    """A message and a paste to a busy agent."""
    told = subject.count("UserPromptSubmit")
    await subject.say("first [[work 6]]")
    await subject.until("the prompt's hook", lambda: subject.count("UserPromptSubmit") > told)
    await subject.becomes("busy")
    await subject.say("second [[work 0.4]]")
    await subject.until("a queued hook", lambda: subject.count("UserPromptSubmit") > told + 1)
    await subject.paste(PASTE, "[Pasted text #3 +4 lines]")
    await subject.type("\r")
    await subject.until("a queued hook", lambda: subject.count("UserPromptSubmit") > told + 2)
    await subject.rests(2)


async def an_interruption(subject: Subject) -> None:
    """Escape amid a turn gives the prompt back."""
    told = subject.count("UserPromptSubmit")
    await subject.say("victim [[work 60]]")
    await subject.until("the prompt's hook", lambda: subject.count("UserPromptSubmit") > told)
    await subject.becomes("busy")
    await subject.sees("esc to interrupt")
    await subject.until("the turn", lambda: _asked(subject, "victim"))
    await subject.type(ESCAPE)
    await subject.becomes("idle")
    await subject.sees("\u276f\xa0victim [[work 60]]")
    await subject.type(CLEAR)


async def a_permission(subject: Subject) -> None:
    """A tool is asked for, and allowed by its number."""
    await subject.say("[[work 0.4]] [[tool Bash touch xx]]")
    await subject.becomes("waiting: permission prompt")
    await subject.sees("1. Yes")
    await subject.until("its hook", lambda: subject.count("PermissionRequest") > 0)
    await subject.until("the notification", lambda: subject.count("Notification") > 0)
    await subject.type("1")
    await subject.rests()


async def a_refusal(subject: Subject) -> None:
    """A tool is asked for, and refused by Escape."""
    asked = subject.count("PermissionRequest")
    await subject.say("[[work 0.4]] [[tool Bash touch yy]]")
    await subject.becomes("waiting: permission prompt")
    await subject.sees("1. Yes")
    await subject.until("its hook", lambda: subject.count("PermissionRequest") > asked)
    await subject.type(ESCAPE)
    await subject.becomes("idle")
    await subject.type(CLEAR)


async def a_question(subject: Subject) -> None:
    """The person chooses."""
    asked = subject.count("PermissionRequest")
    await subject.say("[[work 0.4]] [[ask Which one? | left | right]]")
    await subject.becomes("waiting: input needed")
    await subject.sees("2. right")
    await subject.until("its hook", lambda: subject.count("PermissionRequest") > asked)
    await anyio.sleep(SETTLE_SECONDS)
    await subject.type("2")
    await subject.rests()


async def a_background_shell(subject: Subject) -> None:
    """A shell outlasts its turn, and its end makes another."""
    await subject.say("[[work 0.4]] [[background 4 sleep 4]] [[work 0.4]]")
    await subject.rests(2)


async def a_bang(subject: Subject) -> None:
    """The person runs a command."""
    await subject.type("!")
    await subject.type("sleep 0.4; echo bang$((6*7))")
    await subject.sees("sleep 0.4; echo bang$((6*7))")
    await subject.type("\r")
    await subject.sees("bang42")
    await subject.rests()


async def an_end(subject: Subject) -> None:
    """``/exit``."""
    await subject.type("/exit")
    await subject.sees("/exit")
    await subject.type("\r")
    await subject.until("SessionEnd", lambda: subject.count("SessionEnd") > 0)
    await subject.until("no registry file", lambda: not subject.status())


ACTS: tuple[Callable[[Subject], Awaitable[None]], ...] = (
    a_turn, a_small_paste, a_large_paste, a_lead_and_a_paste, a_queue, an_interruption,
    a_permission, a_refusal, a_question, a_background_shell, a_bang, an_end,
)  # fmt: skip


def _asked(subject: Subject, word: str) -> bool:
    """Tell whether a prompt with this word has begun its turn."""
    lines = [line for line in subject.transcript if line["type"] == "user"]
    return any(word in str(line["message"]["content"]) for line in lines)
