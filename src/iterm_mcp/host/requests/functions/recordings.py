"""The functions, of our own and not of the app's, that record a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from iterm_mcp.host.requests.functions.function import FailedError, session_of, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host import scopes
    from iterm_mcp.host.recording.recordings import Recordings
    from iterm_mcp.host.requests.context import Context
    from iterm_mcp.host.requests.functions.function import Functions
    from iterm_mcp.host.session import Session

FLUSH_SECONDS = 5.0
MAX_LABEL_LENGTH = 1000


async def record(
    context: Context, target: scopes.Target, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Switch a session's recording on or off, or leave it; return how it stands now.

    What has happened so far is on disk then, unless that takes too long.
    Whoever switches on what is on already changes nothing, but for ``input``: what is typed
    from now on is recorded, or is not.
    """
    session = session_of(context, target, "record")
    recordings = context.world.recordings
    if recordings is None:
        raise FailedError("nothing can be recorded here")
    keeps_input = _flag(arguments, "input")
    match _flag(arguments, "on"):
        case True:
            await _begin(recordings, session, keeps_input=keeps_input)
        case False:
            session.stop_recording()
    await _flush(recordings)
    return _status(session)


async def mark(context: Context, target: scopes.Target, arguments: Mapping[str, Any]) -> None:
    """Set a marker in a session's recording."""
    session = session_of(context, target, "mark")
    label = text(arguments, "label")
    if len(label) > MAX_LABEL_LENGTH:
        raise FailedError(f"label must not be longer than {MAX_LABEL_LENGTH} characters")
    if session.recorder is None:
        raise FailedError("the session is not being recorded")
    if not session.recorder.mark(label):
        raise FailedError("the recording cannot keep up just now")


async def _begin(recordings: Recordings, session: Session, *, keeps_input: bool | None) -> None:
    if session.exited:
        raise FailedError("the session's program has ended")
    if session.recorder is not None:
        if keeps_input is not None:
            session.recorder.keeps_input = keeps_input
        return
    recorder = recordings.begin(session, keeps_input=bool(keeps_input))
    await _flush(recordings)
    if recorder.file.problem:
        session.stop_recording()
        raise FailedError(f"{recorder.file.path} cannot be written: {recorder.file.problem}")


async def _flush(recordings: Recordings) -> None:
    with anyio.move_on_after(FLUSH_SECONDS):
        await recordings.flush()


def _status(session: Session) -> dict[str, Any]:
    recorder = session.recorder
    if recorder is None:
        return {"on": False}
    return {
        "on": True,
        "input": recorder.keeps_input,
        "path": str(recorder.file.path),
        "missing_bytes": recorder.missing + recorder.file.lost,
        "problem": recorder.file.problem,
    }


def _flag(arguments: Mapping[str, Any], name: str) -> bool | None:
    value = arguments.get(name)
    if value is not None and not isinstance(value, bool):
        raise FailedError(f"{name} must be true or false")
    return value


FUNCTIONS: Functions = {
    "iterm_mcp.record()": record,
    "iterm_mcp.record(on)": record,
    "iterm_mcp.record(input,on)": record,
    "iterm_mcp.mark(label)": mark,
}
