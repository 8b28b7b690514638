"""Notices to who sits here: by this machine's notifications, or by the terminal's own."""

from __future__ import annotations

import os
import shutil
import sys
from base64 import b64encode
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Protocol

import anyio
from anyio import to_thread

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.notices import Via
from iterm_mcp.services.alerts.outbox import NotSentError
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.notices import Notice, SinkSettings
    from iterm_mcp.models.sessions import SessionInfo

    Run = Callable[[Sequence[str]], Awaitable[int]]
    Which = Callable[[str], str | None]

SECONDS = 10.0
MOST_TITLE, MOST_BODY = 100, 300
NAME = "iterm-mcp"
_APPLESCRIPT = (
    "on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run",
)  # fmt: skip


class Screens(Protocol):
    """Where a person may be looking."""

    async def list_sessions(self) -> tuple[SessionInfo, ...]:
        """Return every session; the one that is looked at is active."""

    async def show_text(self, session_id: SessionId, text: str) -> None:
        """Show text as if the session's program had printed it, escape sequences included."""


async def run_program(command: Sequence[str]) -> int:
    """Run a program without a sound; return its exit code."""
    return (await anyio.run_process(command, check=False)).returncode


class DesktopChannel:
    """Tells a person at this machine."""

    def __init__(
        self,
        settings: SinkSettings,
        screens: Screens,
        *,
        run: Run = run_program,
        which: Which = shutil.which,
        platform: str = sys.platform,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._via = settings.via
        self._screens = screens
        self._run = run
        self._find = partial(find_program, which=which, platform=platform, environ=environ)

    async def send(self, notice: Notice) -> None:
        """Tell of a notice.

        Raises:
            NotSentError: There is nothing that could show it, or it failed.
        """
        title, body = f"{NAME}: {plain(notice.title, MOST_TITLE)}", plain(notice.body, MOST_BODY)
        try:
            with anyio.fail_after(SECONDS):
                if self._via in {Via.AUTO, Via.PROGRAM} and await self._by_program(title, body):
                    return
                await self._by_terminal(notice.notice_id, title, body)
        except TimeoutError:
            raise NotSentError("nothing showed it in time", again=True) from None
        except NotSentError:
            raise
        except ItermMcpError as error:
            raise NotSentError(f"no terminal shows it: {error}", again=True) from None

    async def _by_program(self, title: str, body: str) -> bool:
        """Have a program show it; False where there is none that can, and there is another way."""
        make = await to_thread.run_sync(self._find)
        try:
            if make is not None and await self._run(make(title, body)) == 0:
                return True
        except OSError:
            pass  # it is gone since, or may not be run
        if self._via is Via.PROGRAM:
            what = "there is no notify-send, terminal-notifier or osascript that can"
            raise NotSentError(what if make is None else "the program failed", again=True)
        return False

    async def _by_terminal(self, notice_id: str, title: str, body: str) -> None:
        active = [one for one in await self._screens.list_sessions() if one.active]
        if not active:
            raise NotSentError("no session is looked at", again=True)
        await self._screens.show_text(
            active[0].session_id, sequence(self._via, notice_id, title, body)
        )


def plain(text: str, most: int) -> str:
    """Return one line without control bytes, marks of direction, and what nobody sees. Pure."""
    shown = " ".join(sanitise(text).split())
    shown = "".join(char for char in shown if char.isprintable())
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def sequence(via: Via, notice_id: str, title: str, body: str) -> str:
    """Return what has a terminal notify; texts must be `plain`. Pure.

    The formats: iterm2.com/documentation-escape-codes.html (9), urxvt's notify extension (777),
    sw.kovidgoyal.net/kitty/desktop-notifications (99).
    """
    match via:
        case Via.OSC777:
            return f"\x1b]777;notify;{title.replace(';', ',')};{body}\x1b\\"
        case Via.OSC99:
            name = "".join(char for char in notice_id if char.isalnum())[:32]
            return "".join(
                f"\x1b]99;i={name}:d={done}:p={part}:e=1;{b64encode(text.encode()).decode()}\x1b\\"
                for done, part, text in ((0, "title", title), (1, "body", body))
            )
        case _:  # our name comes first: what begins with a number would be a command
            return f"\x1b]9;{title} - {body}\x1b\\"


def find_program(
    *, which: Which, platform: str, environ: Mapping[str, str]
) -> Callable[[str, str], Sequence[str]] | None:
    """Return what makes the command that notifies; None where there is none that can."""
    if platform == "darwin":
        if notifier := which("terminal-notifier"):
            return partial(_by_notifier, notifier)
        script = which("osascript")
        return None if script is None else partial(_by_script, script)
    shows = any(map(environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS")))
    found = which("notify-send") if shows else None
    return None if found is None else partial(_by_notify_send, found)


def _by_notifier(program: str, title: str, body: str) -> Sequence[str]:
    """Tell by terminal-notifier, which takes a leading bracket or hyphen for its own."""
    return program, "-title", title, "-message", f"\u2060{body}", "-group", NAME


def _by_script(program: str, title: str, body: str) -> Sequence[str]:
    return (program, *(word for line in _APPLESCRIPT for word in ("-e", line)), title, body)


def _by_notify_send(program: str, title: str, body: str) -> Sequence[str]:
    return program, f"--app-name={NAME}", "--", title, escape(body, quote=False)
