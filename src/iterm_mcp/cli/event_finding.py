"""``iterm-mcp events find|follow|filters``: what happened, as pages and as it happens."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from iterm_mcp.cli.daemon_http import DaemonHttpError, change_json, get_json, read_lines
from iterm_mcp.cli.event_options import Chosen, choosing, parameters_of, row
from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

RETRY_SECONDS = 2.0
MOST_NAME = 100
_pause = time.sleep

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Saved = Annotated[str, typer.Option(help="A saved filter to add to.")]
_Name = Annotated[str, typer.Argument(help="The filter's name.")]

filters = typer.Typer(
    help="Filters of events under a name, for --saved: list, save, remove.", no_args_is_help=True
)


@choosing
def find(
    chosen: Chosen,
    text: Annotated[list[str] | None, typer.Argument(help="Words, all of them.")] = None,
    saved: _Saved = "",
    oldest: Annotated[bool, typer.Option("--oldest", help="The oldest first.")] = False,  # noqa: FBT002
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most.")] = 50,
    cursor: Annotated[str, typer.Option(help="Of the page before.")] = "",
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Find events, the newest first: by words, a pattern, time, kind, agent, cost, duration.

    Each row begins with the event's number. Behind a page stands how to have the next one.
    """
    words = " ".join([*(text or ()), *([chosen["words"]] if "words" in chosen else ())])
    page = get_json(
        "/v1/events",
        parameters_of({**chosen, "words": words})
        | {
            "saved": saved,
            "order": "oldest" if oldest else "newest",
            "limit": limit,
            "cursor": cursor,
        },
    )
    if as_json:
        print_json(page)
        return
    for one in page["events"]:
        typer.echo(row(one))
    for name in page["damaged"]:
        typer.echo(f"{plain(name)} is damaged; what it had may be missing", err=True)
    if not page["complete"]:
        typer.echo("not all was looked at in the time that there is", err=True)
    if page["cursor"]:
        typer.echo(f"there may be more: --cursor {page['cursor']}", err=True)
    elif not page["events"]:
        typer.echo("no such events", err=True)


@choosing
def follow(
    chosen: Chosen,
    saved: _Saved = "",
    snapshot: Annotated[int, typer.Option(min=0, max=1000, help="Newest ones first.")] = 10,
    after: Annotated[
        int | None, typer.Option(min=0, help="Go on behind this number, without a snapshot.")
    ] = None,
    count: Annotated[int, typer.Option(min=0, help="End after so many; 0 never.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,  # noqa: FBT002
) -> None:
    """Print events as they happen, until it is interrupted.

    When the daemon is restarted meanwhile, it goes on where it was: nothing is missed, and nothing
    is told twice.
    """
    given = parameters_of({**chosen, "saved": saved})
    told = 0
    try:
        for event in _followed(given, snapshot, after):
            typer.echo(json.dumps(event, ensure_ascii=False) if as_json else row(event))
            told += 1
            if told == count:
                return
    except KeyboardInterrupt:
        return


def _followed(given: dict[str, Any], snapshot: int, after: int | None) -> Iterator[dict[str, Any]]:
    """Yield events, and come back behind the last one whenever the stream ends."""
    first = True
    while True:
        place = {"snapshot": str(snapshot)} if after is None else {"after": str(after)}
        try:
            for kind, number, data in _stream(given | place, start=first):
                first = False
                if number is not None:
                    after = number
                if kind == "error":
                    typer.echo(plain(f"{data.get('message')}. {data.get('hint') or ''}"), err=True)
                    raise typer.Exit(1)
                if kind == "event":
                    yield data
        except DaemonHttpError as error:
            if first or error.final:
                typer.echo(str(error), err=True)
                raise typer.Exit(1) from None
        _pause(RETRY_SECONDS)


def _stream(given: dict[str, Any], *, start: bool) -> Iterator[tuple[str, int | None, Any]]:
    """Yield what a stream of events sends: what it is, its number, and its data."""
    kind, number, data = "", None, ""
    for line in read_lines("/v1/events/stream", given, start=start):
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "id":
            number = int(value)
        elif name == "data":
            data = value
        elif not line and data:
            yield kind, number, json.loads(data)
            kind, number, data = "", None, ""


@filters.command("list")
def show(as_json: _Json = False) -> None:  # noqa: FBT002 - a flag
    """List the saved filters, and what each asks for."""
    found = get_json("/v1/filters", {})
    if as_json:
        print_json(found)
        return
    for one in found["filters"]:
        asks = "  ".join(f"{name}={_said(value)}" for name, value in one["query"].items())
        typer.echo(plain(f"{one['name']}  {asks}"))


@filters.command("save")
@choosing
def save(chosen: Chosen, name: _Name) -> None:
    """Save a filter under a name, in place of one that had it."""
    if not chosen:
        raise typer.BadParameter("it would ask for everything: give what it is to ask for")
    change_json("PUT", f"/v1/filters/{_checked(name)}", chosen)
    typer.echo(plain(f"saved: use it as --saved {name}"))


@filters.command()
def remove(name: _Name) -> None:
    """Forget a filter."""
    change_json("DELETE", f"/v1/filters/{_checked(name)}")
    typer.echo("removed")


def _checked(name: str) -> str:
    """Return a filter's name as a part of a path."""
    if not 0 < len(name) <= MOST_NAME or "/" in name:
        raise typer.BadParameter(f"a filter's name has 1 to {MOST_NAME} characters, and no slash")
    return quote(name, safe="")


def _said(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
