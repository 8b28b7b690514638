"""``iterm-mcp choosing``: how work was done and how that went, and what would be chosen now.

It needs no daemon: what is remembered is read from the state folder.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import print_json
from iterm_mcp.paths import find_paths, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.models.choosing import Drift, Weighed
    from iterm_mcp.services.choosing.chooser import Chooser

T = TypeVar("T")

_line = partial(plain, instead=" ")

app = typer.Typer(
    help="Who does which work, and how that is chosen (choosing.toml in the state folder): "
    "show, explain, compare, check.",
    no_args_is_help=True,
)

Task = Annotated[str, typer.Option("--task", help="The kind of work, such as backlog.")]
Seed = Annotated[int | None, typer.Option(help="Of the draws; the same one draws the same.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def show(
    task: Annotated[str | None, typer.Option("--task", help="Only this kind of work.")] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List the arms of each kind of work: successes, cost, seconds, and what has changed."""

    async def look(chooser: Chooser) -> tuple[dict[str, tuple[Weighed, ...]], list[Drift]]:
        found = await chooser.known()
        found = {key: one for key, one in found.items() if task in {None, key}}
        drifts = [
            drift
            for key, those in found.items()
            for one in those
            if (drift := await chooser.drift(key, one.arm)) is not None
        ]
        return found, drifts

    found, drifts = _run(look)
    if as_json:
        print_json(
            {
                "tasks": {key: [asdict(one) for one in those] for key, those in found.items()},
                "drifts": [asdict(one) for one in drifts],
            }
        )
        return
    from iterm_mcp.services.choosing.wording import drift_line, row

    for key, those in found.items():
        typer.echo(_line(f"{key or 'work of no kind'}:"))
        for one in those:
            typer.echo(_line(row(one)))
        for drift in drifts:
            if drift.task == key:
                typer.echo(_line(f"  ! {drift_line(drift)}"))
    if not any(found.values()):
        typer.echo(f"nothing is known yet, and {find_paths().choosing} declares no arm")


@app.command()
def explain(task: Task = "", seed: Seed = None, as_json: Json = False) -> None:  # noqa: FBT002
    """Tell what would be chosen now, and why: arms, what is known of each, and the draws."""
    found = _run(lambda chooser: chooser.explain(task), seed)
    if as_json:
        print_json(asdict(found))
        return
    from iterm_mcp.services.choosing.wording import choice_lines

    for line in choice_lines(found):
        typer.echo(_line(line))


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="An arm.")],
    b: Annotated[str, typer.Argument(help="The other one.")],
    task: Task = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Hold two arms against each other: success, dollars and seconds, and how sure that is."""
    found = _run(lambda chooser: chooser.compare(task, a, b))
    if as_json:
        print_json(asdict(found))
        return
    from iterm_mcp.services.choosing.wording import comparison_lines

    for line in comparison_lines(found):
        typer.echo(_line(line))


@app.command()
def check(
    file: Annotated[str, typer.Argument(help="The one in force if left out.")] = "",
) -> None:
    """See whether a file of arms and rules can be used; exit code 1 when it cannot."""
    from iterm_mcp.errors import InvalidRequestError
    from iterm_mcp.services.choosing.choosing_file import read_choosing

    path = file or find_paths().choosing
    try:
        settings = read_choosing(path)
    except InvalidRequestError as error:
        typer.echo(_line(f"{error}. {error.hint}"), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{path}: {settings.method}, {len(settings.arms)} arms, {len(settings.rules)} rules")


def _run(work: Callable[[Chooser], Awaitable[T]], seed: int | None = None) -> T:
    """Ask the chooser something; an expected error is told, with exit code 1."""
    from random import Random

    import anyio

    from iterm_mcp.clock import SystemClock
    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.services.choosing.chooser import Chooser
    from iterm_mcp.store import open_store

    paths = find_paths()
    make_private_folder(paths.state)
    clock = SystemClock()

    async def run() -> T:
        async with open_store(paths.database, clock) as store:
            return await work(
                Chooser(store.outcomes, paths.choosing, clock, Random(seed))  # noqa: S311 - no secret
            )

    try:
        return anyio.run(run)
    except ItermMcpError as error:
        typer.echo(_line(f"iterm-mcp: {error}. {error.hint}".rstrip(". ") + "."), err=True)
        raise typer.Exit(1) from None
