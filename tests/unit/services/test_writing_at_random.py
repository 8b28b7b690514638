"""Fifty writers and two hundred sessions, in whatever order it happens to come.

Nothing that was acknowledged is lost, nothing of one writer stands amid another's, and each
writer's texts come in its order. What was refused is not there; of what was cancelled, or not
answered, there may be nothing, all, or of a paste a beginning.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from iterm_mcp.errors import ItermMcpError, RefusedError, TerminalTimeoutError
from iterm_mcp.models.input import InputState
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.sessions import paste_text
from iterm_mcp.services.sessions.lock_book import LockBook
from iterm_mcp.services.sessions.locks import LockService
from iterm_mcp.services.sessions.sending import SendingService
from iterm_mcp.services.sessions.service import SessionService
from iterm_mcp.services.sessions.writers import SessionWriters
from iterm_mcp.store.database import open_database
from iterm_mcp.store.locks import LockStore
from iterm_mcp.testing import FakeClock, FakeTerminal

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from iterm_mcp.models.ids import LockId, SessionId

SESSIONS, WRITERS = 200, 50
SECONDS = 60
PIECE_BYTES = 16
"""Pastes come in pieces as small as this, so that there are many places to get between."""

_MARK = re.compile("\x1b\\[20[01]~")
_FRAME = re.compile(r"<(\d+):(\d+):(x*)(>?)")

writers = st.integers(0, WRITERS - 1)
sessions = st.integers(0, SESSIONS - 1)
requests = st.tuples(writers, sessions, st.sampled_from([0, 1, 5, 40, 100]), st.booleans())


class Fate(Enum):
    """What a writer was told of a text."""

    OPEN = auto()
    DONE = auto()
    REFUSED = auto()


@dataclass
class Sent:
    """One text of one writer."""

    session: int
    length: int
    paste: bool
    fate: Fate = Fate.OPEN


class Writing(RuleBasedStateMachine):
    """Real services over a fake terminal, on a loop that runs only while a rule does."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(paste_text, "PIECE_BYTES", PIECE_BYTES)
        self.terminal = FakeTerminal()
        self.ids: list[SessionId] = []
        self.sent: list[list[Sent]] = [[] for _ in range(WRITERS)]
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.held: dict[int, LockId] = {}

    def run(self, work: Coroutine[None, None, None]) -> None:
        async def bounded() -> None:
            with anyio.fail_after(SECONDS):
                await work

        self.runner.run(bounded())

    @initialize(bracketed=st.sets(sessions))
    def open(self, bracketed: set[int]) -> None:
        """Open all sessions; some of their programs want pastes marked."""
        self.run(self._open(bracketed))

    async def _open(self, bracketed: set[int]) -> None:
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        clock = FakeClock()
        database = await self.stack.enter_async_context(
            open_database(str(Path(folder) / "state.db"), busy_timeout_seconds=SECONDS)
        )
        service = SessionService(self.terminal)
        book = LockBook(LockStore(database), clock)
        turns = SessionWriters(wait_seconds=SECONDS, locks=book)
        self.locks = LockService(self.terminal, service, turns, book)
        self.sending = SendingService(self.terminal, service, turns, clock)
        for number in range(SESSIONS):
            opened = await self.terminal.open_session(Program())
            self.ids.append(opened.session_id)
            if number in bracketed:
                self.terminal.shell(opened.session_id).input = InputState(bracketed_paste=True)

    @rule(asked=st.lists(requests, max_size=80), crowd=st.none() | sessions)
    def send(self, asked: list[tuple[int, int, int, bool]], crowd: int | None) -> None:
        """Let writers begin, at times all in one session; each has one text under way."""

        async def begin() -> None:
            loop = asyncio.get_running_loop()
            for writer, session, length, paste in asked:
                sent = Sent(session if crowd is None else crowd, length, paste)
                self.sent[writer].append(sent)
                work = self._write(writer, len(self.sent[writer]), self.tasks.get(writer))
                self.tasks[writer] = loop.create_task(work)

        self.run(begin())

    async def _write(self, writer: int, number: int, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        sent = self.sent[writer][number - 1]
        send = self.sending.paste if sent.paste else self.sending.send_text
        lock_id = None if writer else self.held.get(sent.session)
        text = f"<{writer}:{number}:{'x' * sent.length}>"
        try:
            await send(self.ids[sent.session], text, enter=False, lock_id=lock_id)
            sent.fate = Fate.DONE
        except RefusedError as error:
            if "it took" not in str(error):
                sent.fate = Fate.REFUSED
        except ItermMcpError:
            pass  # nobody knows

    @rule(turns=st.integers(1, 60))
    def go_on(self, turns: int) -> None:
        """Let all that is under way go on for a while."""

        async def work() -> None:
            for _ in range(turns):
                await checkpoint()

        self.run(work())

    @rule(writer=writers)
    def give_up(self, writer: int) -> None:
        """A client goes away amid its call."""
        if writer in self.tasks:
            self.tasks[writer].cancel()

    @rule()
    def fall_silent(self) -> None:
        """The terminal does not answer the next text in time."""
        self.terminal.fail_next("send_text", TerminalTimeoutError("silent"))

    @rule(session=sessions)
    def lock(self, session: int) -> None:
        """The first writer locks a session, and shows its lock there from now on."""

        async def work() -> None:
            lock = await self.locks.lock(
                self.ids[session], ttl_seconds=60, lock_id=self.held.get(session)
            )
            self.held[session] = lock.lock_id

        self.run(work())

    @rule()
    def break_locks(self) -> None:
        """All locks are broken; who still shows one is refused."""

        async def work() -> None:
            while self.held:
                session, _ = self.held.popitem()
                await self.locks.break_lock(self.ids[session], by="", reason="test")

        self.run(work())

    @invariant()
    def nothing_is_amid_anything(self) -> None:
        """Look at every session that was typed into."""
        for session in {sent.session for own in self.sent for sent in own}:
            self._check(session)

    def _check(self, session: int) -> set[tuple[int, int]]:
        """See that a session got whole frames in order; return which."""
        got = _MARK.sub("", self.terminal.typed(self.ids[session]))
        began = {
            (writer, number)
            for writer, own in enumerate(self.sent)
            for number, sent in enumerate(own, 1)
            if sent.session == session and sent.paste and sent.fate is Fate.OPEN
        }
        scraps = _FRAME.sub("", got)
        assert not scraps or began, f"{scraps!r} stands amid others"
        latest: dict[int, int] = {}
        for writer, number, body, end in _FRAME.findall(got):
            frame = int(writer), int(number)
            sent = self.sent[frame[0]][frame[1] - 1]
            assert sent.session == session
            assert sent.fate is not Fate.REFUSED, "it was said that nothing was typed"
            assert frame in began or (len(body), end) == (sent.length, ">"), "it is cut short"
            assert latest.get(frame[0], 0) < frame[1], "each comes once, in its writer's order"
            latest[frame[0]] = frame[1]
        return {(int(writer), int(number)) for writer, number, _, end in _FRAME.findall(got) if end}

    def teardown(self) -> None:
        """Let all end, and see that nothing that was acknowledged is lost."""

        async def end() -> None:
            if self.tasks:
                await asyncio.wait(self.tasks.values())

        try:
            self.run(end())
            came = {session: self._check(session) for session in range(len(self.ids))}
            for writer, own in enumerate(self.sent):
                for number, sent in enumerate(own, 1):
                    if sent.fate is Fate.DONE:
                        assert (writer, number) in came[sent.session], "acknowledged and lost"
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()
            self.patch.undo()


TestWriting = Writing.TestCase
TestWriting.settings = settings(max_examples=12, stateful_step_count=30, deadline=None)
