"""``iterm-mcp playbook``: YAML documents of steps, checked, shown, run, resumed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from iterm_mcp.cli.tool_call import open_caller, print_json

if TYPE_CHECKING:
    from iterm_mcp.services.playbooks.document import Playbook

app = typer.Typer(
    help="Playbooks: validate, dry-run, run, status, resume, cancel, example.",
    no_args_is_help=True,
)

EXAMPLES = Path(__file__).parent.parent / "playbooks"

POLL_SECONDS = 600.0

_File = Annotated[str, typer.Argument(help="The YAML file; - is stdin.")]
_Var = Annotated[
    list[str] | None, typer.Option("--var", help="name=value, for one of its variables.")
]
_Run = Annotated[str, typer.Argument(help="The run's id.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Detach = Annotated[bool, typer.Option("--detach", help="Do not wait for its end.")]


@app.command()
def validate(file: _File) -> None:
    """Check a playbook; say for each mistake its line, its key, and what to write."""
    playbook = _read(_text(file))
    typer.echo(f"{playbook.playbook}: {len(playbook.steps)} steps are sound")


@app.command("dry-run")
def dry_run(file: _File, var: _Var = None) -> None:
    """Print what each step would do. Nothing is opened, typed or asked of a terminal."""
    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.services.playbooks.plan import plan, settle_variables

    playbook = _read(_text(file))
    try:
        lines = plan(playbook, settle_variables(playbook, _variables(var)))
    except ItermMcpError as error:
        _fail(error)
    for line in lines:
        typer.echo(line)


@app.command()
def run(
    file: _File,
    var: _Var = None,
    detach: _Detach = False,  # noqa: FBT002 - a flag
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Run a playbook and tell of its steps; exit code 1 when it does not come to its end."""
    arguments = {"document": _text(file), "variables": _variables(var)}
    _go_on("run", arguments, detach=detach, as_json=as_json)


@app.command()
def resume(
    run_id: _Run,
    decision: Annotated[
        str, typer.Option(help="look, repeat or skip: what is to become of the step it stopped at.")
    ] = "look",
    detach: _Detach = False,  # noqa: FBT002 - a flag
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Go on with a run that stopped."""
    _go_on("resume", {"run_id": run_id, "decision": decision}, detach=detach, as_json=as_json)


@app.command()
def status(
    run_id: Annotated[str | None, typer.Argument(help="A run's id; without it all runs.")] = None,
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Say how a run stands, or list the newest runs."""
    with open_caller() as caller:
        answer = caller.call("run_playbook", {"action": "status", "run_id": run_id or ""})
    if as_json:
        print_json(answer)
    elif run_id is None:
        for one in answer["runs"]:
            typer.echo(f"{one['run_id']}  {one['playbook']}  {one['state']}  {one['at']}")
    else:
        _print(answer)


@app.command()
def cancel(run_id: _Run) -> None:
    """Stop a run where it is; nothing is ended or undone."""
    with open_caller() as caller:
        _print(caller.call("run_playbook", {"action": "cancel", "run_id": run_id}))


@app.command()
def example(
    name: Annotated[str | None, typer.Argument(help="Which one; without it their names.")] = None,
) -> None:
    """Print a playbook that comes with iterm-mcp, to begin with."""
    found = {one.stem: one for one in sorted(EXAMPLES.glob("*.yaml"))}
    if name is None:
        for one in found:
            typer.echo(one)
    elif name in found:
        typer.echo(found[name].read_text("utf-8"), nl=False)
    else:
        typer.echo(f"there is no example {name!r}; there are {', '.join(found)}", err=True)
        raise typer.Exit(1)


def _go_on(action: str, arguments: dict[str, Any], *, detach: bool, as_json: bool) -> None:
    """Begin or resume a run, and follow it to where it stops."""
    asked = {"action": action, "wait_seconds": 0 if detach else POLL_SECONDS, **arguments}
    with open_caller() as caller:
        answer = caller.call("run_playbook", asked, lambda told: typer.echo(told, err=True))
        while not detach and answer["state"] == "running":
            waited = {"action": "status", "run_id": answer["run_id"], "wait_seconds": POLL_SECONDS}
            answer = caller.call("run_playbook", waited, lambda told: typer.echo(told, err=True))
    if as_json:
        print_json(answer)
    else:
        _print(answer)
    if not detach and answer["state"] != "done":
        raise typer.Exit(1)


def _print(answer: dict[str, Any]) -> None:
    typer.echo(f"{answer['run_id']}  {answer['playbook']}  {answer['state']}")
    for one in answer["journal"]:
        found = " ".join(f"{key}={one[key]}" for key in ("exit_code", "matched") if key in one)
        typer.echo(f"  step {one['step']} of {answer['steps']}: {one['state']} {found}".rstrip())
    if "reason" in answer:
        typer.echo(f"  {answer['reason']}")
    if answer["state"] in {"failed", "interrupted", "undecided", "cancelled"}:
        typer.echo(f"  iterm-mcp playbook resume {answer['run_id']}")


def _read(text: str) -> Playbook:
    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.services.playbooks.checks import read_playbook

    try:
        return read_playbook(text)
    except ItermMcpError as error:
        _fail(error)


def _fail(error: Exception) -> NoReturn:
    typer.echo(f"{error}\n{getattr(error, 'hint', '')}".rstrip(), err=True)
    raise typer.Exit(1)


def _text(file: str) -> str:
    return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")


def _variables(given: list[str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given or []:
        name, equals, value = one.partition("=")
        if not equals:
            typer.echo(f"{one!r} is not name=value", err=True)
            raise typer.Exit(2)
        found[name] = value
    return found
