"""``iterm-mcp tasks``: changing what was asked for, and what is held back or comes again."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import open_caller, print_json

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Id = Annotated[str, typer.Argument(help="A task's id.")]
_Scope = Annotated[
    str,
    typer.Argument(help="everything, team:NAME, repository:PATH, kind:KIND or account:NAME."),
]
_Machine = Annotated[str, typer.Argument(help="From machines.")]

_DONE = {
    "purge": "forgotten",
    "pause": "nothing more of it starts, what runs goes on",
    "resume": "may start again",
    "unschedule": "is not submitted any more, what was submitted stays",
    "drain": "takes nothing new, what it works on goes on",
    "undrain": "takes tasks again",
}
"""What is said of what leaves no task to show."""


def add_to(app: typer.Typer) -> None:
    """Give the verbs of this file to an application."""
    for verb in (
        cancel, retry, answer, fork, purge, pause, resume, schedule, schedules, unschedule,
        machines, drain, undrain,
    ):  # fmt: skip
        app.command()(verb)


def cancel(
    target: Annotated[str, typer.Argument(help="Of a task, a graph or what is shared.")],
    reason: Annotated[str, typer.Option(help="It is kept with the task.")] = "",
    as_json: _Json = False,  # noqa: FBT002
) -> None:
    """End a task, or a graph; what runs ends as soon as what it opened is closed."""
    _change("cancel", target, reason, as_json=as_json)


def retry(task_id: _Id, as_json: _Json = False) -> None:  # noqa: FBT002
    """Try a dead or cancelled task anew."""
    _change("retry", task_id, as_json=as_json)


def answer(
    task_id: _Id,
    text: Annotated[str, typer.Argument(help="What is answered.")],
    as_json: _Json = False,  # noqa: FBT002
) -> None:
    """Answer what a task asks."""
    _change("answer", task_id, text, as_json=as_json)


def fork(
    task_id: _Id,
    step: Annotated[str, typer.Argument(help="prepare, begin, supervise or collect.")] = "collect",
    as_json: _Json = False,  # noqa: FBT002
) -> None:
    """Try a dead or cancelled task again from a step on, keeping what was done before it."""
    _change("fork", task_id, step, as_json=as_json)


def purge(task_id: _Id, as_json: _Json = False) -> None:  # noqa: FBT002
    """Forget a settled task."""
    _change("purge", task_id, as_json=as_json)


def pause(scope: _Scope = "everything", as_json: _Json = False) -> None:  # noqa: FBT002
    """Start no more tasks of a scope; what runs goes on."""
    _change("pause", scope, as_json=as_json)


def resume(scope: _Scope = "everything", as_json: _Json = False) -> None:  # noqa: FBT002
    """Let tasks of a scope start again."""
    _change("resume", scope, as_json=as_json)


def schedule(
    name: Annotated[str, typer.Argument(help="The schedule's name; the same one is replaced.")],
    file: Annotated[str, typer.Argument(help="A document in YAML or JSON; - is stdin.")],
    cron: Annotated[str, typer.Option(help="Five fields: '0 6 * * 1-5'.")] = "",
    at: Annotated[str, typer.Option(help="Once, then: 2026-01-31T12:00:00Z.")] = "",
    zone: Annotated[str, typer.Option(help="In which the fields are meant.")] = "UTC",
    var: Annotated[list[str] | None, typer.Option("--var", help="name=value.")] = None,
    as_json: _Json = False,  # noqa: FBT002
) -> None:
    """Have a document submitted again and again, or once at a time."""
    from iterm_mcp.cli.tasks import read_document, read_variables

    asked: dict[str, Any] = {
        "document": read_document(file), "variables": read_variables(var),
        "schedule": name, "cron": cron, "zone": zone,
    }  # fmt: skip
    with open_caller() as caller:
        made = caller.call("submit_tasks", {**asked, **({"at": at} if at else {})})
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{plain(name)}: next at {made.get('next_at', 'no time')}")


def schedules(as_json: _Json = False) -> None:  # noqa: FBT002
    """List what is submitted again and again, or at a time."""
    _listed("schedules", as_json=as_json)


def unschedule(
    name: Annotated[str, typer.Argument(help="The schedule's name.")],
    as_json: _Json = False,  # noqa: FBT002
) -> None:
    """Forget a schedule; what it has submitted stays."""
    _change("unschedule", name, as_json=as_json)


def machines(as_json: _Json = False) -> None:  # noqa: FBT002
    """List the machines that work on these tasks."""
    with open_caller() as caller:
        found = caller.call("list_tasks", {"what": "machines"})
    if as_json:
        print_json(found)
        return
    for one in found["machines"]:
        state = "gone" if not one["alive"] else "draining" if one["draining"] else "alive"
        labels = " ".join(f"{name}={value}" for name, value in one["labels"].items())
        runs = f"{one['running']} of {one['capacity']}"
        typer.echo(plain(f"{one['name']:<24} {state:<9} {runs:>12}  {labels}").rstrip())
    if "shared_backlog" in found:
        part = found["shared_backlog"]
        names = ", ".join(part.get("machines", ())) or "none"
        typer.echo(plain(f"the shared backlog: {names}; {part['taken']} taken here"))
        if "problem" in part:
            typer.echo(plain(f"  Redis cannot be had: {part['problem']}"))


def drain(machine: _Machine, as_json: _Json = False) -> None:  # noqa: FBT002
    """Have a machine take nothing new; what it works on goes on."""
    _change("drain", machine, as_json=as_json)


def undrain(machine: _Machine, as_json: _Json = False) -> None:  # noqa: FBT002
    """Let a machine take tasks again."""
    _change("undrain", machine, as_json=as_json)


def _change(action: str, target: str, text: str = "", *, as_json: bool) -> None:
    with open_caller() as caller:
        found = caller.call("change_tasks", {"action": action, "target": target, "text": text})
    if as_json:
        print_json(found)
    for one in [] if as_json else found.get("tasks", []):
        typer.echo(plain(f"{one['task_id']}  {one['state']}  {one['name']}"))
    if not as_json and "done" in found:
        typer.echo(plain(f"{target}: {_DONE[action]}"))


def _listed(what: str, *, as_json: bool) -> None:
    with open_caller() as caller:
        found = caller.call("list_tasks", {"what": what})
    if as_json:
        print_json(found)
        return
    for one in found[what]:
        typer.echo(plain(json.dumps(one, ensure_ascii=False)))
