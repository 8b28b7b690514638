"""The shell's prompts in one session, as its marks (OSC 133) tell of them. Pure.

A shell marks where its prompt begins (A), where the command is typed (B), where the command's
output begins (C) and that it has ended, with which exit status (D). Prompts are remembered by
absolute lines, for as long as the line on which they begin is kept and not cleared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote
from uuid import uuid4

MAX_PROMPTS = 1000
"""Older ones are forgotten."""

MAX_EXCLUDED = 1000
"""So many secondary and right prompts of one command are known, the last ones."""

MAX_EXCLUDED_IN_ALL = 10_000
"""When there are more, the oldest commands' are forgotten."""

MAX_STATUS = 2**31 - 1
"""An exit status is sent in 32 bits."""

_STATUS_DIGITS = 20


class Place(NamedTuple):
    """Before which cell; compares in reading order. Lines are absolute."""

    line: int
    column: int


class Span(NamedTuple):
    """From one place up to, but not including, another."""

    start: Place
    end: Place


ReadText = Callable[[Span, Sequence[Span]], str]
"""Returns the text of a span of the screen, without some spans inside it."""


@dataclass(eq=False, slots=True)
class Prompt:
    """One prompt, and what became of the command that was typed at it.

    Attributes:
        end: Where the prompt ends and the command begins; None until it is known.
        command: What was run; None until something was.
        command_end: Where what was typed ends, once it was run, even if that was nothing.
        output_end: Where its output ends, once it has ended.
        status: How it has ended; None until it has.
        directory: The shell's directory when it showed the prompt.
        excluded: What lies inside the command but was not typed: secondary and right prompts.
        shell: Tells nested shells apart, where they do so (``aid=``).
        alternate: Whether it stands on the alternate screen.
    """

    prompt_id: str
    start: Place
    directory: str
    shell: str = ""
    alternate: bool = False
    end: Place | None = None
    command: str | None = None
    command_end: Place | None = None
    output_start: Place | None = None
    output_end: Place | None = None
    status: int | None = None
    excluded: list[Span] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PromptShown:
    """A prompt stands, and a command can be typed."""

    prompt: Prompt


@dataclass(frozen=True, slots=True)
class CommandStarted:
    """A command was run; it is empty when nothing was typed."""

    prompt: Prompt
    command: str


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """A command has ended."""

    prompt: Prompt
    status: int


PromptEvent = PromptShown | CommandStarted | CommandEnded


class Memory(NamedTuple):
    """All that is remembered of one session's prompts; the same prompt may stand in it twice."""

    kept: Sequence[Prompt]
    last: Prompt | None
    typing: bool
    ran: Prompt | None
    inner: Place | None


class Prompts:
    """The prompts of one session, oldest first.

    Args:
        read: Reads the screen, for what was typed.
    """

    def __init__(self, read: ReadText) -> None:
        self._read = read
        self._kept: list[Prompt] = []
        self._last: Prompt | None = None  # was shown last, be it kept or not
        self._typing = False  # whether a command can be typed at it
        self._ran: Prompt | None = None  # the last that ran a command, be it kept or not
        self._inner: Place | None = None  # where a secondary or right prompt began

    def memory(self) -> Memory:
        """Return all that is remembered, for `recall`."""
        return Memory(self._kept, self._last, self._typing, self._ran, self._inner)

    def recall(self, memory: Memory) -> None:
        """Remember this, and nothing else."""
        self._kept = list(memory.kept)
        self._last, self._typing, self._ran, self._inner = memory[1:]

    # Looking.

    def look(self, overflow: int, *, alternate: bool) -> Sequence[Prompt]:
        """Return all prompts, without those whose line is lost, the last that ran aside.

        Args:
            overflow: The first line that is kept.
            alternate: Whether the alternate screen is shown; its prompts end with it.
        """
        kept = self._kept  # those of the alternate screen stand last
        if kept and (kept[0].start.line < overflow or kept[-1].alternate):
            self._kept = [
                one
                for one in kept
                if (one.start.line >= overflow or one is self._ran)
                and (alternate or not one.alternate)
            ]
        return self._kept

    # Following the shell.

    def mark(
        self, payload: str, place: Place, directory: Callable[[], str], *, alternate: bool
    ) -> PromptEvent | None:
        """Take in what followed ``133;``, with the cursor after it.

        Args:
            directory: Tells where the shell is; asked at a prompt's beginning only.
        """
        kind, *fields = payload.split(";")
        options = dict(one.split("=", 1) for one in fields if "=" in one)
        if kind in {"A", "N", "P"}:
            if options.get("k", "i") in {"s", "c", "r"}:
                self._inner = place
            else:
                self._begin(place.line, options.get("aid", ""), directory, alternate=alternate)
        elif kind == "B":
            return self._show(place, alternate=alternate)
        elif kind == "C":
            return self._run(place, options.get("cmdline_url"))
        elif kind == "D":
            positional = [one for one in fields if "=" not in one]
            code = positional[0] if positional else ""
            # Python reads no number of thousands of digits.
            status = int(code[:_STATUS_DIGITS]) if code.isascii() and code.isdigit() else 0
            return self._finish(
                min(status, MAX_STATUS) if fields else None, place, options.get("aid", "")
            )
        return None

    def _begin(
        self, line: int, shell: str, directory: Callable[[], str], *, alternate: bool
    ) -> None:
        self._inner = None
        start = Place(line, 0)
        last = self._last
        if last is not None and last.command is None and last.start == start and last in self._kept:
            return  # drawn again
        if last is not None and last.command is not None and last.output_end is None:
            last.output_end = start
        self._add(Prompt(_new_id(), start, directory(), shell, alternate))

    def _add(self, prompt: Prompt) -> None:
        """Make a prompt the last one. Those that stood where it stands were cleared."""
        self._kept = [
            one
            for one in self._kept
            if one.start < prompt.start or (one.alternate != prompt.alternate)
        ]
        self._kept.append(prompt)
        del self._kept[:-MAX_PROMPTS]
        excess = sum(len(one.excluded) for one in self._kept) - MAX_EXCLUDED_IN_ALL
        for one in self._kept[:-1]:
            if excess > 0:
                excess -= len(one.excluded)
                one.excluded.clear()
        self._last, self._typing = prompt, False

    def _show(self, place: Place, *, alternate: bool) -> PromptEvent | None:
        prompt = self._last
        if self._inner is not None:
            span, self._inner = Span(self._inner, place), None
            if prompt is not None and self._typing and span not in prompt.excluded:
                _exclude(prompt, span)
            return None
        if prompt is None:
            prompt = Prompt(_new_id(), Place(place.line, 0), "", alternate=alternate)
            self._add(prompt)
        if prompt.command is not None:
            return None
        self._typing, prompt.command_end = True, None
        if prompt.end == place and prompt in self._kept:
            return None  # drawn again
        if prompt.end is not None and prompt.end.line != place.line:
            self._shift(prompt, place.line - prompt.end.line)
        prompt.end = place
        return PromptShown(prompt)

    def _shift(self, prompt: Prompt, lines: int) -> None:
        """Follow a prompt that was drawn elsewhere without its beginning, after a clear."""
        prompt.start = Place(max(0, prompt.start.line + lines), 0)
        prompt.excluded.clear()
        self._add(prompt)
        self._typing = True

    def _run(self, place: Place, told: str | None) -> PromptEvent | None:
        prompt = self._last
        if prompt is None:
            return None
        if prompt.end is None:
            return self._run_at_half(prompt, place, told)
        if not self._typing:
            return None
        self._typing = False
        place = max(place, prompt.end)
        if told is None:
            command = self._read(Span(prompt.end, place), prompt.excluded)
        else:
            command = unquote(told)
        prompt.command_end = place
        return self._started(prompt, command, place)

    def _run_at_half(self, prompt: Prompt, place: Place, told: str | None) -> PromptEvent | None:
        """Take the shell's word for a command at a prompt of which a ctrl-C broke off the drawing.

        Where it was typed stays unknown.
        """
        if told is None or prompt.command is not None:
            return None
        return self._started(prompt, unquote(told), place)

    def _started(self, prompt: Prompt, command: str, place: Place) -> PromptEvent:
        if not command.strip():
            return CommandStarted(prompt, "")
        prompt.command = command
        prompt.output_start = Place(place.line + 1, 0) if place.column else place
        self._ran = prompt
        return CommandStarted(prompt, command)

    def _finish(self, status: int | None, place: Place, shell: str) -> PromptEvent | None:
        prompt = self._of_shell(shell) or self._ran
        if self._typing and self._last is not None:  # nothing was run: ^C, or an empty line
            self._typing = False
            self._kept = [one for one in self._kept if one is not self._last]
            if not shell or self._last.shell == shell:
                return None
        if status is None or prompt is None or prompt.status is not None:
            return None
        inner = self._kept[self._kept.index(prompt) + 1 :] if prompt in self._kept else []
        for one in (prompt, *inner):
            if one.command is not None and one.status is None:
                one.status = status
                one.output_end = place
        return CommandEnded(prompt, status)

    def _of_shell(self, shell: str) -> Prompt | None:
        """Return the last prompt of a shell that names itself, if that has run a command."""
        if not shell:
            return None
        ran = (one for one in (*self._kept, *filter(None, [self._ran])) if one.command is not None)
        return next((one for one in reversed(list(ran)) if one.shell == shell), None)

    # Following the lines.

    def places(self) -> list[tuple[int, int]]:
        """Return columns and lines of all that is remembered, each once."""
        return list(dict.fromkeys((p.column, p.line) for one in self._kept for p in _places(one)))

    def move(self, moved: Sequence[tuple[int, int] | None]) -> None:
        """Take over where all of `places` is now, after lines were wrapped anew."""
        where = {
            Place(line, column): now and Place(now[1], now[0])
            for (column, line), now in zip(self.places(), moved, strict=True)
        }
        self._kept = [one for one in self._kept if _follow(one, where)]


def _exclude(prompt: Prompt, span: Span) -> None:
    """Note what was not typed. What it stands upon is not there any more."""
    spans = prompt.excluded
    if spans and spans[-1].end > span.start:
        spans[:] = [one for one in spans if one.end <= span.start or span.end <= one.start]
    spans.append(span)
    del spans[:-MAX_EXCLUDED]


def _new_id() -> str:
    return str(uuid4()).upper()


_FIELDS = ("start", "end", "command_end", "output_start", "output_end")


def _places(prompt: Prompt) -> Iterator[Place]:
    for name in _FIELDS:
        place = getattr(prompt, name)
        if place is not None:
            yield place
    for span in prompt.excluded:
        yield from span


def _follow(prompt: Prompt, where: Mapping[Place, Place | None]) -> bool:
    """Move all that is known of a prompt; tell whether its beginning is still there."""
    start = where[prompt.start]
    if start is None:
        return False
    for name in _FIELDS:
        place = getattr(prompt, name)
        if place is not None:
            setattr(prompt, name, where[place])
    spans = [(where[span.start], where[span.end]) for span in prompt.excluded]
    prompt.excluded[:] = [Span(start, end) for start, end in spans if start and end]
    return True
