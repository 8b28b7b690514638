"""Questions that take the keyboard away from the composer: permissions, choices, gates. Pure.

Keys answer them as they answer the real ones: a digit picks its option at once, Enter the marked
one, Escape refuses; other characters are lost, unless a line can be typed. So a message that is
typed into a dialog answers it with its first digit or with its Enter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from iterm_mcp.testing.fake_agent.keys import Pasted, Press, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.testing.fake_agent.keys import Key

_numbers = count(1)
CANCELLED = -1
CARET = "\u276f"
"""What marks the option that Enter chooses."""


@dataclass(frozen=True, slots=True)
class Option:
    """One line to choose.

    Attributes:
        value: What choosing it means; `Answer.value` says it.
        takes_text: Characters are typed into it.
    """

    label: str
    value: str
    takes_text: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """How a dialog ended.

    Attributes:
        by: ``keys``, or who else answered: ``hook``, ``protocol``, ``control``, ``interrupt``.
        index: The option, counted from 0, or `CANCELLED`.
        text: What was typed into an option that takes text.
        used: How many characters of the last key belonged to the answer.
    """

    by: str
    index: int
    value: str
    text: str = ""
    used: int = 0


@dataclass
class Dialog:
    """A question with options.

    Attributes:
        kind: ``permission``, ``question``, or a gate: ``trust``, ``login``, ``theme``.
        cancelled: What Escape means.
        marks: Digits mark an option, and do not choose it.
        caret: What marks the option that Enter chooses.
        boxed: It is drawn with a line around it.
        number: Counted from 1 in one process.
    """

    kind: str
    title: str
    options: list[Option]
    lines: list[str] = field(default_factory=list)
    footer: str = "Enter to confirm · Esc to cancel"
    cancelled: str = "no"
    numbered: bool = True
    marks: bool = False
    caret: str = CARET
    boxed: bool = False
    selected: int = 0
    typed: str = ""
    number: int = field(default_factory=lambda: next(_numbers))

    def press(self, key: Key) -> Answer | None:
        """Take a key; return the answer when it gives one."""
        match key:
            case Press("escape"):
                return Answer("keys", CANCELLED, self.cancelled)
            case Press("enter"):
                return self._chosen(self.selected)
            case Press("up" | "down" as way):
                self.selected = (self.selected + (1 if way == "down" else -1)) % len(self.options)
            case Press("backspace"):
                self.typed = self.typed[:-1]
            case Text(text):
                return self._type(text)
            case Pasted(text) if self.options[self.selected].takes_text:
                self.typed += text
        return None

    def answer(self, value: str, by: str) -> Answer:
        """Return the answer with this value, given by somebody without keys.

        Raises:
            KeyError: No option means that.
        """
        for index, option in enumerate(self.options):
            if value in {option.value, option.label, str(index + 1)}:
                return Answer(by, index, option.value)
        if value == self.cancelled:
            return Answer(by, CANCELLED, value)
        raise KeyError(value)

    def rows(self) -> Iterator[str]:
        """Yield what a person sees, a line each."""
        yield self.title
        yield from self.lines
        yield ""
        for index, option in enumerate(self.options):
            mark = f"{self.caret} " if index == self.selected else "  "
            digit = f"{index + 1}. " if self.numbered else ""
            typed = f" {self.typed}" if option.takes_text and self.typed else ""
            yield f"{mark}{digit}{option.label}{typed}"
        yield ""
        if self.footer:
            yield self.footer

    def _type(self, text: str) -> Answer | None:
        for position, character in enumerate(text):
            if self.options[self.selected].takes_text:
                self.typed += text[position:]
                return None
            if self.numbered and character.isdigit() and 0 < int(character) <= len(self.options):
                if self.options[int(character) - 1].takes_text:
                    self.selected = int(character) - 1
                    continue
                if self.marks:
                    self.selected = int(character) - 1
                    continue
                return self._chosen(int(character) - 1, used=position + 1)
        return None

    def _chosen(self, index: int, used: int = 0) -> Answer:
        option = self.options[index]
        return Answer("keys", index, option.value, self.typed if option.takes_text else "", used)


def permission(tool: str, detail: str) -> Dialog:
    """Ask whether a tool may be used."""
    return Dialog(
        "permission",
        f"{tool} command" if tool == "Bash" else tool,
        [
            Option("Yes", "allow"),
            Option(f"Yes, and don't ask again for: {detail.partition(' ')[0] or tool} *", "always"),
            Option("No", "deny"),
        ],
        [f"  {detail}", "", "Do you want to proceed?"],
        footer="Esc to cancel · Tab to amend",
        cancelled="deny",
    )


def question(text: str, choices: list[str]) -> Dialog:
    """Ask a person to choose, or to say something else."""
    return Dialog(
        "question",
        text,
        [
            *[Option(one, one) for one in choices],
            Option("Type something.", "typed", takes_text=True),
        ],
        footer="Enter to select · ↑/↓ to navigate · Esc to cancel",
        cancelled="",
    )


def gate(kind: str, folder: str) -> Dialog:
    """Return what stands before the start: ``trust``, ``login`` or ``theme``.

    The answer's value is ``go`` or ``exit``.

    Raises:
        KeyError: There is no such gate.
    """
    return {
        "trust": lambda: Dialog(
            "trust",
            "Accessing workspace:",
            [Option("No, exit", "exit"), Option("Yes, I trust this folder", "go")],
            [folder, "", "Quick safety check: Is this a project you created or one you trust?"],
            cancelled="exit",
            numbered=False,
        ),
        "login": lambda: Dialog(
            "login",
            "Select login method:",
            [Option("Account with subscription", "go"), Option("API usage billing", "go")],
            cancelled="exit",
        ),
        "theme": lambda: Dialog(
            "theme",
            "Choose the text style that looks best with your terminal",
            [Option("Dark mode", "go"), Option("Light mode", "go")],
            cancelled="go",
        ),
    }[kind]()
