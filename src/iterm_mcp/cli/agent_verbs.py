"""``iterm-mcp agents start|new|stop|restart|…``: the lives of agents, from a command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from iterm_mcp.cli.agents import app
from iterm_mcp.cli.http_call import ask_http
from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import open_caller, print_json

_Name = Annotated[str, typer.Argument(help="The agent's name.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Directory = Annotated[str, typer.Option("--directory", "-C", help="Here, if left out.")]
_Teams = Annotated[list[str], typer.Option("--team", help="A team to join; may be repeated.")]
_Variables = Annotated[
    list[str], typer.Option("--env", help="NAME=VALUE that it sees; may be repeated.")
]


@app.command()
def start(
    kind: Annotated[str, typer.Argument(help="A kind of agent, or template:NAME.")],
    name: Annotated[str, typer.Option(help="Made up if left out.")] = "",
    prompt: Annotated[str, typer.Option("--prompt", "-p", help="Its first order.")] = "",
    directory: _Directory = "",
    model: str = "",
    role: str = "",
    team: _Teams = [],  # noqa: B006 - typer copies it
    permissions: Annotated[str, typer.Option(help="The kind's own word, such as plan.")] = "",
    env: _Variables = [],  # noqa: B006 - typer copies it
    beside: Annotated[str, typer.Option(help="A session to split; else a new window.")] = "",
    side: Annotated[
        str, typer.Option(help="left, right, above or below it; else where it stays readable.")
    ] = "",
    *,
    worktree: Annotated[
        bool, typer.Option("--worktree", help="In a git worktree of its own.")
    ] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Say that the directory is trusted, if it asks.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Start an agent in a pane of its own; it is kept running until it is stopped."""
    answer = _call(
        "start_agent",
        kind=kind,
        name=name,
        prompt=prompt,
        directory=absolute(directory),
        worktree=worktree,
        model=model,
        role=role,
        teams=team,
        permissions=permissions,
        environment=_variables(env),
        trust="accept" if trust else None,
        beside=beside,
        side=side,
    )
    _show_life(answer, as_json=as_json)


@app.command()
def stop(
    name: _Name,
    grace: Annotated[float, typer.Option(min=0, max=60, help="Seconds to leave by itself.")] = 5.0,
    *,
    forget: Annotated[bool, typer.Option("--forget", help="Give its name free.")] = False,
) -> None:
    """End an agent with all that it started; it stays ended."""
    answer = _call(
        "stop_agent",
        name=name,
        grace_seconds=grace,
        forget=forget,
        confirm=True,
    )
    words = {"left": "left by itself", "gone": "had ended before"}
    how = words.get(answer["how"], f"was ended by {answer['how']}")
    left = answer.get("left_behind", 0)
    typer.echo(f"{name} {how}" + (f"; {left} more processes were ended" if left else ""))


def _manage(action: str, manual: str) -> None:
    def verb(name: _Name, *, as_json: _Json = False) -> None:
        _show_life(_call("manage_agent", name=name, action=action), as_json=as_json)

    app.command(action, help=manual)(verb)


_manage("restart", "Start an agent again, in its conversation; what runs of it is ended first.")
_manage("release", "Let an agent out of quarantine, and start it again.")
_manage("suspend", "Have an agent stand still until it is resumed.")
_manage("resume", "Let a suspended agent go on.")
_manage("interrupt", "End an agent's turn, and leave it running.")


@app.command()
def forensics(name: _Name, *, as_json: _Json = False) -> None:
    """Show how an agent's processes ended: why, its last screen, and what was left running."""
    answer = _call("manage_agent", name=name, action="forensics")
    if as_json:
        print_json(answer)
        return
    if not answer["ends"]:
        typer.echo(f"{name} has not ended yet")
    for end in answer["ends"]:
        crash = "crash" if end["crash"] else "end"
        typer.secho(f"{end['at']}  life {end['epoch']}  {crash}: {end['reason']}", bold=True)
        for row in end["screen"]:
            typer.echo(f"  │ {row}")
        for process in end["processes"]:
            typer.echo(f"  left running: {process}")


@app.command()
def sweep(
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: _Json = False,
) -> None:
    """End processes that ended agents left running, after showing them."""
    found = _call("manage_agent", action="orphans")["orphans"]
    if as_json and not yes:
        print_json({"orphans": found})
        return
    if not found:
        typer.echo("nothing was left behind")
        return
    for one in found:
        mebibytes = one["memory_bytes"] / 2**20
        typer.echo(f"{one['pid']:8}  {mebibytes:7.1f} MiB  {one['command'][:60]}  ({one['why']})")
    if not yes and not typer.confirm(f"End these {len(found)} processes?"):
        return
    swept = _call("manage_agent", action="sweep")["orphans"]
    if as_json:
        print_json({"orphans": swept})
    else:
        typer.echo(f"{len(swept)} processes were ended")


@app.command()
def resources(*, as_json: _Json = False) -> None:
    """Show what each running agent takes of the machine, with all that it started."""
    answer = ask_http("GET", "/v1/process-trees")
    if as_json:
        print_json(answer)
        return
    for one in answer["trees"]:
        typer.echo(plain(_tree_row(one), " "))
    typer.echo(plain(f"limits: {answer['held']}", " "))


def _tree_row(tree: dict[str, Any]) -> str:
    memory = f"{tree.get('memory_bytes', 0) / 1e6:.0f} MB"
    cores = tree.get("cpu_cores")
    row = (
        f"{tree['name']:24} {tree['kind']:10} {memory:>9} "
        f"{'?' if cores is None else f'{cores:.2f}':>6} cores {tree.get('process_count', 0):5} "
        f"processes  {tree.get('held_by', '')}"
    ).rstrip()
    if tree["paused"]:
        row += "  stands still"
    return f"{row}  {tree['excess']['reason']}" if "excess" in tree else row


def absolute(directory: str) -> str:
    """Return a directory as the daemon would find it; here, if none is given."""
    return str(Path(directory).expanduser().absolute())


def _call(tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    given = {key: value for key, value in arguments.items() if value not in (None, "", [], {})}
    with open_caller() as caller:
        return caller.call(tool, given)


def _show_life(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    state = f"{answer.get('state', answer['phase'])}: {answer.get('reason', '')}".rstrip(": ")
    typer.echo(f"{answer['name']}  {answer['kind']}  {answer['session_id']}  {state}")
    if answer.get("placed"):
        typer.echo(answer["placed"])


def _variables(pairs: list[str]) -> dict[str, str]:
    found = dict(pair.partition("=")[::2] for pair in pairs)
    if any("=" not in pair for pair in pairs):
        typer.echo("--env takes NAME=VALUE", err=True)
        raise typer.Exit(2)
    return found
