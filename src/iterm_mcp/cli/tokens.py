"""``iterm-mcp tokens``: who may use the HTTP interface, and for what."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from iterm_mcp.cli.http_call import ask_http
from iterm_mcp.cli.tool_call import print_json

app = typer.Typer(
    help="Tokens of the HTTP interface: create, list, rotate, revoke.", no_args_is_help=True
)

_Name = Annotated[str, typer.Argument(help="Of the token.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    name: _Name,
    scope: Annotated[
        str,
        typer.Option(
            "--scope", "-s", help="read; mutate: open and type too; destructive: end too; admin."
        ),
    ] = "read",
    days: Annotated[
        float | None, typer.Option(min=0.001, max=3650, help="How long it is good.")
    ] = None,
) -> None:
    """Make a token and print it: it is shown now and never again."""
    body: dict[str, Any] = {"name": name, "scope": scope}
    typer.echo(
        ask_http("POST", "/v1/tokens", body | ({} if days is None else {"days": days}))["token"]
    )


@app.command("list")
def show(as_json: _Json = False) -> None:  # noqa: FBT002 - a flag
    """List the tokens, never their texts."""
    found = ask_http("GET", "/v1/tokens")
    if as_json:
        print_json(found)
        return
    for one in found["tokens"]:
        end = "" if one["expires_at"] is None else f"  until {one['expires_at']}"
        typer.echo(f"{one['name']}  {one['scope']}  {one['begins']}…  {one['created_at']}{end}")


@app.command()
def rotate(name: _Name) -> None:
    """Print a new text for a token; the old one is good no longer."""
    typer.echo(ask_http("POST", f"/v1/tokens/{quote(name, safe='')}/rotate")["token"])


@app.command()
def revoke(name: _Name) -> None:
    """Take a token away."""
    ask_http("DELETE", f"/v1/tokens/{quote(name, safe='')}")
