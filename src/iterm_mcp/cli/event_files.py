"""``iterm-mcp events export|weeks|trends``: what happened as files, and how things went."""

from __future__ import annotations

import os
import sys
from pathlib import Path  # noqa: TC003 - the framework reads the annotations
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from iterm_mcp.cli.daemon_http import get_json, open_answer
from iterm_mcp.cli.event_options import (  # noqa: TC001 - the framework reads the annotations
    AgentKindOption,
    AgentOption,
)
from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import print_json
from iterm_mcp.models.exports import ExportFormat

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from typing import BinaryIO

CHUNK_BYTES = 1 << 16
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def export(
    conversations: Annotated[
        list[str] | None,
        typer.Argument(help="One conversation's id, or several to set beside each other."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-o", help="A file that is not there yet; or stdout.")
    ] = None,
    kind: Annotated[
        ExportFormat | None, typer.Option("--format", "-f", help="By the file's name if left out.")
    ] = None,
    since: Annotated[str, typer.Option(help="ISO 8601, with a zone.")] = "",
    until: Annotated[str, typer.Option(help="ISO 8601, with a zone.")] = "",
    words: Annotated[str, typer.Option(help="All of these words.")] = "",
    event: Annotated[list[str] | None, typer.Option(help="A kind, as ToolFailed.")] = None,
    agent: AgentOption = "",
    saved: Annotated[str, typer.Option(help="A saved filter to add to.")] = "",
    most: Annotated[int | None, typer.Option(min=1, help="Events at most.")] = None,
    session: Annotated[
        str, typer.Option(help="A session's id; as asciicast, what it showed.")
    ] = "",
    turn: Annotated[
        int | None, typer.Option(min=1, help="Of a conversation, as asciicast.")
    ] = None,
) -> None:
    """Write events, a session, or conversations as JSON, JSON Lines, CSV, HTML, PDF or asciicast.

    Without conversations the events are chosen by the options. Secrets were taken out when the
    events were kept. A file says at its end whether that was all. An asciicast needs a recording
    (`iterm-mcp host record`), PDF the optional part iterm-mcp[pdf].
    """
    chosen = kind or _by_name(file)
    parameters: dict[str, Any] = {"format": chosen.value}
    match conversations or []:
        case [] if session:
            path = f"/v1/exports/sessions/{quote(session, safe='')}"
            parameters |= {"since": since, "until": until}
        case []:
            path = "/v1/exports/events"
            parameters |= {
                "since": since, "until": until, "words": words, "kind": event or (),
                "agent": agent, "saved": saved, "most": most,
            }  # fmt: skip
        case [one]:
            path = f"/v1/exports/conversations/{quote(one, safe='')}"
            parameters["turn"] = turn
        case several:
            path, parameters["conversation"] = "/v1/exports/compare", several
    with open_answer(path, parameters) as answer:
        if file is None:
            _copy(answer, sys.stdout.buffer)
            return
        written = _write(answer, file)
    typer.echo(f"{written:,} bytes in {file}")


def weeks(
    count: Annotated[int, typer.Argument(min=1, max=53, help="How many.")] = 4,
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Sum up the last weeks by agent: turns, calls, failures, tokens, cost, waiting, files."""
    found = get_json("/v1/history/weeks", {"weeks": count})
    if as_json:
        print_json(found)
        return
    for week in found["weeks"]:
        typer.echo(f"week of {week['begins']}{'' if week['complete'] else ' (not over)'}")
        typer.echo(f"  {'all':24} {_activity(week['total'])}")
        for row in week["rows"]:
            name = row["agent"] or row["kind"] or "others"
            teams = f" ({', '.join(row['teams'])})" if row["teams"] else ""
            typer.echo(f"  {plain(name + teams):24} {_activity(row['activity'])}")


def trends(
    days: Annotated[int, typer.Argument(min=1, max=180, help="Whole days, today left out.")] = 28,
    agent: AgentOption = "",
    agent_kind: AgentKindOption = "",
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Tell where daily figures go, where that is no chance, and when the busiest hours are."""
    found = get_json("/v1/history/trends", {"days": days, "agent": agent, "agent_kind": agent_kind})
    if as_json:
        print_json(found)
        return
    for one in found["trends"]:
        if one["p"] is None:
            said = "too few days to say anything"
        elif one["direction"] == "none":
            said = f"no trend that could not be chance (p = {one['p']:.2g})"
        else:
            said = f"{one['direction']} by {one['slope']:+.4g} a day (p = {one['p']:.2g})"
        typer.echo(f"{one['measure']:20} {one['days']:4} days  {said}")
    for one in found["peaks"]:
        hour = f"{DAY_NAMES[one['weekday']]} {one['hour']:02}:00"
        typer.echo(f"busy: {hour:16} {one['mean']:.1f} calls a week, {one['share']:.0%} of all")
    typer.echo(f"method: {found['method']}; claimed at p <= {found['alpha']}")


def _by_name(file: Path | None) -> ExportFormat:
    if file is None:
        return ExportFormat.JSONL
    try:
        suffix = file.suffix.removeprefix(".").lower()
        return next(one for one in ExportFormat if one.suffix == suffix)
    except StopIteration:
        typer.echo(f"{file} does not tell its format: give --format", err=True)
        raise typer.Exit(2) from None


def _write(answer: HTTPResponse, file: Path) -> int:
    """Write a file that only its owner may read, whole or not at all."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        if file.exists():
            raise FileExistsError(17, "is there already", str(file))
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            written = _copy(answer, target)
        os.link(part, file)  # which never replaces another
    finally:
        part.unlink(missing_ok=True)
    return written


def _copy(answer: HTTPResponse, target: BinaryIO) -> int:
    written = 0
    while piece := answer.read(CHUNK_BYTES):
        target.write(piece)
        written += len(piece)
    target.flush()
    return written


def _activity(did: dict[str, Any]) -> str:
    sums = did["sums"]
    dollars = (sums["reported_nanodollars"] + sums["computed_nanodollars"]) / 1e9
    usage = sums["usage"]
    names = ("input", "cache_read", "cache_write", "cache_write_1h", "output")
    tokens = sum(usage[name] for name in names)
    parts = [
        f"{did['turns']} turns", f"{did['calls']} calls", f"{did['failed_calls']} failed",
        f"{tokens:,} tokens", f"${dollars:,.2f}", f"{did['files']} files",
        f"{did['waits']} waits ({did['waited_seconds']:.0f} s)",
    ]  # fmt: skip
    if sums["unpriced"]:
        parts.append(f"{sums['unpriced']} answers of unknown price")
    return ", ".join(parts)
