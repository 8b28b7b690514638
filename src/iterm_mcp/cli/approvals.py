"""``iterm-mcp approvals``: what agents ask, answered from a shell; and the rules, tried out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from iterm_mcp.cli.http_call import ask_http
from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import ToolCaller, open_caller, print_json
from iterm_mcp.paths import find_paths

WATCH_SECONDS = 60

app = typer.Typer(
    help="What agents ask and wait for: list, answer, watch; and the rules: check, explain.",
    no_args_is_help=True,
)

_Agent = Annotated[str, typer.Option("--agent", "-a", help="Only this one's.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def show(
    agent: _Agent = "",
    answered: Annotated[int, typer.Option(min=0, max=200, help="How many answered ones.")] = 0,
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """List what agents ask, the oldest first."""
    with open_caller() as caller:
        found = caller.call("list_approvals", {"agent": agent, "answered": answered})
    if as_json:
        print_json(found)
        return
    _problem(found)
    for one in [*found["approvals"], *found.get("answered", [])]:
        typer.echo(_row(one))


@app.command()
def answer(
    approval_id: Annotated[str, typer.Argument(help="From list.")],
    choice: Annotated[
        str, typer.Argument(help="allow, deny, allow_always, an option's text or its number.")
    ],
    message: Annotated[str, typer.Option("--message", "-m", help="Told with a denial.")] = "",
) -> None:
    """Answer what an agent asks; the first answer holds."""
    with open_caller() as caller:
        given = caller.call(
            "answer_approval",
            {"approval_id": approval_id, "choice": choice, "message": message},
        )
    typer.echo(_row(given))


@app.command()
def watch(
    agent: _Agent = "",
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Print what agents ask, and what becomes of it, as it comes; end with ctrl-C."""
    told: dict[str, bool] = {}
    revision = -1
    with open_caller() as caller:
        while True:
            found = _wait(caller, agent, revision)
            revision = found["revision"]
            for one in reversed([*found["approvals"][::-1], *found.get("answered", [])]):
                closed = "answer" in one
                if told.get(one["approval_id"]) is closed:
                    continue
                told[one["approval_id"]] = closed
                typer.echo(json.dumps(one, ensure_ascii=False) if as_json else _row(one))
                sys.stdout.flush()


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="A file of rules; the one in force if left out.")
    ] = None,
) -> None:
    """See whether a file of rules can be used; exit code 1, with line and key, when it cannot."""
    from iterm_mcp.services.approvals.rules import PolicyError, parse_rules

    path = file or Path(find_paths().approval_rules)
    try:
        policy = parse_rules(path.read_text("utf-8"))
    except FileNotFoundError:
        typer.echo(f"{path}: there is no such file, so a person is asked about everything")
        return
    except (PolicyError, UnicodeDecodeError) as error:
        typer.echo(f"{path}: {error}", err=True)
        raise typer.Exit(1) from None
    for number, rule in enumerate(policy.rules, 1):
        typer.echo(f"{number}. {rule.decision}  {rule.name}")
    typer.echo(f"{path}: {len(policy.rules)} rules")


@app.command()
def explain(
    agent: Annotated[str, typer.Argument(help="The agent that would ask.")],
    tool: Annotated[str, typer.Argument(help="The tool that it would use.")],
    command: Annotated[str, typer.Option("--command", "-c", help="What a shell would run.")] = "",
    path: Annotated[str, typer.Option("--path", "-p", help="The file that it would use.")] = "",
    directory: Annotated[str, typer.Option(help="Where the agent works.")] = "",
) -> None:
    """Say what the rules would decide, and why; nobody is asked."""
    given = {"command": command} if command else {}
    given |= {"file_path": path} if path else {}
    body = {"agent": agent, "tool": tool, "input": given, "directory": directory}
    found = ask_http("POST", "/v1/approvals/explain", body)
    _problem(found)
    for one in found["passed"]:
        typer.echo(f"   {one['rule']}: {one['because']}")
    typer.echo(f"{found['decision']}: {found['reason']}")


def _wait(caller: ToolCaller, agent: str, revision: int) -> dict[str, Any]:
    arguments = {"agent": agent, "answered": 20, "since": revision, "wait_seconds": WATCH_SECONDS}
    return caller.call("list_approvals", arguments)


def _problem(found: dict[str, Any]) -> None:
    if found.get("rules_problem"):
        typer.echo(f"the rules are not in force: {found['rules_problem']}", err=True)


def _row(one: dict[str, Any]) -> str:
    """Return an approval as a line; what an agent said cannot break out of it."""
    given = one.get("input") or {}
    what = given.get("command") or given.get("file_path") or one.get("text") or given or ""
    asks = one.get("tool") or one["asks"]
    found = one.get("answer")
    end = (
        f"waits for {one['age_seconds']} s"
        if found is None
        else f"{found['choice']} by {found['by']}"
    )
    row = f"{one['approval_id']}  {one['agent']}  {asks}  {what}  {end}"
    return plain(row, " ")
