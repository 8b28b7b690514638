"""One session: a program on a PTY, its screen, its variables."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from time import monotonic, strftime
from typing import TYPE_CHECKING, Any

from anyio.lowlevel import checkpoint

from iterm_mcp.host import jobs, selection, sequences, titles, window_operations
from iterm_mcp.host.engine import Engine
from iterm_mcp.host.intake import LARGE_BYTES, Intake
from iterm_mcp.host.prompt_text import text_between
from iterm_mcp.host.prompts import Prompts
from iterm_mcp.host.pty import Pty, PtyBackpressureError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psutil

    from iterm_mcp.host.coprocess import Coprocess
    from iterm_mcp.host.osc import OscEvent
    from iterm_mcp.host.prompts import Memory, Place, Prompt, PromptEvent
    from iterm_mcp.host.recording.recorder import Recorder
    from iterm_mcp.host.selection import Part
    from iterm_mcp.host.session_observer import SessionObserver

FRAME_SECONDS = 0.016
"""Screen updates come no closer together: the app redraws at 60 frames a second."""

IDLE_SECONDS = 30.0
"""After so long without output, or since it was looked at, a session's history is compressed."""

JOB_SECONDS = 0.25
"""How old the name of the foreground job may be while output flows."""

_SOFT_RESET = b"\x1b[!p\x1b[?9;1000;1002;1003;1004;1005;1006;1015;2004l\x1b[=0u"
"""What one program may leave behind and the next does not expect; the text stays."""


@dataclass(eq=False)
class Session:
    """A pane's content.

    Attributes:
        profile: This session's own copy.
        exited: True once the program has ended.
        user: The variables ``user.*`` without their prefix.
        name: What was set as the session's name; empty when nothing was.
        icon_name: From OSC 0 and 1; `window_name` from OSC 0 and 2; None when never sent.
        shell: The shell, as far as it has said; `last_command` is what was last run at its prompt.
        reported_path: The directory, as far as the shell has said.
        titles_aside: Titles that the program put aside, by the field that each was in.
        former_colors: What the profile's colours were that the program has changed.
    """

    session_id: str
    profile: dict[str, Any]
    pty: Pty
    columns: int
    rows: int
    scrollback: int
    observer: SessionObserver
    directory: str
    name: str = ""
    exited: bool = False
    user: dict[str, Any] = field(default_factory=dict)
    icon_name: str | None = None
    window_name: str | None = None
    hostname: str = field(default_factory=socket.gethostname)
    username: str = ""
    shell: str | None = None
    last_command: str | None = None
    reported_path: str = ""
    former_colors: dict[str, Any] = field(default_factory=dict)
    titles_aside: dict[str, list[str | None]] = field(default_factory=dict)
    idle_seconds: float = IDLE_SECONDS
    selection: list[Part] = field(default_factory=list)
    created: str = field(default_factory=lambda: strftime("%Y%m%d_%H%M%S"))

    def __post_init__(self) -> None:
        self.engine: Engine = Engine(
            self.columns, self.rows, scrollback=self.scrollback, on_osc=self._said
        )
        self._prompts = Prompts(lambda span, without: text_between(self.engine, span, without))
        self._loop = asyncio.get_running_loop()
        self._last_frame = 0.0
        self._frame: asyncio.TimerHandle | asyncio.Handle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._job = ""
        self._job_at = 0.0
        self._job_pid: int | None = None
        self.started_at = 0.0  # by the clock that never goes back
        self._released = False
        self._evaluating = False
        self._operations = window_operations.OperationScanner()
        self._held: list[Callable[[], None]] | None = None  # None unless paused
        self._intake = Intake(self._show, self._hold)
        self.coprocess: Coprocess | None = None
        self.recorder: Recorder | None = None  # unless it is being recorded
        self.restarting = False  # the program is being replaced by another

    def start(self) -> None:
        """Begin to read the program's output; type what the profile says is typed first."""
        self.started_at = monotonic()
        self.follow()
        text = str(self.profile.get("Initial Text") or "")
        if text:
            self.write(text.encode() + b"\n")

    def follow(self) -> None:
        """Begin to read the program's output."""
        pty = self.pty
        pty.start(self._output, lambda code: self._ended(pty, code))

    async def end_program(self, grace_seconds: float) -> None:
        """End the program, and tell nobody yet: `restart` or `program_lost` follows."""
        self.restarting = True
        await self.pty.aclose(grace_seconds=grace_seconds)

    def restart(self, pty: Pty) -> None:
        """Go on with another program below what the screen shows."""
        self.settle()
        self.pty, self.exited, self.restarting = pty, False, False
        self.reported_path, self.icon_name, self.window_name = "", None, None
        self._job_at = 0.0
        pty.resize(self.columns, self.rows)  # which may have changed while it was started
        if self.engine.alternate_screen:  # elsewhere it would move the cursor
            self._show(b"\x1b[?1049l")
        self._show(_SOFT_RESET)
        if self.engine.cursor[0]:
            self._show(b"\r\n")
        if self._held is not None:
            pty.pause_reading()
        self.start()
        self.observer.variables_changed(self)

    def program_lost(self) -> None:
        """Note that the program has ended and no other could be started."""
        self.restarting = False
        if not self.exited:
            self._ended(self.pty)

    def pause(self) -> None:
        """Take in neither output nor end until `resume`; the program waits when its PTY is full."""
        if not self.exited and self._held is None:
            self.settle()
            self._held = []
            self.pty.pause_reading()

    def resume(self) -> None:
        """Take in what came meanwhile, and what will come."""
        if self._held is not None:
            held, self._held = self._held, None
            self.pty.resume_reading()
            for happened in held:
                happened()

    def settle(self) -> None:
        """Take in what has been read and still waits to be shown."""
        self._intake.finish()

    # Writing.

    def write(self, data: bytes, *, answers: bool = False) -> bool:
        """Send bytes to the program. False when it has not read what was sent before.

        Args:
            answers: They are the terminal's own answer, and nobody's typing.
        """
        try:
            self.pty.write(data, answers=answers)
        except PtyBackpressureError:
            return False
        if self.recorder is not None:
            self.recorder.input(data)
        return True

    def inject(self, data: bytes) -> None:
        """Show bytes as if the program had printed them."""
        self._show(data)

    async def inject_in_turns(self, data: bytes) -> None:
        """Do as `inject`, and give others their turn if it is much; it may close meanwhile."""
        if len(data) <= LARGE_BYTES and not self._intake.busy:
            self.inject(data)
        else:
            self._intake.put(data)
        while self._intake.busy:
            await checkpoint()

    def resize(self, columns: int, rows: int) -> None:
        """Give the screen and the program a new grid."""
        if (columns, rows) == (self.columns, self.rows):
            return
        rewrapped = columns != self.columns
        self.columns, self.rows = columns, rows
        places = self._prompts.places() if rewrapped and self.prompts() else []
        moved = self.engine.resize(columns, rows, follow=places)
        if self.recorder is not None:
            self.recorder.resized(columns, rows)
        if rewrapped:
            self._prompts.move(moved)
            self.selection = []
        if not self.exited:
            self.pty.resize(columns, rows)
        self._changed()
        self.observer.variables_changed(self)

    def stop_recording(self, code: int | None = None) -> None:
        """End the recording, if there is one; with the program's exit status if that is known."""
        if self.recorder is not None:
            self.recorder.end(code)
            self.recorder = None

    # Reading.

    def set_name(self, name: str) -> None:
        """Name the session, in place of what its program called itself."""
        self.name = name
        self.icon_name = None

    @property
    def title(self) -> str:
        """Return what the session is called."""
        return titles.title(self)

    def evaluate(self, text: str) -> str:
        r"""Return a text with the session's variables in place of ``\(path)``."""
        if "\\(" not in text or self._evaluating:  # a name may well name itself
            return text
        self._evaluating = True
        try:
            return titles.interpolate(text, lambda path: self.observer.variable(self, path))
        finally:
            self._evaluating = False

    @property
    def job_name(self) -> str:
        """Return the foreground process's name; of the same one it may be `JOB_SECONDS` old."""
        if self.exited:
            return ""
        now = monotonic()
        pid = self.pty.foreground_pid
        if now - self._job_at > JOB_SECONDS or pid != self._job_pid:
            self._job_at, self._job_pid = now, pid
            self._job = jobs.name_of(pid, self.pty.pid) or self._job
        return self._job

    @property
    def command_line(self) -> str:
        """Return the foreground process's command."""
        return "" if self.exited else " ".join(jobs.arguments(self.foreground()))

    def foreground(self) -> psutil.Process | None:
        """Return the foreground process, or the program itself; None when both are gone."""
        return jobs.find(None if self.exited else self.pty.foreground_pid, self.pty.pid)

    @property
    def path(self) -> str:
        """Return the directory: as reported by the shell, else the foreground process's."""
        if self.reported_path:
            return self.reported_path
        # The one in the foreground may end this very moment.
        foreground = None if self.exited else self.pty.foreground_pid
        return jobs.directory_of(foreground, self.pty.pid) or self.directory

    @property
    def selected_text(self) -> str:
        """Return what is selected, as far as its lines are not lost."""
        return selection.text(
            self.engine, selection.remaining(self.selection, self.engine.overflow)
        )

    def prompts(self) -> Sequence[Prompt]:
        """Return the shell's prompts that are still there, oldest first."""
        engine = self.engine
        return self._prompts.look(engine.overflow, alternate=engine.alternate_screen)

    @property
    def prompt_memory(self) -> Memory:
        """All that is remembered of prompts."""
        return self._prompts.memory()

    @prompt_memory.setter
    def prompt_memory(self, memory: Memory) -> None:
        self._prompts.recall(memory)

    def marked(self, payload: str, place: Place) -> PromptEvent | None:
        """Take in a mark of the shell's (OSC 133), with the cursor after it."""
        self.prompts()  # forgets those whose lines are lost
        alternate = self.engine.alternate_screen
        return self._prompts.mark(payload, place, lambda: self.path, alternate=alternate)

    # What the program does.

    def reply(self, data: bytes) -> None:
        """Answer the program, after what the terminal has to answer to what came before."""
        if answer := self.engine.take_replies() + data:
            self.write(answer, answers=True)

    def _said(self, event: OscEvent) -> sequences.Shown:
        return sequences.take(self, event)

    def _output(self, data: bytes) -> None:
        if self._held is not None:  # a program that ends leaves last words, paused or not
            self._held.append(lambda: self._output(data))
            return
        if self.coprocess is None or not self.coprocess.feed(data):
            self._intake.put(data)

    def _show(self, data: bytes) -> None:
        if self._released:
            return
        if self.recorder is not None:
            self.recorder.output(data)
        for piece, operation in self._operations.split(data):
            self.engine.feed(piece)
            if operation is not None:
                window_operations.operate(self, operation)
        self.reply(b"")
        self._changed()
        self.stir()

    def _hold(self, on: bool) -> None:  # noqa: FBT001 - a callback has no names
        """Read no more while what was read waits to be shown."""
        if on:
            self.pty.pause_reading()
        elif self._held is None:
            self.pty.resume_reading()

    def stir(self) -> None:
        """Note that the history is looked at: what was compressed of it will be so again."""
        if self._idle is None and not self._released:
            self._idle = self._loop.call_later(self.idle_seconds, self._rest)

    def _changed(self) -> None:
        """Tell of a change now, or as soon as a frame has passed since the last."""
        if self._frame is None:
            wait = self._last_frame + FRAME_SECONDS - self._loop.time()
            self._frame = (
                self._loop.call_later(wait, self._tell)
                if wait > 0
                else self._loop.call_soon(self._tell)
            )

    def _tell(self) -> None:
        self._frame = None
        self._last_frame = self._loop.time()
        if self._released:
            return
        if self.engine.take_changed():
            self.observer.screen_changed(self)
        self.observer.variables_changed(self)

    def compress(self) -> bool:
        """Compress a little more of what rests; tell whether that is all, or something came."""
        return self._released or self._idle is not None or self.engine.compress()

    def _rest(self) -> None:
        remaining = self._last_frame + self.idle_seconds - self._loop.time()
        if remaining > 0:
            self._idle = self._loop.call_later(remaining, self._rest)
        else:
            self._idle = None
            self.observer.came_to_rest(self)

    def _ended(self, pty: Pty, code: int | None = None) -> None:
        if self._held is not None:
            self._held.append(lambda: self._ended(pty, code))
            return
        if self.restarting or pty is not self.pty:
            return
        self.settle()
        self.exited = True
        self.stop_recording(code)
        self.observer.program_ended(self)

    def release(self) -> None:
        """Give back timers and memory; the PTY is closed by `Pty.aclose`."""
        if not self._released:
            self._released = True
            self._intake.drop()
            self.stop_recording()
            if self.coprocess is not None:
                self.coprocess.stop()
            for handle in (self._frame, self._idle):
                if handle is not None:
                    handle.cancel()
            self.engine.close()
