"""``iterm-mcp budgets``: how far budgets are spent, and whether their file can be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from iterm_mcp.access import take_access
from iterm_mcp.cli.http_call import ask_http
from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import print_json
from iterm_mcp.paths import find_paths

app = typer.Typer(
    help="What may be spent (budgets.toml in the state folder), and what was: list, check; "
    "release those whom one holds.",
    no_args_is_help=True,
)


def refuse_agents(what: str) -> None:
    """End the program where an agent's shell runs it: what follows is a person's to say."""
    if take_access([], dict(os.environ)).agent:
        typer.echo(f"an agent cannot {what}: ask a person", err=True)
        raise typer.Exit(1)


@app.command("list")
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002
) -> None:
    """List the budgets, and how far each is spent."""
    found = ask_http("GET", "/v1/budgets")
    if as_json:
        print_json(found)
        return
    for one in found["budgets"]:
        typer.echo(_row(one))
    if not found["budgets"]:
        typer.echo(f"nothing is spent yet of a budget in {find_paths().budgets}")


@app.command()
def release(
    budget: Annotated[str, typer.Argument(help="Its name, from list.")],
    of: Annotated[str, typer.Option(help="Whose, where each has one; else all of them.")] = "",
    by: Annotated[str, typer.Option(help="Who says so.")] = "a person",
) -> None:
    """Let those go on whom a budget holds, until its next step or its next time."""
    refuse_agents("release a budget")
    given = {"budget": budget, "of": of, "by": by}
    for one in ask_http("POST", "/v1/budgets/release", given)["budgets"]:
        typer.echo(_row(one))


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="A file of budgets; the one in force if left out.")
    ] = None,
) -> None:
    """See whether a file of budgets can be used; exit code 1 when it cannot."""
    from iterm_mcp.errors import InvalidRequestError
    from iterm_mcp.services.budgets.budget_file import read_budgets

    path = file or Path(find_paths().budgets)
    try:
        budgets = read_budgets(path.read_text("utf-8")).budgets
    except FileNotFoundError:
        typer.echo(f"{path}: there is no such file, so nothing is limited")
        return
    except (InvalidRequestError, ValueError) as error:
        typer.echo(f"{path}: {error}. {getattr(error, 'hint', '')}".strip(), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{path}: {len(budgets)} budgets")


def _row(one: dict[str, Any]) -> str:
    """Return a budget as a line; a name cannot break out of it."""
    limits = []
    if "limit_dollars" in one:
        limits.append(f"${one['dollars']:,.2f} of ${one['limit_dollars']:,.2f}")
    if "limit_tokens" in one:
        limits.append(f"{one['tokens']:,} of {one['limit_tokens']:,} tokens")
    whose = f" {one['scope']} {one['of']}" if "of" in one else ""
    row = f"{one['budget']}{whose}  {one['period']}  {one['percent']}%  {', '.join(limits)}"
    if one["unpriced_tokens"]:
        row += f"  ({one['unpriced_tokens']:,} tokens of unknown cost)"
    if "holds" in one:
        row += f"  holds: {one['holds']['act']} at {one['holds']['percent']}%"
        row += f" until {one.get('until', 'it is raised or released')}"
    if "released_by" in one:
        row += f"  released by {one['released_by']}"
    return plain(row, " ")
