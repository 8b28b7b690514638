"""Looking at recordings as a user does: by verbs, by functions, and on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from iterm2 import api_pb2

from iterm_mcp.host.recording.folder import find_recordings
from iterm_mcp.host.recording.reader import read_cast
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

    from iterm_mcp.host.recording.asciicast import Event

AUTOMATIC = {"Automatically Log": "true"}


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    words: str


async def verb(home: Home, *words: str) -> Said:
    """Run a verb of the host."""
    with anyio.fail_after(60):
        done = await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "host", *words],
            env=home.environ,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


async def call(wire: WireClient, session_id: str, function: str, **arguments: object) -> Any:  # noqa: ANN401
    """Call a function on a session; return its result, or the reason why there is none."""
    request = api_pb2.InvokeFunctionRequest()
    request.session.session_id = session_id
    given = ", ".join(f"{name}: {json.dumps(value)}" for name, value in arguments.items())
    request.invocation = f"iterm_mcp.{function}({given})"
    response = await wire.ask(request)
    if response.WhichOneof("disposition") == "error":
        return response.error.error_reason
    return json.loads(response.success.json_result)


async def log_filename(wire: WireClient, session_id: str) -> Any:  # noqa: ANN401
    response = await wire.ask(api_pb2.VariableRequest(session_id=session_id, get=["logFilename"]))
    return json.loads(response.values[0])


async def type_in(wire: WireClient, session_id: str, text: str) -> None:
    await wire.ask(api_pb2.SendTextRequest(session=session_id, text=text))


def events(home: Home, session_id: str) -> list[Event]:
    """Return what is on disk of a session's latest recording."""
    found = [
        one for one in find_recordings(Path(home.paths.recordings)) if one.session_id == session_id
    ]
    return list(read_cast(found[-1].parts).events) if found else []


def said(happened: list[Event], code: str = "o") -> str:
    return "".join(event.data for event in happened if event.code == code)


def host_pid(home: Home) -> int:
    pid = lock_holder(home.paths.host_lock)
    assert pid
    return pid
