"""``iterm-mcp events share``: links under which what happened is read without a token."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from iterm_mcp.cli.http_call import ask_http
from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import print_json

app = typer.Typer(
    help="Links to what happened, for others at this machine: create, list, revoke.",
    no_args_is_help=True,
)

SECONDS = 300.0
"""A large conversation is read whole."""

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Form(StrEnum):
    """What can be shared."""

    HTML = "html"
    JSON = "json"
    ASCIICAST = "asciicast"


@app.command()
def create(
    conversation: Annotated[str, typer.Argument(help="A conversation's id.")] = "",
    session: Annotated[str, typer.Option(help="A session's id instead.")] = "",
    saved: Annotated[str, typer.Option(help="A saved filter's name instead.")] = "",
    turn: Annotated[
        int | None, typer.Option(min=1, help="Of a conversation, as asciicast.")
    ] = None,
    since: Annotated[str, typer.Option(help="Of a session: ISO 8601, with a zone.")] = "",
    until: Annotated[str, typer.Option(help="As --since.")] = "",
    form: Annotated[Form, typer.Option("--format", "-f")] = Form.HTML,
    hours: Annotated[float, typer.Option(max=720, help="How long it is good.")] = 24.0,
    redact: Annotated[bool, typer.Option(help="Look for secrets again.")] = True,  # noqa: FBT002
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Make a file of it as it is now, and print its link: it is shown now and never again."""
    body: dict[str, Any] = {
        "conversation": conversation, "session": session, "saved": saved, "turn": turn,
        "since": since, "until": until,
    }  # fmt: skip
    given = {name: value for name, value in body.items() if value}
    given |= {"format": form.value, "hours": hours, "redact": redact}
    made = ask_http("POST", "/v1/shares", given, seconds=SECONDS)
    if as_json:
        print_json(made)
        return
    typer.echo(made["url"])
    typer.echo(f"until {made['expires_at']}; {made['note']}", err=True)


@app.command("list")
def show(as_json: _Json = False) -> None:  # noqa: FBT002 - a flag
    """List the links that are good, never what opens them."""
    found = ask_http("GET", "/v1/shares")
    if as_json:
        print_json(found)
        return
    for one in found["shares"]:
        redacted = "redacted" if one["redacted"] else "NOT redacted"
        line = (
            f"{one['share_id']}  {one['format']}  {redacted}  {one['views']} views"
            f"  until {one['expires_at'][:16]}  {one['what']}"
        )
        typer.echo(plain(line))


@app.command()
def revoke(share_id: Annotated[int, typer.Argument(min=1, help="From list.")]) -> None:
    """Take a link away, and the file with it."""
    ask_http("DELETE", f"/v1/shares/{share_id}")
    typer.echo(f"{share_id} is revoked")
