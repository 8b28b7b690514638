"""``iterm-mcp messages``: what waits for agents, what did not arrive, and what to do about it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from iterm_mcp.cli.tool_call import open_caller, print_json

TOOL = "manage_messages"

app = typer.Typer(
    help="Messages for agents: list those that did not arrive, or that wait; show, retry, purge "
    "and cancel.",
    no_args_is_help=True,
)

_Agent = Annotated[str | None, typer.Option("--agent", "-a", help="Only this one's.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Confirm = Annotated[bool, typer.Option("--confirm-unknown", help="You looked: it did not arrive.")]
_Ids = Annotated[list[str], typer.Argument(help="From list.")]


@app.command("list")
def show_dead(
    agent: _Agent = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Those that wait.")] = False,  # noqa: FBT002 - a flag
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """List messages that were refused, have expired or are unknown, the newest first."""
    found = _call("waiting" if waiting else "list", agent=agent)
    if as_json:
        print_json(found)
        return
    for one in found["messages"]:
        typer.echo(_row(one))


@app.command()
def show(delivery_ids: _Ids) -> None:
    """Show messages with all that became of them, as JSON."""
    print_json(_call("show", delivery_ids=delivery_ids))


@app.command()
def retry(
    delivery_ids: _Ids,
    confirm_unknown: _Confirm = False,  # noqa: FBT002 - a flag
) -> None:
    """Send messages again, under new ids."""
    found = _call("retry", delivery_ids=delivery_ids, confirm_unknown=confirm_unknown)
    for one in found["messages"]:
        typer.echo(_row(one))


@app.command()
def purge(
    delivery_ids: Annotated[
        list[str] | None, typer.Argument(help="From list; without any, all of them.")
    ] = None,
    agent: _Agent = None,
) -> None:
    """Forget messages that did not arrive."""
    found = _call("purge", delivery_ids=delivery_ids or [], agent=agent)
    typer.echo(f"{found['purged']} forgotten")


@app.command()
def cancel(delivery_ids: _Ids) -> None:
    """Take back messages of which nothing was typed yet."""
    found = _call("cancel", delivery_ids=delivery_ids)
    typer.echo(f"{found['cancelled']} cancelled")


def _call(action: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - a tool's arguments
    with open_caller() as caller:
        return caller.call(TOOL, {"action": action, **arguments})


def _row(one: dict[str, Any]) -> str:
    reason = f": {one['reason']}" if one.get("reason") else ""
    return f"{one['delivery_id']}  {one['agent']}  {one['stage']}{reason}\n    {one['text']}"
