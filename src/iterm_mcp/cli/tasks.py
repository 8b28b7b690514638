"""``iterm-mcp tasks``: durable work, asked for, listed, explained, waited for."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

import iterm_mcp.cli.task_changes as changes
from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import ToolCaller, open_caller, print_json

app = typer.Typer(
    help="Work that outlives every restart: submit, graph, list, show, draw, wait; cancel, retry, "
    "answer, fork, purge; pause, resume; schedule; machines.",
    no_args_is_help=True,
)
WAIT_SECONDS = 3600.0
PATIENCE_SECONDS = 3.0
"""After this it is told why what is waited for has not started."""

UNSETTLED, FAILED = 2, 1

_line = partial(plain, instead=" ")

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_File = Annotated[str, typer.Argument(help="A document in YAML or JSON; - is stdin.")]
_Var = Annotated[list[str] | None, typer.Option("--var", help="name=value; JSON where it is such.")]
_Key = Annotated[str, typer.Option(help="Asked again with the same key, it is the same.")]
_Wait = Annotated[bool, typer.Option("--wait", help="Until it has settled.")]
_Shared = Annotated[
    bool, typer.Option("--shared", help="On whichever machine of the shared backlog has room.")
]


@app.command()
def submit(
    work: Annotated[
        str, typer.Argument(help="A command line; or, with --kind, the agent's order.")
    ],
    kind: Annotated[str, typer.Option(help="Of an agent: claude, codex …; auto chooses.")] = "",
    kind_of_work: Annotated[
        str, typer.Option("--work", help="The kind of work, such as bugfix: auto chooses by it.")
    ] = "",
    name: Annotated[str, typer.Option(help="What people call it.")] = "task",
    directory: Annotated[str, typer.Option("--directory", "-C", help="Where it works.")] = ".",
    template: Annotated[str, typer.Option(help="Of the agent.")] = "",
    worktree: Annotated[bool, typer.Option("--worktree", help="In a worktree of its own.")] = False,  # noqa: FBT002
    team: Annotated[str, typer.Option(help="Whose limits count it.")] = "",
    priority: Annotated[int, typer.Option(help="Higher goes first.")] = 0,
    deadline: Annotated[str, typer.Option(help="Of an attempt: 90s, 20m, 1h.")] = "",
    attempts: Annotated[int, typer.Option(min=0, help="At most; 0 is 3.")] = 0,
    accept: Annotated[
        list[str] | None, typer.Option(help="A command that must pass before it counts as done.")
    ] = None,
    commit: Annotated[bool, typer.Option("--commit", help="It must have made a commit.")] = False,  # noqa: FBT002
    key: _Key = "",
    shared: _Shared = False,  # noqa: FBT002
    wait: _Wait = False,  # noqa: FBT002
    as_json: _Json = False,  # noqa: FBT002
) -> None:
    """Queue one task; prints its id."""
    task: dict[str, Any] = {"directory": str(Path(directory).resolve())}
    task |= {"kind": kind, "prompt": work} if kind else {"run": work}
    given = {
        "work": kind_of_work, "template": template, "worktree": worktree, "team": team,
        "priority": priority, "deadline": deadline,
        "retry": {"attempts": attempts} if attempts else None,
    }  # fmt: skip
    task |= {name: value for name, value in given.items() if value}
    if accept or commit:
        task["accept"] = {"commands": accept or [], "commit": commit}
    document = json.dumps({"graph": name, "tasks": {name: task}})
    with open_caller() as caller:
        made = caller.call("submit_tasks", {"document": document, "key": key, "shared": shared})
        made_id = made["shared_id"] if shared else next(iter(made["tasks"].values()))
        if wait:
            _wait(caller, [made_id], WAIT_SECONDS, as_json=as_json)
    if as_json:
        print_json(made if shared else {"task_id": made_id, "graph_id": made["graph_id"]})
    else:
        typer.echo(made_id)


@app.command()
def graph(
    file: _File,
    var: _Var = None,
    key: _Key = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,  # noqa: FBT002
    shared: _Shared = False,  # noqa: FBT002
    wait: _Wait = False,  # noqa: FBT002
    as_json: _Json = False,  # noqa: FBT002
) -> None:
    """Queue the graph of a document, all of it or nothing; prints its id."""
    arguments = {"document": read_document(file), "variables": read_variables(var), "key": key}
    with open_caller() as caller:
        made = caller.call("submit_tasks", {**arguments, "dry_run": dry_run, "shared": shared})
        made_id = made["shared_id" if shared else "graph_id"] if not dry_run else ""
        if wait and not dry_run:
            _wait(caller, [made_id], WAIT_SECONDS, as_json=as_json)
    if as_json:
        print_json(made)
    elif dry_run:
        typer.echo("\n".join(_line(one) for one in made["plan"]))
    else:
        typer.echo(made_id)


@app.command("list")
def show_all(
    state: Annotated[list[str] | None, typer.Option(help="Only those; dead, queued ….")] = None,
    graph_id: Annotated[str, typer.Option("--graph", help="Only of this graph.")] = "",
    team: Annotated[str, typer.Option(help="Only of this team.")] = "",
    text: Annotated[str, typer.Option(help="In the name or the prompt.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    as_json: _Json = False,  # noqa: FBT002
) -> None:
    """List tasks, the newest first."""
    asked = {"states": state or [], "graph": graph_id, "team": team, "text": text, "limit": limit}
    with open_caller() as caller:
        found = caller.call("list_tasks", asked)
    if as_json:
        print_json(found)
        return
    for one in found["tasks"]:
        typer.echo(_row(one))
    counts = ", ".join(f"{many} {state}" for state, many in found["counts"].items())
    typer.echo(f"in all: {counts or 'none'}", err=True)


@app.command()
def show(
    task_id: Annotated[str, typer.Argument(help="From list.")],
    as_json: _Json = False,  # noqa: FBT002
) -> None:
    """Show a task: why it waits or failed, its attempts and its result."""
    with open_caller() as caller:
        found = caller.call("show_task", {"task_id": task_id})
    if as_json:
        print_json(found)
        return
    if "shared_id" in found:
        _show_shared(found)
        return
    typer.echo(_row(found))
    _say_why(found)
    for one in found["attempts"]:
        told = f": {_line(one['reason'])}" if one.get("reason") else ""
        typer.echo(f"  attempt {one['number']} {one.get('outcome', 'runs')}{told}")
    for failure in found.get("failed_because", []):
        for problem in failure.get("problems", []):
            typer.echo(f"  attempt {failure['number']}: {_line(problem)}")
        if "evidence" in failure:
            typer.echo(
                f"  attempt {failure['number']}: what was kept: {_line(failure['evidence'])}"
            )
    for one in found.get("worktrees_kept", []):
        why = "; ".join(one.get("because", ())) or "nothing; iterm-mcp worktrees gc takes it"
        typer.echo(f"  worktree {_line(one['worktree'])} is kept for {_line(why)}")
    if "result" in found:
        typer.echo(json.dumps(found["result"], indent=2, ensure_ascii=False))


def _say_why(found: dict[str, Any]) -> None:
    """Say why a task is done by whom it is, and what it waits for."""
    because = found.get("spec", {}).get("strategy", {}).get("because")
    if because:
        typer.echo(f"  chosen: {_line(because)}")
    for sentence in found.get("waits_for", []):
        typer.echo(f"  waits: {_line(sentence)}")


@app.command()
def draw(
    graph_id: Annotated[str, typer.Argument(help="A graph's id.")],
    as_json: _Json = False,  # noqa: FBT002
) -> None:
    """Draw a graph, with the states of its tasks."""
    with open_caller() as caller:
        found = caller.call("list_tasks", {"what": "graph", "graph": graph_id})
    if as_json:
        print_json(found)
    else:
        typer.echo(found["drawing"])


@app.command()
def wait(
    ids: Annotated[list[str], typer.Argument(help="Tasks or graphs.")],
    seconds: Annotated[float, typer.Option(min=0, help="At most.")] = WAIT_SECONDS,
    as_json: _Json = False,  # noqa: FBT002
) -> None:
    """Wait until tasks have settled. Exit code 0: all succeeded; 1: one did not; 2: not settled."""
    with open_caller() as caller:
        _wait(caller, ids, seconds, as_json=as_json)


def _wait(caller: ToolCaller, ids: list[str], seconds: float, *, as_json: bool) -> NoReturn:
    def told(text: str) -> None:
        if sys.stderr.isatty():
            typer.echo(f"\r{_line(text)}  ", nl=False, err=True)

    patience = min(PATIENCE_SECONDS, seconds)
    found = caller.call("wait_tasks", {"ids": ids, "seconds": patience}, on_progress=told)
    left = min(seconds, WAIT_SECONDS) - patience
    if left > 0 and not found["settled"] and not _asks(found):
        for one in found["tasks"]:
            for sentence in one.get("waits_for", []):
                typer.echo(_line(f"{one['name']} waits: {sentence}"), err=True)
        found = caller.call("wait_tasks", {"ids": ids, "seconds": left}, on_progress=told)
    if as_json:
        print_json(found)
    else:
        for one in found["tasks"]:
            typer.echo(_row(one))
        for one in found.get("shared", []):
            _show_shared(one)
    bad = any(one["state"] not in {"succeeded", "skipped"} for one in found["tasks"])
    bad = bad or not all(one.get("succeeded") for one in found.get("shared", []))
    raise typer.Exit((FAILED if bad else 0) if found["settled"] else UNSETTLED)


def _show_shared(one: dict[str, Any]) -> None:
    where = f"  on {one['machine']}" if "machine" in one else ""
    why = f"  ({one['reason']})" if "reason" in one else ""
    typer.echo(_line(f"{one['shared_id']}  {one['state']:<8}{where}{why}"))
    for name, task in one.get("tasks", {}).items():
        told = f"  ({task['reason']})" if "reason" in task else ""
        typer.echo(_line(f"  {task['state']:<11} {name}{told}"))
        if "output" in task.get("result", {}):
            typer.echo(_line(f"    {json.dumps(task['result']['output'], ensure_ascii=False)}"))


def _asks(found: dict[str, Any]) -> bool:
    """Tell whether nothing more happens before a person has answered."""
    left = [one for one in found["tasks"] if "settled_at" not in one]
    if any("succeeded" not in one for one in found.get("shared", [])):
        return False
    return all(one["state"] == "needs_input" for one in left)


def _row(one: dict[str, Any]) -> str:
    why = one.get("question") or one.get("reason") or ""
    return _line(
        f"{one['task_id']}  {one['state']:<11} {one['kind']:<8} {one['name']}"
        + (f"  ({why})" if why else "")
    )


def read_document(file: str) -> str:
    """Return a document's text; exit with 1 where it cannot be read."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        typer.echo(f"{os.fspath(file)}: {error}", err=True)
        raise typer.Exit(1) from None


def read_variables(given: list[str] | None) -> dict[str, Any]:
    """Return variables; exit with 1 where one has no value."""
    found: dict[str, Any] = {}
    for one in given or []:
        name, sign, value = one.partition("=")
        if not sign:
            typer.echo(f"{one}: write it as name=value", err=True)
            raise typer.Exit(1)
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


changes.add_to(app)  # below those of this file, in its help
