"""``iterm-mcp events``: look after the files in which everything that happened stands."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from iterm_mcp.cli import annotations as remarks
from iterm_mcp.cli import event_finding, event_history
from iterm_mcp.cli.event_files import export, trends, weeks
from iterm_mcp.cli.event_import import bring
from iterm_mcp.cli.event_shares import app as share_app
from iterm_mcp.paths import find_paths

if TYPE_CHECKING:
    from iterm_mcp.errors import ItermMcpError

app = typer.Typer(
    help="All that happened: import, export, share, weeks, trends, verify, backup, restore, stats.",
    no_args_is_help=True,
)
app.command()(export)
app.command("import")(bring)
app.command()(weeks)
app.command()(trends)
app.add_typer(share_app, name="share")

app.add_typer(event_finding.filters, name="filters")
for _verb in (
    event_finding.find, event_finding.follow,
    event_history.conversations, event_history.summary, event_history.compare,
    event_history.costs, event_history.shifts,
    remarks.annotate, remarks.tag, remarks.bookmark, remarks.unannotate,
):  # fmt: skip
    app.command()(_verb)
app.command("annotations")(remarks.listed)

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def verify() -> None:
    """Check all files, also while a daemon writes to them; exit code 1 when one is not sound.

    Looks at every page, event, sum, key and number, and at the index of words; it takes some
    seconds for each million events.
    """
    from iterm_mcp.store.events.verifying import verify_events

    folder = Path(find_paths().events)
    if not folder.is_dir():
        typer.echo("there are no events yet")
        return
    report = verify_events(folder)
    for note in report.notes:
        typer.echo(note)
    for problem in report.problems:
        typer.echo(problem, err=True)
    if report.problems:
        raise typer.Exit(1)
    typer.echo(f"{report.events} events in {report.files} files are sound")


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
) -> None:
    """Copy all events as they are now; a daemon may go on writing."""
    from iterm_mcp.clock import SystemClock
    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.store.events.copies import back_up_events

    try:
        made = back_up_events(Path(find_paths().events), target.absolute(), SystemClock().now())
    except ItermMcpError as error:
        _fail(error)
    for name in made.missing:
        typer.echo(f"{name} is damaged, and not in the copy", err=True)
    typer.echo(f"{len(made.files)} files, up to event {made.newest}, are in {target}")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A folder that `events backup` made.")],
) -> None:
    """Put a copy in the place of all events; what is there now is kept beside it.

    The daemon must not run. The copy is verified before anything is changed.
    """
    from iterm_mcp.clock import SystemClock
    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.store.events.copies import restore_events

    try:
        done = restore_events(Path(find_paths().events), source.absolute(), SystemClock().now())
    except ItermMcpError as error:
        _fail(error)
    typer.echo(f"{done.events} events, up to number {done.newest}, are in place")
    typer.echo(f"what was there before is in {done.before}")


@app.command()
def stats(as_json: _AsJson = False) -> None:  # noqa: FBT002 - a flag
    """List the files: how many events, how large, from when to when."""
    from iterm_mcp.store.events.surveying import survey_events

    found = survey_events(Path(find_paths().events))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], default=str))
        return
    for one in found:
        count = "?" if one.events is None else f"{one.events:,}"
        times = f"  {one.begins_at:%F %T} to {one.ends_at:%F %T}" if one.begins_at else ""
        problem = f"  {one.problem}" if one.problem else ""
        typer.echo(
            f"{one.name}  {one.state:10}  {count:>12} events  {one.size_bytes:>15,} bytes"
            f"{times}{problem}"
        )
    total = sum(one.events or 0 for one in found)
    typer.echo(f"{total:,} events, {sum(one.size_bytes for one in found):,} bytes")


def _fail(error: ItermMcpError) -> NoReturn:
    typer.echo(f"{error}. {error.hint}".strip(), err=True)
    raise typer.Exit(1)
