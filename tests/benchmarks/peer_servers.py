"""What each server has to be asked for the same work."""

from __future__ import annotations

import json
import re
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.line_process import LineProcess

SECONDS = 60


class Peer(Protocol):
    """A server with sessions; every method returns when the work is known to be done."""

    name: str

    def open(self, number: int) -> str:
        """Open a session; return what the other methods name it by."""

    def run(self, session: str, command: str) -> None:
        """Run a command to its end."""

    def run_all(self, sessions: Sequence[str], command: str) -> None:
        """Run a command in several sessions at once, to the end of the last."""

    def wait(self, session: str, command: str, text: str) -> None:
        """Type a command, and wait until it prints a text."""

    def read(self, session: str, lines: int) -> str:
        """Return the newest lines of a session."""


class _Server:
    def __init__(self, process: LineProcess) -> None:
        self._process = process

    def _text(self, tool: str, **arguments: Any) -> str:  # noqa: ANN401
        return str(self._process.call(tool, **arguments)["content"][0]["text"])


class IterMcp(_Server):
    """Ours."""

    name = "iterm-mcp"

    def open(self, number: int) -> str:
        opened = self._process.call("open_session", name=f"bench {number}")
        return str(opened["structuredContent"]["session_id"])

    def run(self, session: str, command: str) -> None:
        ended(self._text("run_command", session_id=session, command=command), "exit_code", 0)

    def run_all(self, sessions: Sequence[str], command: str) -> None:
        calls = [{"session_id": one, "command": command} for one in sessions]
        for text in self._process.call_all("run_command", calls):
            ended(text, "exit_code", 0)

    def wait(self, session: str, command: str, text: str) -> None:
        before = self._text("read_output", session_id=session, max_lines=1)
        cursor = before.rsplit("cursor: ", 1)[1].strip()
        self._text("send_text", session_id=session, text=command)
        answer = self._text("wait_for", session_id=session, patterns=[text], since=cursor)
        ended(answer, "matched", value=True)

    def read(self, session: str, lines: int) -> str:
        return self._text("read_output", session_id=session, max_lines=lines + 10)


class LibtmuxMcp(_Server):
    """libtmux-mcp: a pane is named by tmux's ``%`` id."""

    name = "libtmux-mcp"

    def open(self, number: int) -> str:
        text = self._text("create_session", session_name=f"bench{number}")
        return str(json.loads(text)["active_pane_id"])

    def run(self, session: str, command: str) -> None:
        ended(self._text("run_command", pane_id=session, command=command), "exit_status", 0)

    def run_all(self, sessions: Sequence[str], command: str) -> None:
        calls = [{"pane_id": one, "command": command} for one in sessions]
        for text in self._process.call_all("run_command", calls):
            ended(text, "exit_status", 0)

    def wait(self, session: str, command: str, text: str) -> None:
        self._text("send_keys", pane_id=session, keys=command)
        ended(self._text("wait_for_text", pane_id=session, patterns=[text]), "found", value=True)

    def read(self, session: str, lines: int) -> str:
        return self._text("capture_pane", pane_id=session, start=-lines, max_lines=lines + 50)


class TmuxMcp(_Server):
    """tmux-mcp: commands are started and then asked about, as often as it answers."""

    name = "tmux-mcp"

    def open(self, number: int) -> str:
        found: str = self._text("create-session", name=f"bench{number}")
        session = re.findall(r'"id": "(\$\d+)"', found)[0]
        window = re.findall(r'"id": "(@\d+)"', self._text("list-windows", sessionId=session))[0]
        panes = self._text("list-panes", windowId=window)
        return str(re.findall(r'"id": "(%\d+)"', panes)[0])

    def run(self, session: str, command: str) -> None:
        self.run_all([session], command)

    def run_all(self, sessions: Sequence[str], command: str) -> None:
        calls = [{"paneId": one, "command": command} for one in sessions]
        started = self._process.call_all("execute-command", calls)
        left = [re.findall(r"tmux://command/([\w-]+)/", text)[0] for text in started]
        deadline = monotonic() + SECONDS
        while left:
            if monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not see the end of {command}")
            texts = self._process.call_all("get-command-result", [{"commandId": x} for x in left])
            left = [one for one, text in zip(left, texts, strict=True) if "ompleted" not in text]

    def wait(self, session: str, command: str, text: str) -> None:
        self._text("execute-command", paneId=session, command=command, rawMode=True)
        deadline = monotonic() + SECONDS
        while text not in self._text("capture-pane", paneId=session):
            if monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not see {text}")

    def read(self, session: str, lines: int) -> str:
        return self._text("capture-pane", paneId=session, lines=str(lines))


def ended(text: str, field: str, value: object) -> None:
    """Look whether an answer says what it has to; without this, an error would be the fastest.

    Raises:
        RuntimeError: It says something else.
    """
    if json.loads(text).get(field) != value:
        raise RuntimeError(f"{field} is not {value}: {text[-500:]}")
