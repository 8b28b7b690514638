"""``iterm-mcp worktrees``: git worktrees that are removed only when nothing is lost.

It needs no daemon: what is known of worktrees stands beside them on the disk.
"""

from __future__ import annotations

import getpass
import os
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import print_json
from iterm_mcp.paths import find_paths

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.models.worktrees import Worktree, WorktreeFacts
    from iterm_mcp.services.worktrees.service import Worktrees

T = TypeVar("T")

_line = partial(plain, instead=" ")

app = typer.Typer(
    help="Git worktrees for agents: create, list, show, update, land, remove, restore, gc.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The worktree's name.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
How = Annotated[str, typer.Option("--how", help="merge, rebase or squash.")]


@app.command()
def create(
    name: Name,
    directory: Annotated[
        str, typer.Option("--directory", "-C", help="In the checkout to make it from.")
    ] = ".",
    start: Annotated[
        str, typer.Option("--from", help="A branch or commit; what is checked out if left out.")
    ] = "",
    branch: Annotated[str, typer.Option(help="Its new branch; iterm-mcp/NAME if left out.")] = "",
    owner: Annotated[str, typer.Option(help="Whose it is; you if left out.")] = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Make a worktree on a new branch; prints its path. Asked again, it is the same one."""
    from iterm_mcp.services.worktrees.service import Wish

    wish = Wish(name, os.path.abspath(directory), owner or getpass.getuser(), start, branch)  # noqa: PTH100
    made = _run(lambda all_: all_.create(wish))
    if as_json:
        print_json(_told(made))
    else:
        typer.echo(made.path)
    if made.problem:
        typer.echo(_line(f"its set-up failed: {made.problem}"), err=True)
        raise typer.Exit(1)


@app.command("list")
def show_all(
    directory: Annotated[
        str, typer.Option("--directory", "-C", help="Only those of this repository.")
    ] = "",
    removed: Annotated[bool, typer.Option("--removed", help="Those that are gone, too.")] = False,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List the worktrees: state, commits, changes, size, and why each is kept."""
    where = os.path.abspath(directory) if directory else ""  # noqa: PTH100
    found = _run(lambda all_: all_.listed(where, removed=removed))
    if as_json:
        print_json({"worktrees": [_facts(one) for one in found]})
        return
    for one in found:
        typer.echo(_row(one))
    if not found:
        typer.echo("there are none; iterm-mcp worktrees create NAME makes one")


@app.command()
def show(name: Name, as_json: Json = False) -> None:  # noqa: FBT002
    """Tell all about a worktree."""
    found = _run(lambda all_: all_.show(name))
    if as_json:
        print_json(_facts(found))
        return
    for key, value in _facts(found).items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        typer.echo(_line(f"{key.replace('_', ' ')}: {shown}"))


@app.command()
def update(name: Name, how: How = "merge") -> None:
    """Bring what is new in its base branch into a worktree; exit code 2 on conflicts."""
    joining = _joining(how, "merge", "rebase")
    _tell(_run(lambda all_: all_.bring_up(name, joining)), "is up to date")


@app.command("continue")
def go_on(name: Name) -> None:
    """Go on once conflicts are settled in its files; exit code 2 when more come up."""
    _tell(_run(lambda all_: all_.go_on(name)), "is settled")


@app.command()
def abort(name: Name) -> None:
    """Give up a merge or rebase that waits for conflicts."""
    _tell(_run(lambda all_: all_.abort(name)), "is as it was before")


@app.command()
def land(
    name: Name,
    how: How = "merge",
    message: Annotated[str, typer.Option("--message", "-m", help="Of the commit made.")] = "",
) -> None:
    """Bring its commits into its base branch, all or none; exit code 2 on conflicts."""
    joining = _joining(how, "merge", "rebase", "squash")
    landed = _run(lambda all_: all_.land(name, joining, message))
    _tell(landed, f"has landed on {landed.base_branch}")


@app.command()
def remove(
    name: Name,
    force: Annotated[  # noqa: FBT002
        bool, typer.Option("--force", help="Also unmerged or uncommitted work; it is kept.")
    ] = False,
) -> None:
    """Remove a worktree and its branch; all that was in it can be restored."""
    gone = _run(lambda all_: all_.remove(name, force=force))
    kept = f"; restore it with: iterm-mcp worktrees restore {name}" if gone.salvage else ""
    typer.echo(f"{name} is removed{kept}")


@app.command()
def restore(name: Name) -> None:
    """Have a removed worktree back, uncommitted files included; prints its path."""
    typer.echo(_run(lambda all_: all_.restore(name)).path)


@app.command()
def gc(
    dry_run: Annotated[  # noqa: FBT002
        bool, typer.Option("--dry-run", help="Only tell what would be removed.")
    ] = False,
) -> None:
    """Remove every worktree in which nothing would be lost: merged, clean, and unused."""
    done = _run(lambda all_: all_.collect(only_look=dry_run))
    for one in done.removed:
        typer.echo(_line(f"{'would remove' if dry_run else 'removed'} {one.name}"))
    for facts in done.kept:
        typer.echo(_line(f"kept {facts.worktree.name}: {'; '.join(facts.kept_because)}"))
    for reference in done.forgotten:
        typer.echo(_line(f"forgotten {reference}"))
    for name, why in done.failed.items():
        typer.echo(_line(f"kept {name}: {why}"), err=True)
    if done.failed:
        raise typer.Exit(1)


def _run(work: Callable[[Worktrees], Awaitable[T]]) -> T:
    """Do something with the worktrees; an expected error is told, with exit code 1."""
    import anyio

    from iterm_mcp.clock import SystemClock
    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.services.worktrees.service import Worktrees

    paths = find_paths()
    worktrees = Worktrees(paths.worktrees, paths.worktree_settings, SystemClock())

    async def run() -> T:
        return await work(worktrees)

    try:
        return anyio.run(run)
    except ItermMcpError as error:
        typer.echo(_line(f"iterm-mcp: {error}. {error.hint}".rstrip(". ") + "."), err=True)
        raise typer.Exit(1) from None


def _joining(how: str, *known: str) -> Any:  # noqa: ANN401 - loaded by the verbs that need it
    from iterm_mcp.models.worktrees import Joining

    if how not in known:
        raise typer.BadParameter(f"one of {', '.join(known)}", param_hint="--how")
    return Joining(how)


def _tell(worktree: Worktree, done: str) -> None:
    if not worktree.conflicts:
        typer.echo(_line(f"{worktree.name} {done}"))
        return
    typer.echo(_line(f"conflicts in {worktree.path}:"), err=True)
    for name in worktree.conflicts:
        typer.echo(_line(f"  {name}"), err=True)
    typer.echo(f"settle them there, then: iterm-mcp worktrees continue {worktree.name}", err=True)
    raise typer.Exit(2)


def _told(worktree: Worktree) -> dict[str, Any]:
    value = {**asdict(worktree), "created_at": worktree.created_at.isoformat()}
    return {key: one for key, one in value.items() if one not in ("", None, ())}


def _facts(facts: WorktreeFacts) -> dict[str, Any]:
    value = {**_told(facts.worktree), **asdict(facts)}
    del value["worktree"]
    return {
        key: list(one) if isinstance(one, tuple) else one
        for key, one in value.items()
        if one not in ("", None)
    }


def _row(facts: WorktreeFacts) -> str:
    one = facts.worktree
    row = f"{one.name}  {one.state}  {one.branch}  {one.owner}"
    if facts.head:
        row += f"  +{facts.ahead} -{facts.behind}  {facts.changed} changed"
        row += f"  {facts.size_bytes / 1e6:.1f} MB"
    row += f"  {facts.merged}" if facts.merged else ""
    row += f"  stays: {'; '.join(facts.kept_because)}" if facts.kept_because else ""
    return _line(row)
