"""The box in which a prompt is written: typed characters, pastes, a cursor. Pure.

What kinds of agents do with a paste differs; a `PasteRule` says it. Claude Code shows a large one
as ``[Pasted text #1 +4 lines]`` and submits it between tags that tell the model that nobody typed
it; Codex and Gemini show a stand-in too, and submit the plain text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WRAPPED = re.compile(
    r"\n*<pasted_content id=\"[0-9a-f]+\">\n(.*?)\n</pasted_content id=\"[0-9a-f]+\">\n?", re.DOTALL
)
_ESCAPES = re.compile(r"\x1b(?:\[[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e])?")


@dataclass(frozen=True, slots=True)
class PasteRule:
    """What becomes of pastes.

    Attributes:
        is_large: Whether a paste is shown as a stand-in; otherwise it is as if typed.
        show: The stand-in, from the paste's number (counted from 1) and its text.
        wrap: What is submitted in its place, from its text.
        long_text_is_paste: Characters that come in one go and are large count as a paste.
    """

    is_large: Callable[[str], bool]
    show: Callable[[int, str], str]
    wrap: Callable[[str], str]
    long_text_is_paste: bool = False


@dataclass(frozen=True, slots=True)
class _Stub:
    """A large paste, standing for one character."""

    shown: str
    text: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What was in the box.

    Attributes:
        shown: As a person sees it, with stand-ins.
        text: What is submitted.
    """

    shown: str
    text: str


def claude_rule(tag: str) -> PasteRule:
    """Return Claude Code's rule; the tag is the session's, four hexadecimal digits."""

    def show(number: int, text: str) -> str:
        breaks = text.count("\n")
        return f"[Pasted text #{number} +{breaks} lines]" if breaks else f"[Pasted text #{number}]"

    return PasteRule(
        is_large=lambda text: text.count("\n") >= 3 or len(text) > 800,  # noqa: PLR2004
        show=show,
        wrap=lambda text: (
            f'\n\n<pasted_content id="{tag}">\n{text}\n</pasted_content id="{tag}">\n'
        ),
        long_text_is_paste=True,
    )


CODEX_RULE = PasteRule(
    is_large=lambda text: len(text) > 1000,  # noqa: PLR2004
    show=lambda _number, text: f"[Pasted Content {len(text)} chars]",
    wrap=lambda text: text,
)
GEMINI_RULE = PasteRule(
    is_large=lambda text: text.count("\n") >= 5 or len(text) > 500,  # noqa: PLR2004
    show=lambda _number, text: f"[Pasted Text: {text.count(chr(10)) + 1} lines]",
    wrap=lambda text: text,
)


def unwrap(text: str) -> str:
    """Return a submitted prompt without the tags around what was pasted."""
    plain = _WRAPPED.sub(lambda match: "\n" + match[1] + "\n", text)
    return plain.strip("\n") if plain != text else text


@dataclass
class Composer:
    """The box; the cursor stands before ``items[cursor]``.

    Attributes:
        killed: What was cut last, and ctrl-Y brings back.
    """

    rule: PasteRule
    items: list[str | _Stub] = field(default_factory=list)
    cursor: int = 0
    pastes: int = 0
    killed: list[str | _Stub] = field(default_factory=list)

    @property
    def draft(self) -> Draft:
        """Return what is in the box."""
        return _draft(self.items, self.rule)

    @property
    def shown_before_cursor(self) -> str:
        """Return what a person sees left of the cursor."""
        return _draft(self.items[: self.cursor], self.rule).shown

    @property
    def empty(self) -> bool:
        """Tell whether nothing is in it, blanks included."""
        return not self.items

    def type(self, text: str) -> None:
        """Insert characters at the cursor."""
        if self.rule.long_text_is_paste and self.rule.is_large(text):
            self.paste(text)
        else:
            self._insert(list(text))

    def paste(self, text: str) -> None:
        """Insert a paste at the cursor; escape sequences in it are dropped."""
        text = _ESCAPES.sub("", text)
        if self.rule.is_large(text):
            self.pastes += 1
            self._insert([_Stub(self.rule.show(self.pastes, text), text)])
        else:
            self._insert(list(text))

    def take(self) -> Draft:
        """Return what is in the box without blanks at its end, and empty it."""
        while self.items and isinstance(last := self.items[-1], str) and last.isspace():
            self.items.pop()
        draft = self.draft
        self.items, self.cursor = [], 0
        return draft

    def press(self, name: str) -> bool:
        """Edit by a key; tell whether it is one that edits."""
        edit = _EDITS.get(name)
        if edit is not None:
            edit(self)
        return edit is not None

    def _insert(self, new: Sequence[str | _Stub]) -> None:
        self.items[self.cursor : self.cursor] = new
        self.cursor += len(new)

    def _cut(self, start: int, end: int, *, keep: bool) -> None:
        if keep and start < end:
            self.killed = self.items[start:end]
        del self.items[start:end]
        self.cursor = start

    def _line_start(self) -> int:
        for index in range(self.cursor - 1, -1, -1):
            if self.items[index] == "\n":
                return index + 1
        return 0

    def _line_end(self) -> int:
        for index in range(self.cursor, len(self.items)):
            if self.items[index] == "\n":
                return index
        return len(self.items)

    def _word_start(self) -> int:
        index = self.cursor
        while index and self.items[index - 1] == " ":
            index -= 1
        while index and self.items[index - 1] not in {" ", "\n"}:
            index -= 1
        return index

    def _move(self, to: int) -> None:
        self.cursor = min(max(to, 0), len(self.items))


def _draft(items: list[str | _Stub], rule: PasteRule) -> Draft:
    shown = "".join(one.shown if isinstance(one, _Stub) else one for one in items)
    text = "".join(rule.wrap(one.text) if isinstance(one, _Stub) else one for one in items)
    return Draft(shown, text)


_EDITS: dict[str, Callable[[Composer], None]] = {
    "newline": lambda box: box._insert(["\n"]),  # noqa: SLF001 - this module's own
    "shift-enter": lambda box: box._insert(["\n"]),  # noqa: SLF001
    "meta-enter": lambda box: box._insert(["\n"]),  # noqa: SLF001
    "backspace": lambda box: box._cut(max(box.cursor - 1, 0), box.cursor, keep=False),  # noqa: SLF001
    "ctrl-u": lambda box: box._cut(box._line_start(), box.cursor, keep=True),  # noqa: SLF001
    "ctrl-k": lambda box: box._cut(box.cursor, box._line_end(), keep=True),  # noqa: SLF001
    "ctrl-w": lambda box: box._cut(box._word_start(), box.cursor, keep=True),  # noqa: SLF001
    "ctrl-y": lambda box: box._insert(list(box.killed)),  # noqa: SLF001
    "left": lambda box: box._move(box.cursor - 1),  # noqa: SLF001
    "right": lambda box: box._move(box.cursor + 1),  # noqa: SLF001
    "ctrl-a": lambda box: box._move(box._line_start()),  # noqa: SLF001
    "ctrl-e": lambda box: box._move(box._line_end()),  # noqa: SLF001
    "home": lambda box: box._move(box._line_start()),  # noqa: SLF001
    "end": lambda box: box._move(box._line_end()),  # noqa: SLF001
}
