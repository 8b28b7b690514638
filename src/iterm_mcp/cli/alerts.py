"""``iterm-mcp alerts``: what is wrong or waits, who has seen it, and where it is told."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from iterm_mcp.cli.budgets import refuse_agents
from iterm_mcp.cli.http_call import ask_http
from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import print_json

app = typer.Typer(
    help="What is wrong or waits for a person: list, acknowledge; and where it is told: "
    "sinks, test (alerts.toml in the state folder).",
    no_args_is_help=True,
)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def show(
    settled: Annotated[int, typer.Option(min=0, max=500, help="How many settled ones.")] = 0,
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """List what is wrong now, oldest first, and behind it what was settled last."""
    found = ask_http("GET", f"/v1/alerts?settled={settled}")
    if as_json:
        print_json(found)
        return
    for one in found["alerts"]:
        typer.echo(_row(one))


@app.command()
def acknowledge(
    alert_id: Annotated[int, typer.Argument(min=1, help="From list.")],
    by: Annotated[str, typer.Option(help="Who has seen it.")] = "a person",
) -> None:
    """Say that somebody has seen an alert; the first one counts.

    Agents that a budget holds by the step that the alert tells of may go on.
    """
    refuse_agents("acknowledge an alert")
    typer.echo(_row(ask_http("POST", f"/v1/alerts/{alert_id}/acknowledge", {"by": by})))


@app.command()
def sinks(as_json: _Json = False) -> None:  # noqa: FBT002 - a flag
    """List where notifications go, and how that went."""
    found = ask_http("GET", "/v1/sinks")
    if as_json:
        print_json(found)
        return
    for one in found["sinks"]:
        problem = f"  {one['problem']}" if one.get("problem") else ""
        counts = f"{one['sent']} sent, {one['failed']} failed, {one['waiting']} waiting"
        typer.echo(plain(f"{one['name']}  {one['form']}  {counts}{problem}", " "))


@app.command()
def test(name: Annotated[str, typer.Argument(help="A sink, from sinks.")]) -> None:
    """Send a test by one sink, and say what became of it; exit code 1 when it did not arrive."""
    from urllib.parse import quote

    ask_http("POST", f"/v1/sinks/{quote(name, safe='')}/test")
    typer.echo(f"{name}: sent")


def _row(one: dict[str, Any]) -> str:
    end = f"  settled {one['settled_at']}" if "settled_at" in one else ""
    seen = f"  seen by {one['acknowledged_by']}" if "acknowledged_by" in one else ""
    return plain(
        f"{one['alert_id']}  {one['severity']}  {one['kind']}  {one['raised_at'][:19]}"
        f"  {one['text']}{end}{seen}",
        " ",
    )
