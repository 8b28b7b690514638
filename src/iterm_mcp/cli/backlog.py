"""``iterm-mcp backlog``: what a repository's comments say is left undone, made into tasks.

Looking needs no daemon; handing in does.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from iterm_mcp.cli.budgets import refuse_agents
from iterm_mcp.cli.http_call import ask_http
from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import print_json
from iterm_mcp.paths import find_paths, make_private_folder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.models.backlog import Mark, Plan, Scan
    from iterm_mcp.services.backlog.service import Backlog

T = TypeVar("T")

SUBMIT_SECONDS = 2000
"""Above the longest time that a repository's tests may take."""

_line = partial(plain, instead=" ")

app = typer.Typer(
    help="What a repository's comments say is left undone (TODO, FIXME, HACK, XXX), made into "
    "tasks: scan, plan, submit, progress, retry, check.",
    no_args_is_help=True,
)

Directory = Annotated[str, typer.Option("--directory", "-C", help="In the repository's checkout.")]
Commit = Annotated[str, typer.Option("--commit", help="What is looked at.")]
Paths = Annotated[list[str] | None, typer.Argument(help="Only these files and folders.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str, typer.Option("--by", help="What one task is about: mark, file or owner.")]
Sort = Annotated[str, typer.Option("--order", help="oldest, newest or path.")]
Most = Annotated[int, typer.Option("--most", help="Tasks of this batch.")]
MostUsd = Annotated[
    float | None, typer.Option("--most-cost", help="Dollars that all of them may cost.")
]
Cost = Annotated[
    float | None, typer.Option("--task-cost", help="Dollars that one costs; else from history.")
]
Tag = Annotated[list[str] | None, typer.Option("--tag", help="Only marks with this word.")]
Owner = Annotated[str, typer.Option("--owner", help="Only those of one whose name holds this.")]
Test = Annotated[
    list[str] | None,
    typer.Option("--test", help="A command that must pass; the repository's usual one else."),
]
NoTests = Annotated[bool, typer.Option("--no-tests", help="Ask for no tests at all.")]
Kind = Annotated[str, typer.Option("--kind", help="Of the agents.")]
Template = Annotated[str, typer.Option("--template", help="Of the agents.")]
Team = Annotated[str, typer.Option("--team", help="Whose budgets count it.")]


@app.command("scan")
def scan_(
    paths: Paths = None,
    directory: Directory = ".",
    commit: Commit = "HEAD",
    blame: Annotated[bool, typer.Option(help="Find out who wrote each, and when.")] = True,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List what is left undone in a commit: where, since when, and whose it is."""
    look = _look(directory, commit, paths, blame=blame)
    found = _run(lambda backlog: backlog.scan(look))
    if as_json:
        from iterm_mcp.services.backlog.answers import scan_answer

        print_json(scan_answer(found))
        return
    for one in found.marks:
        typer.echo(_row(one, found))
    typer.echo(_summary(found))


@app.command()
def plan(
    paths: Paths = None,
    directory: Directory = ".",
    commit: Commit = "HEAD",
    by: By = "mark",
    order: Sort = "oldest",
    most: Most = 20,
    most_cost: MostUsd = None,
    task_cost: Cost = None,
    tag: Tag = None,
    owner: Owner = "",
    test: Test = None,
    no_tests: NoTests = False,  # noqa: FBT002
    kind: Kind = "",
    template: Template = "",
    team: Team = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Tell which tasks would be handed in; nothing is done."""
    wanted = _wanted(
        by, order, most, most_cost, task_cost, tag, owner, test, kind, template, team,
        no_tests=no_tests,
    )  # fmt: skip
    look = _look(directory, commit, paths)
    found = _run(lambda backlog: backlog.plan(look, wanted))
    if as_json:
        from iterm_mcp.services.backlog.answers import plan_answer

        print_json(plan_answer(found))
        return
    for one in found.tasks:
        cost = "" if one.cost_usd is None else f"  ${one.cost_usd:,.2f}"
        typer.echo(_line(f"{one.spec.name}  {one.spec.kind}{cost}"))
        for mark in one.marks:
            typer.echo(f"  {_row(mark, found.scan)}")
    _tell_plan(found)


@app.command()
def submit(
    paths: Paths = None,
    directory: Directory = ".",
    commit: Commit = "HEAD",
    by: By = "mark",
    order: Sort = "oldest",
    most: Most = 20,
    most_cost: MostUsd = None,
    task_cost: Cost = None,
    tag: Tag = None,
    owner: Owner = "",
    test: Test = None,
    no_tests: NoTests = False,  # noqa: FBT002
    kind: Kind = "",
    template: Template = "",
    team: Team = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Hand a batch in, once its tests pass; a mark that has a task gets no second one."""
    refuse_agents("hand in a backlog")
    _wanted(  # so that a mistake is told as it is by plan
        by, order, most, most_cost, task_cost, tag, owner, test, kind, template, team,
        no_tests=no_tests,
    )  # fmt: skip
    given = {
        "directory": os.path.abspath(directory),  # noqa: PTH100
        "commit": commit,
        "paths": paths or [],
        "by": by,
        "order": order,
        "most_tasks": most,
        "most_usd": most_cost,
        "task_usd": task_cost,
        "tags": tag or [],
        "owner": owner,
        "tests": [] if no_tests else test or None,
        "kind": kind,
        "template": template,
        "team": team,
    }
    found = ask_http("POST", "/v1/backlog/submit", given, seconds=SUBMIT_SECONDS)
    if as_json:
        print_json(found)
        return
    for one in found["tasks"]:
        typer.echo(_line(f"{one['task_id']}  {one['name']}  {len(one['marks'])} marks"))
    typer.echo(f"{len(found['tasks'])} tasks; {found['submitted']} marks had one already")
    for why, count in found["beyond"].items():
        typer.echo(f"{count} marks are left for later: {why}")


@app.command()
def progress(
    directory: Directory = ".",
    commit: Commit = "HEAD",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Tell what is done, failed, at work and left, and what it cost."""
    found = ask_http("GET", f"/v1/backlog/progress?{_query(directory, commit)}", seconds=300)
    if as_json:
        print_json(found)
        return
    from iterm_mcp.services.backlog.progress import told

    for line in told(found):
        typer.echo(_line(line))


@app.command()
def retry(directory: Directory = ".", commit: Commit = "HEAD") -> None:
    """Let marks have another task whose task was purged, is dead or was cancelled."""
    refuse_agents("hand in a backlog")
    given = {"directory": os.path.abspath(directory), "commit": commit}  # noqa: PTH100
    marks = ask_http("POST", "/v1/backlog/renew", given, seconds=300)["marks"]
    typer.echo(f"{len(marks)} marks may have another task; submit hands them in")


@app.command()
def check(
    spots: Annotated[list[str], typer.Argument(help="PATH:LINE of marks in that commit.")],
    commit: Annotated[str, typer.Option("--commit", help="In which they stood.")],
    tag: Annotated[list[str], typer.Option("--tag", help="The words that they have.")],
    directory: Directory = ".",
) -> None:
    """See whether marks are gone from a checkout, and not only moved or reworded.

    Exit code 1 when one is not: this is what a task's work is held against.
    """
    import anyio

    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.services.backlog.checking import check_gone, read_spot

    try:
        wanted = [read_spot(one) for one in spots]
        left = anyio.run(check_gone, os.path.abspath(directory), commit, wanted, tag)  # noqa: PTH100
    except ItermMcpError as error:
        _fail(error)
    for spot, why in left.items():
        typer.echo(_line(f"{spot} is not gone: {why}"), err=True)
    if left:
        raise typer.Exit(1)
    typer.echo(f"all {len(wanted)} are gone")


def _query(directory: str, commit: str) -> str:
    from urllib.parse import urlencode

    return urlencode({"directory": os.path.abspath(directory), "commit": commit})  # noqa: PTH100


def _look(directory: str, commit: str, paths: list[str] | None, *, blame: bool = True) -> Any:  # noqa: ANN401 - loaded by the verbs that need it
    from iterm_mcp.services.backlog.scanning import Look

    return Look(os.path.abspath(directory), commit, tuple(paths or ()), blame)  # noqa: PTH100


def _wanted(
    by: str,
    order: str,
    most: int,
    most_cost: float | None,
    task_cost: float | None,
    tag: list[str] | None,
    owner: str,
    test: list[str] | None,
    kind: str,
    template: str,
    team: str,
    *,
    no_tests: bool,
) -> Any:  # noqa: ANN401 - as above
    from iterm_mcp.models.backlog import Grouping, Order
    from iterm_mcp.services.backlog.batching import Limits
    from iterm_mcp.services.backlog.planning import Wanted

    for given, words, name in ((by, Grouping, "--by"), (order, Order, "--order")):
        if given not in set(words):
            raise typer.BadParameter(f"one of {', '.join(words)}", param_hint=name)
    return Wanted(
        by=Grouping(by),
        order=Order(order),
        limits=Limits(most_tasks=most, most_usd=most_cost),
        tags=tuple(tag or ()),
        owner=owner,
        kind=kind,
        template=template,
        tests=() if no_tests else tuple(test) if test else None,
        cost_usd=task_cost,
        team=team,
    )


def _run(work: Callable[[Backlog], Awaitable[T]]) -> T:
    """Do something with the backlog; an expected error is told, with exit code 1."""
    import anyio

    from iterm_mcp.errors import ItermMcpError

    async def run() -> T:
        async with _open() as backlog:
            return await work(backlog)

    try:
        return anyio.run(run)
    except ItermMcpError as error:
        _fail(error)


@asynccontextmanager
async def _open() -> AsyncIterator[Backlog]:
    from iterm_mcp.clock import SystemClock
    from iterm_mcp.services.backlog.service import Backlog
    from iterm_mcp.store import open_store

    paths = find_paths()
    make_private_folder(paths.state)
    clock = SystemClock()
    async with open_store(paths.database, clock) as store:
        yield Backlog(store.backlogs, paths.backlog_settings, clock)


def _row(one: Mark, found: Scan) -> str:
    age = ""
    if one.written_at is not None:
        days = max((found.at - one.written_at).days, 0)
        age = f"  {days} d"
    owner = f"  {one.owner}" if one.owner else ""
    function = f"  in {one.function}" if one.function else ""
    return _line(
        f"{one.mark_id}  {one.path}:{one.line}  {one.tag} {one.text}{owner}{age}{function}"
    )


def _summary(found: Scan) -> str:
    text = f"{len(found.marks)} marks in {found.files} files of {found.commit[:9]}"
    skipped = ", ".join(f"{count} {why}" for why, count in sorted(found.skipped.items()))
    text += f"; files not looked at: {skipped}" if skipped else ""
    text += f"; {found.left_out} more are left out (most_marks)" if found.left_out else ""
    return _line(text)


def _tell_plan(found: Plan) -> None:
    cost = "" if found.cost_usd is None else f", probably ${found.cost_usd:,.2f}"
    typer.echo(f"{len(found.tasks)} tasks{cost}; {found.submitted} marks have one already")
    for why, count in found.beyond.items():
        typer.echo(f"{count} marks are left for later: {why}")
    tests = "; ".join(found.tests) or "none, as no file says how they are run"
    typer.echo(_line(f"tests that must pass before and after: {tests}"))


def _fail(error: ItermMcpError) -> NoReturn:
    typer.echo(_line(f"iterm-mcp: {error}. {error.hint}".rstrip(". ") + "."), err=True)
    raise typer.Exit(1) from None
