"""One session: a program on a PTY, its screen, its variables."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import socket
from dataclasses import dataclass, field
from time import monotonic, strftime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import psutil

from iterm_mcp.host import selection
from iterm_mcp.host.engine import Engine
from iterm_mcp.host.prompt_text import text_between
from iterm_mcp.host.prompts import CommandStarted, Place, Prompts
from iterm_mcp.host.pty import Pty, PtyBackpressureError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterm_mcp.host.coprocess import Coprocess
    from iterm_mcp.host.osc import OscEvent
    from iterm_mcp.host.prompts import Prompt
    from iterm_mcp.host.recording.recorder import Recorder
    from iterm_mcp.host.selection import Part
    from iterm_mcp.host.session_observer import SessionObserver

FRAME_SECONDS = 0.016
"""Screen updates come no closer together: the app redraws at 60 frames a second."""

IDLE_SECONDS = 30.0
"""After so long without output the scrollback is compressed."""

JOB_SECONDS = 0.25
"""How old the name of the foreground job may be while output flows."""

MAX_TITLE_LENGTH = 1000
MAX_VARIABLES = 1000
MAX_VARIABLE_LENGTH = 1 << 16
"""What a program may make us keep, and send to every client that lists sessions."""

_UNKNOWN = (psutil.Error, OSError)
"""What asking about a process may raise: it is gone, or no descriptor is left to ask with."""

_SOFT_RESET = b"\x1b[!p\x1b[?9;1000;1002;1003;1004;1005;1006;1015;2004l\x1b[=0u"
"""What one program may leave behind and the next does not expect; the text stays."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


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
    selection: list[Part] = field(default_factory=list)
    created: str = field(default_factory=lambda: strftime("%Y%m%d_%H%M%S"))

    def __post_init__(self) -> None:
        self.engine = Engine(self.columns, self.rows, scrollback=self.scrollback, on_osc=self._osc)
        self._prompts = Prompts(lambda span, without: text_between(self.engine, span, without))
        self._loop = asyncio.get_running_loop()
        self._last_frame = 0.0
        self._frame: asyncio.TimerHandle | asyncio.Handle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._job = ""
        self._job_at = 0.0
        self._reported_path = ""
        self._released = False
        self._held: list[Callable[[], None]] | None = None  # None unless paused
        self.coprocess: Coprocess | None = None
        self.recorder: Recorder | None = None  # unless it is being recorded
        self.restarting = False  # the program is being replaced by another

    def start(self) -> None:
        """Begin to read the program's output; type what the profile says is typed first."""
        pty = self.pty
        pty.start(self._output, lambda code: self._ended(pty, code))
        text = str(self.profile.get("Initial Text") or "")
        if text:
            self.write(text.encode() + b"\n")

    async def end_program(self, grace_seconds: float) -> None:
        """End the program, and tell nobody yet: `restart` or `program_lost` follows."""
        self.restarting = True
        await self.pty.aclose(grace_seconds=grace_seconds)

    def restart(self, pty: Pty) -> None:
        """Go on with another program below what the screen shows."""
        self.pty, self.exited, self.restarting = pty, False, False
        self._reported_path, self.icon_name, self.window_name = "", None, None
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
            self._held = []
            self.pty.pause_reading()

    def resume(self) -> None:
        """Take in what came meanwhile, and what will come."""
        if self._held is not None:
            held, self._held = self._held, None
            self.pty.resume_reading()
            for happened in held:
                happened()

    # Writing.

    def write(self, data: bytes) -> bool:
        """Send bytes to the program. False when it has not read what was sent before."""
        try:
            self.pty.write(data)
        except PtyBackpressureError:
            return False
        if self.recorder is not None:
            self.recorder.input(data)
        return True

    def inject(self, data: bytes) -> None:
        """Show bytes as if the program had printed them."""
        self._show(data)

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
        """Return what the session is called: its name and its job."""
        name = self.icon_name or self.name
        job = self.job_name
        if not name:
            return job or " "
        return f"{name} ({job})" if job else name

    @property
    def job_name(self) -> str:
        """Return the name of the foreground process; at most `JOB_SECONDS` old."""
        if self.exited:
            return ""
        now = monotonic()
        if now - self._job_at > JOB_SECONDS:
            self._job_at = now
            process = self.foreground()
            if process is not None:
                try:
                    self._job = _as_text(process.name())
                except _UNKNOWN:
                    self._job = ""
        return self._job

    def foreground(self) -> psutil.Process | None:
        """Return the foreground process, or the program itself; None when both are gone."""
        for pid in (None if self.exited else self.pty.foreground_pid, self.pty.pid):
            if pid:
                try:
                    return psutil.Process(pid)
                except _UNKNOWN:
                    continue
        return None

    @property
    def path(self) -> str:
        """Return the directory: as reported by the shell, else the foreground process's."""
        if self._reported_path:
            return self._reported_path
        process = self.foreground()
        try:
            return _as_text(process.cwd()) if process is not None else self.directory
        except _UNKNOWN:
            return self.directory

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

    # What the program does.

    def _output(self, data: bytes) -> None:
        if self._held is not None:  # a program that ends leaves last words, paused or not
            self._held.append(lambda: self._output(data))
            return
        if self.coprocess is None or not self.coprocess.feed(data):
            self._show(data)

    def _show(self, data: bytes) -> None:
        if self._released:
            return
        if self.recorder is not None:
            self.recorder.output(data)
        self.engine.feed(data)
        if reply := self.engine.take_replies():
            self.write(reply)
        self._changed()
        if self._idle is None:
            self._idle = self._loop.call_later(IDLE_SECONDS, self._compress)

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

    def _compress(self) -> None:
        if self._loop.time() - self._last_frame < IDLE_SECONDS:
            self._idle = self._loop.call_later(IDLE_SECONDS, self._compress)
        else:
            self._idle = None
            self.engine.compress()

    def _ended(self, pty: Pty, code: int | None = None) -> None:
        if self._held is not None:
            self._held.append(lambda: self._ended(pty, code))
            return
        if self.restarting or pty is not self.pty:
            return
        self.exited = True
        self.stop_recording(code)
        self.observer.program_ended(self)

    def release(self) -> None:
        """Give back timers and memory; the PTY is closed by `Pty.aclose`."""
        if not self._released:
            self._released = True
            self.stop_recording()
            if self.coprocess is not None:
                self.coprocess.stop()
            for handle in (self._frame, self._idle):
                if handle is not None:
                    handle.cancel()
            self.engine.close()

    # Escape sequences that set names, places and variables (iTerm2's documentation).

    def _osc(self, event: OscEvent) -> None:
        if event.code in {0, 1, 2}:
            line = event.payload.partition("\n")[0][:MAX_TITLE_LENGTH]
            text = _CONTROL.sub("", line).replace("\\(", "\\\u200b(")
            if event.code != 2:  # noqa: PLR2004 - OSC 2 is the window's title alone
                self.icon_name = text
            if event.code != 1:
                self.window_name = text
        elif event.code == 7:  # noqa: PLR2004 - OSC 7: the current directory as a URL
            url = urlsplit(event.payload)
            if url.scheme == "file" and url.path:
                self._reported_path = unquote(url.path)
        elif event.code == 133:  # noqa: PLR2004 - OSC 133: marks at prompts
            self._mark(event)
        elif event.code in {50, 1337}:
            self._osc_1337(event.payload)

    def _mark(self, event: OscEvent) -> None:
        self.prompts()  # forgets those whose lines are lost
        happened = self._prompts.mark(
            event.payload,
            Place(event.line, event.column),
            lambda: self.path,
            alternate=self.engine.alternate_screen,
        )
        if happened is not None:
            if isinstance(happened, CommandStarted) and happened.command:
                self.last_command = happened.command
            self.observer.prompt_happened(self, happened)

    def _osc_1337(self, payload: str) -> None:
        key, _, value = payload.partition("=")
        if key == "CurrentDir":
            self._reported_path = value
        elif key == "RemoteHost":
            user, _, host = _CONTROL.sub("", value).rpartition("@")
            self.username = user or self.username
            self.hostname = host or self.hostname
        elif key == "ShellIntegrationVersion":
            self.shell = _CONTROL.sub("", value.partition("shell=")[2]) or self.shell
        elif key == "SetUserVar":
            name, assigned, encoded = value.partition("=")
            if name and "." not in name:
                self._set_user(name, encoded if assigned else None)
        elif key == "Custom":
            head, colon, text = value.partition(":")
            identity = dict(one.partition("=")[::2] for one in head.split(";")).get("id")
            if colon and identity:
                self.observer.sequence_received(self, identity, text)

    def _set_user(self, name: str, encoded: str | None) -> None:
        if encoded is None:
            self.user.pop(name, None)
            return
        full = len(self.user) >= MAX_VARIABLES and name not in self.user
        if full or len(name) + len(encoded) > MAX_VARIABLE_LENGTH:
            return
        try:
            self.user[name] = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return


def _as_text(name: str) -> str:
    """Return a name of the system's, which may hold any bytes, such that it can be sent."""
    return name.encode(errors="replace").decode()
