"""One case, done to a real session without a program; everything is looked at on the way."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from random import Random
from time import thread_time
from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree as ET

from tests.unit.host.worlds import QuietPty

from iterm_mcp.host import line_wire, prompt_messages, scopes, selection, wire
from iterm_mcp.host.ghostty import MAX_REPLY_BYTES
from iterm_mcp.host.recording.screen import Screen
from iterm_mcp.host.rendering.svg import render_svg
from iterm_mcp.host.rendering.text import render_ansi, render_text
from iterm_mcp.host.selection import Part
from iterm_mcp.host.session import Session
from iterm_mcp.host.viewing import view_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from tests.fuzz.steps import Case, Step

    from iterm_mcp.host.lines import Line
    from iterm_mcp.host.prompts import PromptEvent
    from iterm_mcp.host.session_observer import SessionObserver
    from iterm_mcp.host.world import World

READ_BYTES = 4095
"""What a PTY hands out at once."""

KEPT_LINES = 400
"""So many lines are compared before and after scrolling."""

_QUIET = b"\x18\x1b[?1049l\x1b[?47l\x1b[r\x1b[?6;69l\x1b[4l\x1b[?7h\x1b[999;1H\x0f\x1b(B\x1b[m\r\n"
"""No sequence is open, and what is printed now scrolls the whole primary screen."""


class BrokenError(Exception):
    """Something that always holds did not."""


class Listener:
    """Is told what happens, and makes the messages that a subscriber would get."""

    def prompt_happened(self, session: Session, event: PromptEvent) -> None:
        prompt_messages.tell(session, event).SerializeToString()

    def sequence_received(self, session: Session, identity: str, payload: str) -> None:
        wire.CustomEscapeSequenceNotification(
            session=session.session_id, sender_identity=identity, payload=payload
        ).SerializeToString()

    def variable(self, session: Session, path: str) -> Any:  # noqa: ANN401 - any JSON
        return scopes.value(_world_of(session), scopes.Target(scopes.SESSION, "S1"), path)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else may be told
        return lambda *_: None


class Trial:
    """A session, and what is known of it.

    Attributes:
        worst: The longest that the loop was kept by one call: processor seconds, and by which.
    """

    def __init__(self, case: Case, kind: type[Session] = Session) -> None:
        self._pty = QuietPty()
        self.session = kind(
            "S1", {"Name": "Default"}, self._pty, case["columns"], case["rows"],
            case["scrollback"], cast("SessionObserver", Listener()), "/",
        )  # fmt: skip
        self._overflow = 0
        self.worst = (0.0, "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.release()

    def take(self, step: Step) -> None:
        """Do one step, and hold the arithmetic against it.

        Raises:
            BrokenError: It does not hold.
        """
        ((kind, value),) = step.items()
        getattr(self, f"_{kind}")(value)
        self._check()

    # The steps.

    def _feed(self, encoded: str) -> None:
        data = base64.b64decode(encoded)
        for start in range(0, len(data), READ_BYTES):
            self._show(data[start : start + READ_BYTES], "feed")

    def _inject(self, encoded: str) -> None:
        self._show(base64.b64decode(encoded), "inject")

    def _show(self, data: bytes, what: str) -> None:
        with self._timed(what):
            self.session.inject(data)
        _hold(len(self._pty.typed) <= MAX_REPLY_BYTES, f"{len(self._pty.typed)} bytes of replies")
        self._pty.typed.clear()

    def _resize(self, size: list[int]) -> None:
        engine = self.session.engine
        top = engine.overflow + engine.history
        follow = [(0, engine.overflow), (3, top), (engine.columns, top + engine.rows - 1), (-1, 0)]
        with self._timed("resize"):
            self.session.resize(*size)
        with self._timed("resize"):
            moved = engine.resize(*size, follow=follow)
        bottom = engine.overflow + engine.history + engine.rows
        for place in moved:
            if place is not None:
                inside = 0 <= place[0] <= engine.columns and engine.overflow <= place[1] < bottom
                _hold(inside, f"a followed place is now {place}")

    def _select(self, given: list[list[int]]) -> None:
        oldest, width = self.session.engine.overflow, self.session.columns
        parts = [
            Part((x, oldest + y), (to_x, oldest + to_y), (location, length), mode, index % 2 == 1)
            for index, (x, y, to_x, to_y, location, length, mode) in enumerate(given)
        ]
        self.session.selection = [one for one in parts if one.fits(width)]

    def _scroll(self, count: int) -> None:
        engine = self.session.engine
        self._show(_QUIET, "feed")
        end = engine.cursor[1]
        before = dict(enumerate(self._lines(max(engine.overflow, end - KEPT_LINES), end), 0))
        first = max(engine.overflow, end - KEPT_LINES)
        data = b"".join(b"%c\r\n" % (97 + number % 26) for number in range(count))
        for start in range(0, len(data), READ_BYTES):
            self._show(data[start : start + READ_BYTES], "feed")
        _hold(engine.cursor[1] == end + count, f"{count} lines moved {end} to {engine.cursor}")
        kept = max(first, engine.overflow)
        for number, line in enumerate(self._lines(kept, end), kept):
            was = before[number - first]
            _hold(line == was, f"line {number} was {was!r:.300} and is {line!r:.300}")

    def _lines(self, first: int, end: int) -> list[Line]:
        return self.session.engine.lines(first, max(0, end - first), styles=True)

    # The readers.

    def _read(self, seed: int) -> None:
        dice, session = Random(seed), self.session
        engine = session.engine
        first = engine.overflow + dice.randint(-5, engine.history + engine.rows + 5)
        with self._timed("lines"):
            rows = engine.lines(first, dice.choice([1, 50, 1000]), styles=True, erased=True)
        with self._timed("lines as messages"):
            raw = line_wire.contents(rows, styles=True)
        told = wire.GetBufferResponse.FromString(raw).contents
        _hold([one.text for one in told] == [one.text for one in rows], "other lines are sent")
        with self._timed("prompts"):
            for prompt in session.prompts()[-20:]:
                prompt_messages.describe(session, prompt).SerializeToString()
        with self._timed("selection"):
            remaining = selection.remaining(session.selection, engine.overflow)
            _text(selection.text(engine, remaining))
        with self._timed("variables"):
            for name, get in scopes._CORE[scopes.SESSION].items():
                if name not in {"termid", "isBroadcastSource"}:
                    _text(json.dumps(get(_world_of(session), "S1")))
        self._draw(dice)
        with self._timed("compress"):
            engine.compress()
        with self._timed("a recording's screen"):
            Screen.of(engine)

    def _draw(self, dice: Random) -> None:
        """Draw it; that runs in a thread of its own, so only the view counts."""
        with self._timed("view"):
            view = view_session(self.session, history=dice.choice([0, 10, 200]))
        draw = dice.choice([render_svg, render_text, render_ansi])
        shown = draw(view)
        _text(shown)
        if draw is render_svg:
            ET.fromstring(shown)
        _text(Screen.of(self.session.engine).draw())

    # What always holds.

    def _check(self) -> None:
        engine = self.session.engine
        _hold(engine.overflow >= self._overflow, f"overflow {self._overflow} > {engine.overflow}")
        self._overflow = engine.overflow
        _hold(0 <= engine.history <= self.session.scrollback, f"history {engine.history}")
        column, line = engine.cursor
        top = engine.overflow + engine.history
        _hold(
            0 <= column <= engine.columns and top <= line < top + engine.rows,
            f"cursor {column}, {line} in {engine.columns} x {engine.rows} from {top}",
        )
        above = min(engine.history, 30)
        with self._timed("lines"):
            rows = engine.lines(top - above, above + engine.rows, styles=True)
        counts = {above + engine.rows} | ({engine.rows} if engine.alternate_screen else set())
        _hold(len(rows) in counts, f"{len(rows)} lines, not {counts}")
        for row in rows:
            _hold(row.width <= engine.columns, f"a row of {row.width} cells")
            covered = sum(points * repeats for points, repeats in row.cells)
            _hold(covered == len(row.text), f"cells cover {covered} of {len(row.text)}")
            styled = sum(run.cells for run in row.styles)
            _hold(styled == row.width, f"styles cover {styled} of {row.width} cells")
            _text(row.text)

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        """Measure the processor's time, which the load of the machine does not change."""
        began = thread_time()
        yield
        self.worst = max(self.worst, (thread_time() - began, what))


class _World:
    """As much of a world as the variables of one session look at."""

    def __init__(self, session: Session) -> None:
        self.sessions: dict[str, Any] = {"S1": session}

    def place(self, _session_id: str) -> None:
        """It stands nowhere."""


def _world_of(session: Session) -> World:
    return cast("World", _World(session))


def _hold(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - as assert has it
    if not holds:
        raise BrokenError(otherwise)


def _text(text: str) -> None:
    """Hold that it can be sent: protobuf takes no half surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BrokenError(f"this text cannot be sent: {text!r:.300}") from error
