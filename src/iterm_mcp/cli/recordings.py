"""``iterm-mcp host record`` and ``recordings``: what sessions showed, kept and handed out."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from iterm_mcp.cli.host_call import HostCallError, call_host
from iterm_mcp.paths import find_paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.host.recording.folder import Recording
    from iterm_mcp.host.recording.reader import Cast

recordings_app = typer.Typer(help="Recorded sessions: list, export, prune.", no_args_is_help=True)


class Switch(StrEnum):
    """What to do about a session's recording."""

    ON = "on"
    OFF = "off"
    STATUS = "status"


class Form(StrEnum):
    """What a recording can be exported as."""

    V3 = "v3"
    V2 = "v2"
    TEXT = "text"


def record(
    session: Annotated[str, typer.Argument(help='The session\'s id, or "active".')],
    switch: Annotated[Switch, typer.Argument()] = Switch.STATUS,
    keeps_input: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--input", help="Record what is typed too, passwords included.")
    ] = False,
    mark: Annotated[str | None, typer.Option(help="Set a marker with this label.")] = None,
) -> None:
    """Record a running session, or stop it; exit code 1 when it is not recorded afterwards."""
    given: dict[str, bool] = {} if switch is Switch.STATUS else {"on": switch is Switch.ON}
    if keeps_input and switch is Switch.ON:
        given["input"] = True
    try:
        found = call_host(find_paths(), session, "iterm_mcp.record", **given)
        if mark is not None:
            call_host(find_paths(), session, "iterm_mcp.mark", label=mark)
    except HostCallError as error:
        _fail(str(error))
    if found["on"]:
        what = "output and input" if found["input"] else "output"
        typer.echo(f"recorded: {what}, to {found['path']}")
        if found["problem"]:
            typer.echo(f"held up: {found['problem']}; {found['missing_bytes']} bytes are missing")
    else:
        typer.echo("not recorded")
    if not found["on"] and switch is not Switch.OFF:
        raise typer.Exit(1)


@recordings_app.command("list")
def list_recordings(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002
) -> None:
    """List what is recorded, the oldest first."""
    rows = [_row(one) for one in _found()]
    if as_json:
        json.dump(rows, sys.stdout)
        sys.stdout.write("\n")
        return
    for row in rows:
        typer.echo(f"{row['name']}  {row['bytes']:>11,} bytes  {row['state']}")


@recordings_app.command()
def export(
    recording: Annotated[
        str, typer.Argument(help="A recording's name, its session's id (the latest), or a file.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file, not to stdout.")
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", help="v2 is what older players read.")
    ] = Form.V3,
    idle: Annotated[
        float | None, typer.Option(min=0, help="Shorten longer pauses to so many seconds.")
    ] = None,
    begin: Annotated[str, typer.Option("--from", help="Seconds, or [hh:]mm:ss.")] = "0",
    end: Annotated[str | None, typer.Option("--to", help="As --from.")] = None,
) -> None:
    """Write one file that holds a recording, or a range of it."""
    from iterm_mcp.host.recording.asciicast import CastError
    from iterm_mcp.host.recording.reader import read_cast

    first, last = _time(begin), None if end is None else _time(end)
    try:
        cast = read_cast(_parts(recording))
        lines = _lines(cast, form, first, last, None if idle is None else round(idle * 1000))
        if output is None:
            sys.stdout.buffer.writelines(lines)
            sys.stdout.buffer.flush()
        else:
            with output.open("wb") as out:
                out.writelines(lines)
    except CastError as error:
        _fail(str(error))


@recordings_app.command()
def prune() -> None:
    """Remove what is older or larger than the limits; the host does it by itself."""
    from iterm_mcp.clock import SystemClock
    from iterm_mcp.host.recording import retention

    try:
        limits = retention.Limits.of(os.environ)
    except ValueError as error:
        _fail(str(error))
    folder = Path(find_paths().recordings)
    removed = retention.prune(folder, limits, SystemClock().now().timestamp())
    for one in removed:
        typer.echo(one.name)
    typer.echo(f"{len(removed)} removed", err=True)


def _lines(
    cast: Cast, form: Form, begin: int, end: int | None, idle: int | None
) -> Iterator[bytes]:
    from iterm_mcp.host.recording.export import cast_lines, cut, text_lines, without_pauses

    if form is Form.TEXT:
        for line in text_lines(cast, begin, end):
            yield line.encode() + b"\n"
        return
    chosen = cut(cast, begin, end)
    if idle is not None:
        chosen = without_pauses(chosen, idle)
    yield from cast_lines(chosen, 3 if form is Form.V3 else 2)


def _found() -> list[Recording]:
    from iterm_mcp.host.recording.folder import find_recordings

    return find_recordings(Path(find_paths().recordings))


def _parts(wanted: str) -> tuple[Path, ...]:
    for one in reversed(_found()):
        if wanted in {one.name, one.session_id}:
            return one.parts
    path = Path(wanted)
    if not path.is_file():
        _fail(f"no recording {wanted!r}: iterm-mcp host recordings list")
    return (path,)


def _row(one: Recording) -> dict[str, object]:
    from iterm_mcp.host.recording.reader import ending

    status = ending(one.parts[-1])
    state = "cut off" if status is None else f"exit {status}" if status else "ended"
    return {
        "name": one.name,
        "session": one.session_id,
        "state": "recording" if one.is_live() else state,
        "bytes": one.size,
        "written_at": datetime.fromtimestamp(one.written_at, UTC).isoformat(),
        "files": [str(path) for path in one.parts],
    }


def _time(text: str) -> int:
    """Return a time in milliseconds."""
    try:
        seconds = 0.0
        for part in text.split(":"):
            seconds = seconds * 60 + float(part)
        return round(seconds * 1000)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is neither seconds nor [hh:]mm:ss") from None


def _fail(reason: str) -> NoReturn:
    typer.echo(reason, err=True)
    raise typer.Exit(1)
