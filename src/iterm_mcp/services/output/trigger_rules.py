"""When a trigger acts: what it matches, how often, and never on what was typed. Pure."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.models.triggers import Act
from iterm_mcp.services.output.patterns import Patterns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.triggers import Trigger, TriggerId
    from iterm_mcp.services.output.following import Stretch

REMEMBERED_LINES = 1000
"""Lines that are known again when a screen is drawn anew."""

ECHO_SECONDS = 10.0
"""How long what was typed through us is taken for an echo where it is shown."""

LOOP_SECONDS = 2.0
LOOP_LENGTH = 5
"""A trigger that acts so often in a row, each time so soon after its last act, feeds itself."""

MINUTE = 60.0


PIECE_LINES = 200
"""Lines that are looked at without giving others a turn."""


def pieces(stretch: Stretch) -> Iterator[Stretch]:
    """Return a stretch in pieces, of which the last has the partial line."""
    lines, step = stretch.lines, PIECE_LINES
    while len(lines) > step:
        yield replace(stretch, lines=lines[:step], partial="")
        lines = lines[step:]
        stretch = replace(stretch, lost=0, typed=())
    yield replace(stretch, lines=lines)


class Rule:
    """One trigger at work.

    Attributes:
        fired: How often it acted.
        held_back: How often it did not, because it had acted too often.
    """

    def __init__(self, trigger: Trigger, clock: Clock) -> None:
        self.trigger = trigger
        self.fired = 0
        self.held_back = 0
        self._patterns = Patterns([trigger.pattern], ignore_case=trigger.ignore_case)
        self._clock = clock
        self._acts: deque[float] = deque()
        self._row = 0

    def find(self, line: str, start: int) -> tuple[int, int] | None:
        """Return where its pattern is first found in a line, if it is."""
        while (match := self._patterns.first(line, start)) is not None:
            if match.end > match.start:
                return match.start, match.end
            if match.end >= len(line):
                return None
            start = match.end + 1
        return None

    def may_act(self) -> bool:
        """Tell whether it may act now, and count it either way."""
        now = self._clock.monotonic()
        while self._acts and now - self._acts[0] >= MINUTE:
            self._acts.popleft()
        if len(self._acts) >= self.trigger.per_minute:
            self.held_back += 1
            return False
        soon = bool(self._acts) and now - self._acts[-1] <= LOOP_SECONDS
        self._row = self._row + 1 if soon else 1
        self._acts.append(now)
        self.fired += 1
        return True

    def feeds_itself(self) -> bool:
        """Tell whether it seems to act on what it caused."""
        return self.trigger.act is not Act.NOTIFY and self._row >= LOOP_LENGTH


class Lines:
    """What one session printed, as its triggers see it: each line once, and no echoes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[str, None] = OrderedDict()
        self._typed: deque[tuple[float, str]] = deque(maxlen=100)
        self._done: dict[TriggerId, int] = {}

    def hits(self, stretch: Stretch, rules: Iterable[Rule]) -> list[tuple[Rule, str]]:
        """Return which triggers are hit by which line; each at most once by one line."""
        rules = list(rules)
        self._note_typed(stretch.typed)
        again = stretch.cleared or stretch.full_screen
        if again or stretch.lost:
            self._done.clear()
        hits: list[tuple[Rule, str]] = []
        for line in stretch.lines:
            if not (again and line in self._known):
                hits += [(rule, line) for rule in rules if self._hit(rule, line) is not None]
            self._done.clear()
            self._remember(line)
        if stretch.partial and not (again and stretch.partial in self._known):
            for rule in rules:
                end = self._hit(rule, stretch.partial)
                if end is not None:
                    self._done[rule.trigger.trigger_id] = end
                    hits.append((rule, stretch.partial))
            if again:
                self._remember(stretch.partial)
        return hits

    def _hit(self, rule: Rule, line: str) -> int | None:
        """Return the end of the first match that is no echo and was not there before."""
        start = self._done.get(rule.trigger.trigger_id, 0)
        if start > len(line):
            start = 0
        while (found := rule.find(line, start)) is not None:
            if not self._is_echo(line, *found):
                return found[1]
            start = found[1]
        return None

    def _note_typed(self, texts: Iterable[str]) -> None:
        now = self._clock.monotonic()
        for text in texts:
            for piece in text.replace("\r", "\n").split("\n"):
                if piece.strip():
                    self._typed.append((now + ECHO_SECONDS, piece))
        while self._typed and self._typed[0][0] <= now:
            self._typed.popleft()

    def _is_echo(self, line: str, start: int, end: int) -> bool:
        """Tell whether a match lies within what was typed a moment ago."""
        for _, piece in self._typed:
            at = line.find(piece, max(0, end - len(piece)), start + len(piece))
            if at >= 0:
                return True
        return False

    def _remember(self, line: str) -> None:
        self._known[line] = None
        self._known.move_to_end(line)
        while len(self._known) > REMEMBERED_LINES:
            self._known.popitem(last=False)
