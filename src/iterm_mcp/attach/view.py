"""A live window in a person's terminal: draws what changes, types what is typed."""

from __future__ import annotations

import asyncio
import codecs
import os
import signal
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from iterm2 import rpc

from iterm_mcp.attach.frame import changes
from iterm_mcp.attach.keys import KeyReader, Typed
from iterm_mcp.attach.layout import after, neighbour, panes
from iterm_mcp.attach.modes import Modes, switch
from iterm_mcp.attach.picture import Scene, compose, grid_for
from iterm_mcp.attach.pressed import Key, pressed
from iterm_mcp.attach.remote import NothingToShowError, WindowView
from iterm_mcp.attach.tty import FirstAttached, whole_terminal, write_all
from iterm_mcp.errors import TerminalUnavailableError
from iterm_mcp.terminal.connection import open_connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from iterm2 import api_pb2 as wire

    from iterm_mcp.attach.frame import Frame
    from iterm_mcp.attach.keys import Command
    from iterm_mcp.terminal.connection import Connection
    from iterm_mcp.terminal.endpoint import Endpoint

FRAME_SECONDS = 1 / 60
READ_BYTES = 1 << 16
DETACHED, ENDED, LOST = 0, 0, 1
_SIGNALLED = 128
GONE = "the host has ended, or closed the connection"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: a sentence for the person, and the exit code."""

    sentence: str
    code: int


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person asked for.

    Attributes:
        target: A window's or a session's id, or None for the current window.
        prefix: The byte of the prefix key, and `prefix_name` what it is called.
        resize: Make the window fit, although others are attached.
    """

    target: str | None
    prefix: bytes
    prefix_name: str
    resize: bool


class _View:
    def __init__(self, fd: int, remote: WindowView, wishes: Wishes, first: FirstAttached) -> None:
        self._fd = fd
        self._remote = remote
        self._wishes = wishes
        self._first = first
        self._stale: set[str] = set()  # sessions whose screens have changed
        self._layout_stale = True
        self._resized = True
        self._wake = asyncio.Event()
        self._help = False
        self._shown: Frame | None = None
        self._modes = Modes()  # of our own terminal
        self._of = ""  # the session whose modes were read last
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._keys = KeyReader(wishes.prefix)
        self._typed: asyncio.Queue[bytes] = asyncio.Queue()
        self.outcome = Outcome(GONE, LOST)

    def notified(self, notification: wire.Notification) -> None:
        """Note what has to be read again."""
        if notification.HasField("screen_update_notification"):
            self._stale.add(notification.screen_update_notification.session)
        else:
            self._layout_stale = True
        self._wake.set()

    def resized(self) -> None:
        """Note that the terminal has another size."""
        self._resized = True
        self._wake.set()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Take what is typed, for the length of the block."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._fd, self._readable)
        try:
            yield
        finally:
            loop.remove_reader(self._fd)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
        self._typed.put_nowait(data)

    async def draw(self) -> None:
        """Show the window until it closes."""
        while True:
            self._wake.clear()
            if self._resized:
                self._resized = False
                self._shown = None
                if self._wishes.resize or self._first.mine():
                    await self._remote.resize(*grid_for(*os.get_terminal_size(self._fd)))
                    self._layout_stale = True
            if self._layout_stale:
                self._layout_stale = False
                if not await self._remote.read_layout():
                    self.outcome = Outcome("the window has closed", ENDED)
                    return
            await self._read_screens()
            await self._show()
            await anyio.sleep(FRAME_SECONDS)
            await self._wake.wait()

    async def _read_screens(self) -> None:
        remote = self._remote
        shown = {one.pane.session_id: one for one in panes(remote.tabs[remote.selected][1])}
        stale, self._stale = self._stale, set()
        if remote.active in stale or remote.active != self._of:
            self._of = remote.active
            await remote.read_modes()
        for session_id, placed in shown.items():
            known = remote.screens.get(session_id)
            if session_id in stale or known is None or len(known.lines) != placed.pane.rows:
                await remote.read_screen(session_id)

    async def _show(self) -> None:
        remote = self._remote
        root = remote.tabs[remote.selected][1]
        names = [
            next((p.pane.title for p in panes(node) if p.pane.session_id == remote.active), "")
            or panes(node)[0].pane.title
            for _, node in remote.tabs
        ]
        scene = Scene(
            root, remote.active, names, remote.selected, self._wishes.prefix_name,
            remote.screens, help=self._help, cursor=remote.modes.shows_cursor,
        )  # fmt: skip
        frame = compose(scene, *os.get_terminal_size(self._fd))
        data = switch(self._modes, remote.modes) + changes(self._shown, frame)
        self._shown, self._modes = frame, remote.modes
        if data:
            await anyio.to_thread.run_sync(write_all, self._fd, data, abandon_on_cancel=True)

    async def type(self) -> None:
        """Pass on what is typed, until the person detaches or the terminal goes away."""
        while data := await self._typed.get():
            said = self._keys.feed(data)
            if said and self._help:
                self._help = False
                self._wake.set()
                continue
            for one in said:
                if isinstance(one, Typed):
                    await self._pass_on(self._decoder.decode(one.data), pasted=one.pasted)
                elif await self._obey(one):
                    self.outcome = Outcome(f"detached from {self._remote.window_id}", DETACHED)
                    return
        self.outcome = Outcome("the terminal has gone away", _SIGNALLED + signal.SIGHUP)

    async def _pass_on(self, text: str, *, pasted: bool) -> None:
        """Press the keys that were pressed; type what was pasted, and what no key sends."""
        for one in [text] if pasted else pressed(text):
            if isinstance(one, Key):
                await self._remote.press(one)
            elif one:
                await self._remote.type(one)

    async def _obey(self, command: Command) -> bool:
        """Do what was asked; tell whether it was to detach."""
        remote = self._remote
        root = remote.tabs[remote.selected][1]
        match command.name:
            case "detach":
                return True
            case "next pane":
                await remote.focus(after(root, remote.active))
            case "next tab" | "previous tab":
                await remote.select_tab(1 if command.name == "next tab" else -1)
                await remote.read_layout()  # what is typed next goes there
            case "up" | "down" | "left" | "right":
                await remote.focus(neighbour(root, remote.active, command.name))
            case _:
                self._help = True
        self._layout_stale = True
        self._wake.set()
        return False

    async def heed_signals(self) -> None:
        """Fit after SIGWINCH; return on a signal that ends."""
        with anyio.open_signal_receiver(
            signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP, signal.SIGINT
        ) as signals:
            async for number in signals:
                if number != signal.SIGWINCH:
                    self.outcome = Outcome(f"ended by {number.name}", _SIGNALLED + number)
                    return
                self.resized()


async def attach(fd: int, endpoint: Endpoint, lock: str, wishes: Wishes) -> Outcome:
    """Show a window in the terminal `fd` until the person detaches or it ends.

    The terminal is as it was before when this returns or raises.

    Args:
        lock: The file by which views of one window find out who may resize it.
    """
    views: list[_View] = []
    outcome: Outcome | None = None

    def notified(notification: wire.Notification) -> None:
        for view in views:
            view.notified(notification)

    try:
        async with open_connection(endpoint, notified) as connection:
            await _serve(fd, connection, lock, wishes, views)
    except* (NothingToShowError, rpc.RPCException) as errors:
        outcome = Outcome(_first(errors), LOST)
    except* OSError as errors:
        outcome = Outcome(f"the terminal cannot be used: {_first(errors)}", LOST)
    except* TerminalUnavailableError as errors:
        outcome = None if views else Outcome(_first(errors), LOST)
    if outcome is None and views:
        return views[0].outcome
    return outcome or Outcome(GONE, LOST)


async def _serve(
    fd: int, connection: Connection, lock: str, wishes: Wishes, views: list[_View]
) -> None:
    async with anyio.create_task_group() as group:

        async def until(work: Callable[[], Awaitable[None]]) -> None:
            await work()
            group.cancel_scope.cancel()

        group.start_soon(until, connection.read_until_closed)
        remote = WindowView(connection)
        await remote.open(wishes.target)
        with closing(FirstAttached(lock, remote.window_id)) as first:
            view = _View(fd, remote, wishes, first)
            if not await remote.read_layout():
                raise NothingToShowError("the window has just closed")
            views.append(view)
            with whole_terminal(fd), view.reading():
                async with anyio.create_task_group() as inner:
                    for work in (view.draw, view.type, view.heed_signals):
                        inner.start_soon(until, work)


def _first(errors: BaseExceptionGroup[BaseException]) -> str:
    """Return the words of the first error of a group."""
    one: BaseException = errors
    while isinstance(one, BaseExceptionGroup):
        one = one.exceptions[0]
    return str(one)
