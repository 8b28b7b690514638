"""Putting one message into an agent's composer, and nothing else into anything else.

The text is typed, seen to stand in the composer alone, and only then submitted. So what a person
was typing, a program that does not read, or a screen that shows something else is found out while
all can still be taken back.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.agents.kind import Stroke
from iterm_mcp.agents.screen_rows import is_scrolled, unbroken
from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.happenings import SessionEnded
from iterm_mcp.services.deliveries.composer_text import (
    Shown,
    compare,
    ends_with,
    has_stand_in,
    is_left_over,
)
from iterm_mcp.services.deliveries.guard import Seen, read
from iterm_mcp.services.deliveries.means import NotNowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.models.ids import LockId, SessionId
    from iterm_mcp.services.sessions.pasting import Paster
    from iterm_mcp.services.sessions.writers import SessionWriters
    from iterm_mcp.terminal.protocol import Terminal, Watch

SEEN_SECONDS = 6.0
"""How long a text may take to be seen in the composer."""

EMPTIED_SECONDS = 3.0
"""How long a composer may take to be emptied."""

STOPPED_SECONDS = 8.0
"""How long a turn may take to end after it was interrupted."""

QUIET_SECONDS = 1.0
"""How long a draft must not change before it is put aside: else somebody is typing."""

LOOK_SECONDS = 0.2
"""How often to look when the terminal tells of no change."""

ENTER = "\r"

KEPT_BYTES = 1023 if sys.platform == "darwin" else 4095
"""How much the system keeps of a line that it gathers for a program."""


class InDoubtError(Exception):
    """Part of the message may stand somewhere, and could not be taken back."""


class NotSeenError(NotNowError):
    """The message was not seen to stand alone in the composer, and was taken back."""


async def look(terminal: Terminal, session_id: SessionId, kind: AgentKind) -> Seen:
    """Look at an agent's screen.

    Styles cost a second request, so they are asked for only where text stands in the composer: a
    dim one is a suggestion, and nobody's draft.
    """
    screen = await terminal.read_screen(session_id)
    scrolled = is_scrolled(screen)
    seen = read(kind.see(screen, ""), scrolled=scrolled, unbroken=unbroken(screen))
    if not holds_text(seen):
        return seen
    rows = await terminal.read_lines(session_id, screen.first_line, len(screen.lines), styles=True)
    return read(kind.see(screen, "", rows.lines), scrolled=scrolled)


class ComposerWriter:
    """Types into one agent's session, which the caller holds.

    Args:
        watch: Of the session; it tells when to look again.
    """

    def __init__(
        self,
        terminal: Terminal,
        writers: SessionWriters,
        paster: Paster,
        session_id: SessionId,
        kind: AgentKind,
        watch: Watch,
        lock_id: LockId | None = None,
    ) -> None:
        self._terminal = terminal
        self._writers = writers
        self._paster = paster
        self._session_id = session_id
        self._kind = kind
        self._watch = watch
        self._lock_id = lock_id

    async def look(self) -> Seen:
        """Look at the screen now."""
        return await look(self._terminal, self._session_id, self._kind)

    async def changed(self) -> None:
        """Wait for the screen to change, or for a moment.

        Raises:
            NotFoundError: The session has ended.
        """
        with anyio.move_on_after(LOOK_SECONDS):
            happened = await self._watch.next()
            while self._watch.waiting() and not isinstance(happened, SessionEnded):
                happened = await self._watch.next()
            if isinstance(happened, SessionEnded):
                raise NotFoundError("session", self._session_id, hint="It has just ended.")

    async def check_lines(self, strokes: Iterable[Stroke]) -> None:
        """Make sure that the system keeps all of each line, where it gathers them for the program.

        Raises:
            InvalidRequestError: A line is too long, and its end would be lost without a word.
        """
        longest = max((len(one.text.encode()) for one in strokes if not one.paste), default=0)
        if longest <= KEPT_BYTES:
            return
        if (await self._terminal.read_input_state(self._session_id)).reads_lines:
            raise InvalidRequestError(
                f"the program reads whole lines, of which the system keeps {KEPT_BYTES} bytes, and"
                f" one has {longest}",
                hint="Write the text to a file, and send its path.",
                code="line_too_long",
            )

    async def interrupt(self) -> None:
        """End the turn that is under way, and wait until its screen shows so.

        Raises:
            NotNowError: It goes on.
        """
        await self._type(self._kind.interrupt())
        seen = await self._until(lambda one: one.activity != "busy", STOPPED_SECONDS)
        if seen.activity == "busy":
            raise NotNowError("its turn was interrupted, and goes on")

    async def make_room(self, restored: Sequence[str], *, own: bool = False) -> str:
        """Empty the composer; return somebody's draft that stood there, to be given back.

        Args:
            restored: Prompts that may have come back into it by an interruption: no drafts.
            own: Whatever stands there came back, since we interrupted and it was empty before.

        Raises:
            NotNowError: Somebody is typing, or what stands there could not be given back.
        """
        seen = await self.look()
        if not holds_text(seen):
            return ""
        draft = seen.text
        if own or any(is_left_over(seen, one) for one in restored):
            await self._empty()
            return ""
        if has_stand_in(draft):
            raise NotNowError("somebody's paste stands in its composer")
        with anyio.move_on_after(QUIET_SECONDS):
            while (await self.look()).text == draft:
                await self.changed()
        seen = await self.look()
        if seen.text != draft:
            raise NotNowError("somebody is typing into its composer")
        # A text that no key removes is a suggestion, and gone with the first character.
        if await self._empty() or (await self.look()).text == draft:
            return draft if not holds_text(await self.look()) else ""
        raise NotNowError("its composer could not be emptied")

    async def put(self, text: str, strokes: Sequence[Stroke]) -> bool:
        """Type all but the last Enter, and see that the composer holds the message alone.

        Returns:
            Whether it was seen; False for a kind whose composer cannot be seen at all.

        Raises:
            NotNowError: The agent took no keys; it was taken back.
            NotSeenError: Something else was seen than the message.
            InDoubtError: Something was in its way, and it could not be taken back.
        """
        blind = (await self.look()).composer is None
        await self._type(strokes[:-1] if strokes[-1].text == ENTER else strokes)
        if blind and (await self.look()).composer is None:
            return False
        seen = await self._until(
            lambda one: (
                compare(one, text) is Shown.OURS
                or bool(one.in_the_way)
                or (blind and ends_with(one, text))
            ),
            SEEN_SECONDS,
        )
        if seen.in_the_way:
            raise InDoubtError("a dialog came up while it was typed; Enter was not pressed")
        shown = compare(seen, text)
        if shown is Shown.OURS:
            return True
        if blind and ends_with(seen, text):
            return False  # what stands before it is no draft: there was no composer to hold one
        rest = seen.text.replace(text, "", 1) if text in seen.text else ""
        if not await self.take_back():
            raise InDoubtError("it was not seen in the composer; Enter was not pressed")
        await self.give_back(rest)
        if shown is Shown.EMPTY:
            raise NotNowError("it was not seen in the composer, and was taken back")
        raise NotSeenError(
            "somebody typed at the same time"
            if seen.holds == "draft" and seen.text
            else "it was not seen in the composer, and was taken back"
        )

    async def submit(self) -> None:
        """Press Enter."""
        await self._type((Stroke(ENTER),))

    async def unread(self) -> bool:
        """Tell whether the program has not read all that was typed, as far as that is known."""
        return bool((await self._terminal.read_input_state(self._session_id)).queued)

    async def take_back(self) -> bool:
        """Empty the composer of what we typed; tell whether it is seen to be empty."""
        return await self._empty()

    async def give_back(self, draft: str) -> None:
        """Type a draft again, without submitting it."""
        if draft:
            await self._type((Stroke(draft, paste=True),))

    async def _empty(self) -> bool:
        for _ in range(3):  # it may have more lines than one run of the strokes removes
            await self._type(self._kind.clear())
            seen = await self._until(
                lambda one: one.composer is not None and not holds_text(one),
                EMPTIED_SECONDS / 3,
            )
            if seen.composer is not None and not holds_text(seen):
                return True
        return False

    async def _type(self, strokes: Iterable[Stroke]) -> None:
        for stroke in strokes:
            await self._writers.check(self._session_id, self._lock_id)
            if stroke.paste:
                await self._paster.paste(
                    self._session_id,
                    stroke.text,
                    enter=False,
                    lock_id=self._lock_id,
                    on_progress=None,
                )
            else:
                await self._terminal.send_text(self._session_id, stroke.text)
            await anyio.sleep(stroke.pause_seconds)

    async def _until(self, wanted: Callable[[Seen], bool], seconds: float) -> Seen:
        """Look until something is seen; return the last look in any case."""
        seen = await self.look()
        with anyio.move_on_after(seconds):
            while not wanted(seen):
                await self.changed()
                seen = await self.look()
        return seen


def holds_text(seen: Seen) -> bool:
    """Tell whether something stands in the composer that is no suggestion, by what was seen."""
    return seen.holds not in {"", "nothing", "ghost"} and bool(seen.text.strip())
