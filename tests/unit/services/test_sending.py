"""What is typed, as the program in the session gets it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from iterm_mcp.errors import InvalidRequestError, RefusedError, TerminalUnavailableError
from iterm_mcp.models.ids import LockId
from iterm_mcp.models.input import InputState
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.sessions.lock_book import LockBook
from iterm_mcp.services.sessions.locks import LockService
from iterm_mcp.services.sessions.pasting import Paster
from iterm_mcp.services.sessions.sending import MAX_TEXT, SendingService
from iterm_mcp.services.sessions.service import SessionService
from iterm_mcp.services.sessions.writers import SessionWriters
from iterm_mcp.testing import FakeTerminal

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock

SECONDS = 10
START, END = "\x1b[200~", "\x1b[201~"


class SlowTerminal(FakeTerminal):
    """Its programs leave unread what a test says, one figure a look; time passes at each."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.unread: list[int] = []
        self.seconds_per_look = 0.0
        self._clock = clock

    async def read_input_state(self, session_id: SessionId) -> InputState:
        state = await super().read_input_state(session_id)
        self._clock.advance(self.seconds_per_look)
        unread = self.unread.pop(0) if len(self.unread) > 1 else sum(self.unread)
        return replace(state, queued=unread)


class Bench:
    """One session, and all that types into it."""

    def __init__(self, terminal: FakeTerminal, store: Store, clock: FakeClock) -> None:
        self.terminal = terminal
        self.sessions = SessionService(terminal)
        self.book = LockBook(store.locks, clock)
        self.writers = SessionWriters(wait_seconds=SECONDS, locks=self.book)
        self.paster = Paster(terminal, self.writers, clock)
        self.sending = SendingService(terminal, self.sessions, self.writers, clock, self.paster)
        self.locks = LockService(terminal, self.sessions, self.writers, self.book)
        self.one: SessionId

    async def start(self, state: InputState | None = None) -> Bench:
        self.one = (await self.sessions.open_session(Program())).session_id
        if state is not None:
            self.wants(state)
        return self

    def wants(self, state: InputState) -> None:
        self.terminal.shell(self.one).input = state

    def typed(self) -> str:
        return self.terminal.typed(self.one)

    async def paste(self, text: str, *, enter: bool = False) -> str:
        await self.sending.paste(self.one, text, enter=enter)
        return self.typed()


@pytest.fixture
async def bench(terminal: FakeTerminal, store: Store, clock: FakeClock) -> Bench:
    return await Bench(terminal, store, clock).start()


@pytest.fixture
async def slow(store: Store, clock: FakeClock) -> Bench:
    return await Bench(SlowTerminal(clock), store, clock).start()


def slow_terminal(bench: Bench) -> SlowTerminal:
    assert isinstance(bench.terminal, SlowTerminal)
    return bench.terminal


# Text.


@pytest.mark.parametrize(("text", "enter"), [("", False), ("x" * (MAX_TEXT + 1), True)])
async def test_nothing_and_too_much_are_not_typed(bench: Bench, text: str, *, enter: bool) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await bench.sending.send_text(bench.one, text, enter=enter)
    assert caught.value.hint
    assert len(str(caught.value)) < 200
    assert bench.typed() == ""


@pytest.mark.parametrize(
    ("text", "enter", "typed"),
    [("", True, "\r"), ("a\nb", False, "a\rb"), ("a\r\nb\n", True, "a\rb\r\r")],
)
async def test_ends_of_lines_are_typed_as_enter(
    bench: Bench, text: str, *, enter: bool, typed: str
) -> None:
    await bench.sending.send_text(bench.one, text, enter=enter)
    assert bench.typed() == typed


# Keys.


async def test_no_keys_are_no_request(bench: Bench) -> None:
    with pytest.raises(InvalidRequestError, match="no keys"):
        await bench.sending.send_keys(bench.one, [])


@pytest.mark.parametrize(("application", "typed"), [(False, "\x1b[A"), (True, "\x1bOA")])
async def test_cursor_keys_send_what_the_program_has_asked_for(
    bench: Bench, typed: str, *, application: bool
) -> None:
    bench.wants(InputState(application_cursor=application))
    await bench.sending.send_keys(bench.one, ["up", "x"])
    assert bench.typed() == f"{typed}x"


async def test_other_keys_do_not_ask_the_terminal(bench: Bench) -> None:
    bench.terminal.fail_next("read_input_state", TerminalUnavailableError("asked"))
    await bench.sending.send_keys(bench.one, ["ctrl-a", "alt-b", "f5", "ctrl-up"])
    assert bench.typed() == "\x01\x1bb\x1b[15~\x1b[1;5A"


# Pastes.


async def test_a_program_that_asked_for_marks_gets_its_paste_between_them(bench: Bench) -> None:
    bench.wants(InputState(bracketed_paste=True))
    assert await bench.paste("a\nb\tc", enter=True) == f"{START}a\rb\tc{END}\r"


async def test_a_program_that_did_not_ask_gets_the_text_alone(bench: Bench) -> None:
    assert await bench.paste("a\r\nb") == "a\rb"


async def test_a_paste_cannot_leave_its_marks(bench: Bench) -> None:
    bench.wants(InputState(bracketed_paste=True))
    pasted = await bench.sending.paste(
        bench.one, f"a{END}rm -rf /\n\x9b201~b{START}\x1b[31mred", enter=False
    )
    assert bench.typed() == (
        f"{START}a\u241b[201~rm -rf /\r\u241b[201~b\u241b[200~\x1b[31mred{END}"
    )
    assert (pasted.bracketed, pasted.marks) == (True, 3)


@pytest.mark.parametrize("text", ["", "a\x03b", "a\x04", "\x7f", "a\x00", "x" * ((10 << 20) + 1)])
async def test_what_cannot_be_pasted_is_not_begun(bench: Bench, text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await bench.paste(text)
    assert caught.value.hint
    assert bench.typed() == ""


async def test_a_large_paste_comes_in_pieces_that_join_to_the_whole(bench: Bench) -> None:
    text = "Grüße 👍 " * 20_000
    sent: list[float] = []

    async def note(done: float, total: float) -> None:
        sent.append(done)
        assert total == len(text.encode())

    await bench.sending.paste(bench.one, text, enter=False, on_progress=note)
    assert bench.typed() == text
    assert sent == sorted(sent)
    assert sent[-1] == len(text.encode())
    assert max(after - before for before, after in zip([0.0, *sent], sent, strict=False)) <= 64_000


async def test_long_lines_are_handed_on_in_parts_to_a_program_that_reads_lines(
    bench: Bench,
) -> None:
    bench.wants(InputState(reads_lines=True))
    long = "ä" * 1700 + "z"
    typed = await bench.paste(f"short\n{long}\n{'y' * 1000}\n")
    assert typed.replace("\x04", "") == f"short\r{long}\r{'y' * 1000}\r"
    parts = [part for line in typed.split("\r") for part in line.split("\x04")]
    assert max(len(part.encode()) for part in parts) <= 1000
    assert "" not in parts[:-1], "ctrl-d on an empty line would end the program's input"


@pytest.mark.parametrize(
    "state", [InputState(reads_lines=False), InputState(bracketed_paste=True, reads_lines=True)]
)
async def test_long_lines_are_left_whole_for_programs_that_read_keys(
    bench: Bench, state: InputState
) -> None:
    bench.wants(state)
    assert "x" * 5000 in await bench.paste("x" * 5000)


async def test_where_the_terminal_cannot_tell_long_lines_are_warned_of(bench: Bench) -> None:
    pasted = await bench.sending.paste(bench.one, "x" * 5000 + "\nshort", enter=False)
    assert pasted.cut_lines == 1
    bench.wants(InputState(reads_lines=False))
    assert (await bench.sending.paste(bench.one, "x" * 5000, enter=False)).cut_lines == 0


async def test_a_paste_waits_until_the_program_has_read_it(slow: Bench) -> None:
    slow_terminal(slow).unread = [0, 200_000, 500_000, 300_000, 100_000, 300, 0]
    await slow.paste("x" * 100_000)
    assert slow_terminal(slow).unread == [0]


async def test_a_program_that_reads_nothing_ends_the_paste_with_what_it_took(slow: Bench) -> None:
    terminal = slow_terminal(slow)
    terminal.unread, terminal.seconds_per_look = [0, 300_000], 4.0
    slow.wants(InputState(bracketed_paste=True))
    with pytest.raises(RefusedError, match="it took 0 of 100000 bytes, 300000 more wait") as caught:
        await slow.paste("x" * 100_000)
    assert caught.value.code == "paste_stalled"
    assert "ctrl-c" in caught.value.hint
    assert slow.typed().endswith(END), "or all that follows would be taken for the paste"


async def test_a_program_that_reads_slowly_is_waited_for(slow: Bench) -> None:
    terminal = slow_terminal(slow)
    terminal.unread = [0, *range(900_000, 0, -30_000), 0]
    terminal.seconds_per_look = 9.0
    await slow.paste("x" * 10)
    assert terminal.unread == [0]


async def test_a_paste_has_an_end_whatever_the_program_does(slow: Bench) -> None:
    slow_terminal(slow).unread = [300_000]
    slow.paster._longest_seconds = 0.05
    with pytest.raises(RefusedError, match="it took") as caught:
        await slow.paste("x" * 100)
    assert caught.value.code == "paste_stalled"


async def test_a_terminal_that_is_lost_tells_how_far_the_paste_came(bench: Bench) -> None:
    gate = bench.terminal.hold("send_text")
    bench.wants(InputState(bracketed_paste=True))

    async def lose() -> None:
        await gate.wait_arrived()
        bench.terminal.lose()
        gate.open()

    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as group:
            group.start_soon(lose)
            with pytest.raises(TerminalUnavailableError, match="it took 0 of 1 bytes"):
                await bench.paste("x")


async def test_a_paste_that_is_cancelled_closes_its_marks(bench: Bench) -> None:
    bench.wants(InputState(bracketed_paste=True))

    async def give_up(done: float, _total: float) -> None:
        if done:
            scope.cancel()
            await anyio.lowlevel.checkpoint()

    with anyio.fail_after(SECONDS), anyio.CancelScope() as scope:
        await bench.sending.paste(bench.one, "x" * 200_000, enter=True, on_progress=give_up)
    assert bench.typed() == f"{START}{'x' * 64_000}{END}"


async def test_a_paste_whose_lock_is_broken_ends_and_says_so(bench: Bench) -> None:
    lock = await bench.locks.lock(bench.one, ttl_seconds=60)

    async def break_it(_done: float, _total: float) -> None:
        await bench.locks.break_lock(bench.one, by="ann", reason="urgent")

    with pytest.raises(RefusedError, match="urgent; it took 64000 of 200000 bytes") as caught:
        await bench.sending.paste(
            bench.one, "x" * 200_000, enter=False, lock_id=lock.lock_id, on_progress=break_it
        )
    assert caught.value.code == "lock_lost"


async def test_nothing_is_typed_into_a_session_that_another_has_locked(bench: Bench) -> None:
    lock = await bench.locks.lock(bench.one, ttl_seconds=60)
    for lock_id in (None, LockId("guessed")):
        with pytest.raises(RefusedError):
            await bench.sending.send_text(bench.one, "x", enter=True, lock_id=lock_id)
        with pytest.raises(RefusedError):
            await bench.sending.send_keys(bench.one, ["x"], lock_id=lock_id)
        with pytest.raises(RefusedError):
            await bench.sending.paste(bench.one, "x", enter=True, lock_id=lock_id)
    assert bench.typed() == ""
    await bench.sending.send_text(bench.one, "t", enter=False, lock_id=lock.lock_id)
    await bench.sending.send_keys(bench.one, ["k"], lock_id=lock.lock_id)
    await bench.sending.paste(bench.one, "p", enter=False, lock_id=lock.lock_id)
    assert bench.typed() == "tkp"
