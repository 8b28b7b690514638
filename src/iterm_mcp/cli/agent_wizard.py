"""``iterm-mcp agents new``: asks what an agent shall be, keeps it as a template, and starts it."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from iterm_mcp.cli.agent_verbs import absolute, start
from iterm_mcp.cli.agents import KINDS_VARIABLE, app
from iterm_mcp.paths import find_paths, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["app"]

_Text = str | None


@app.command()
def new(
    kind: Annotated[_Text, typer.Option(help="claude, codex, gemini, shell …")] = None,
    name: Annotated[_Text, typer.Option(help="Of the agent; empty: made up.")] = None,
    directory: Annotated[_Text, typer.Option("--directory", "-C")] = None,
    prompt: Annotated[_Text, typer.Option("--prompt", "-p", help="Its first order.")] = None,
    model: Annotated[_Text, typer.Option(help="Empty: the kind's own choice.")] = None,
    role: Annotated[_Text, typer.Option(help="What it is for, in a few words.")] = None,
    team: Annotated[_Text, typer.Option(help="Teams, with commas.")] = None,
    permissions: Annotated[_Text, typer.Option(help="The kind's own word.")] = None,
    save: Annotated[_Text, typer.Option(help="Keep all this as a template of this name.")] = None,
    *,
    trust: Annotated[
        bool | None, typer.Option("--trust/--ask", help="Whether its directory is trusted.")
    ] = None,
    run: Annotated[bool | None, typer.Option("--start/--no-start")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
) -> None:
    """Ask what an agent shall be, step by step; what is given as an option is not asked."""
    from iterm_mcp.agents.kinds import all_kinds

    with _all_kinds():
        kinds = sorted(all_kinds())
    kind = _choose("Kind of agent", kind, kinds, "claude", yes=yes)
    directory = _ask("Directory", directory, str(Path.cwd()), yes=yes)
    prompt = _ask("First order", prompt, "", yes=yes)
    model = _ask("Model", model, "", yes=yes)
    role = _ask("Role", role, "", yes=yes)
    teams = [one.strip() for one in _ask("Teams", team, "", yes=yes).split(",") if one.strip()]
    permissions = _ask("Permissions", permissions, "", yes=yes)
    if trust is None:
        trust = not yes and typer.confirm(f"Is {directory} trusted?", default=False)
    save = _ask("Keep as template (its name, or nothing)", save, "", yes=yes)
    content: dict[str, Any] = {
        "kind": kind,
        "directory": absolute(directory),
        "prompt": prompt,
        "model": model,
        "role": role,
        "teams": teams,
        "permissions": permissions,
        "trust": "accept" if trust else "",
    }
    if save:
        typer.echo(f"kept as {_keep(save, content)}")
    if run is None:
        run = yes or typer.confirm("Start it now?", default=True)
    if not run:
        return
    if name is None:
        name = _ask("Name (made up if empty)", None, "", yes=yes)
    start(
        kind=kind,
        name=name,
        prompt=prompt,
        directory=content["directory"],
        model=model,
        role=role,
        team=teams,
        permissions=permissions,
        env=[],
        worktree=False,  # the template's own word counts
        trust=trust,
        beside="",
        side="",
        as_json=False,
    )


@contextmanager
def _all_kinds() -> Iterator[None]:
    """Have the user's own kinds known for the length of the block."""
    from iterm_mcp.agents.described import kind_folders, read_described
    from iterm_mcp.agents.kinds import describing

    folders = kind_folders(find_paths().state, os.environ.get(KINDS_VARIABLE, ""))
    with describing(read_described(folders).kinds.values()):
        yield


def template_text(content: dict[str, Any]) -> str:
    """Return a template's file; what is empty is left out."""
    return "".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n".replace("\x7f", "\\u007f")
        for key, value in content.items()
        if value not in ("", [])
    )


def _keep(name: str, content: dict[str, Any]) -> Path:
    """Write a template, unless it would be none or one is there; exit with 1 then."""
    import tomllib

    from iterm_mcp.errors import InvalidRequestError
    from iterm_mcp.services.agents.templates import NAME, parse_template

    folder = Path(find_paths().state, "templates")
    path = folder / f"{name}.toml"
    text = template_text(content)
    if not NAME.fullmatch(name):
        _fail(f"{name[:80]!r} cannot be a template's name: use letters, digits, dots and hyphens")
    try:
        with _all_kinds():
            parse_template(path, tomllib.loads(text))
        make_private_folder(str(folder))
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except InvalidRequestError as error:
        _fail(f"{error}. {error.hint}")
    except FileExistsError:
        _fail(f"{path} is there already: edit it, or choose another name")
    with os.fdopen(file, "w", encoding="utf-8") as opened:
        opened.write(text)
    return path


def _fail(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(1)


def _ask(what: str, given: _Text, default: str, *, yes: bool) -> str:
    if given is not None:
        return given
    if yes:
        return default
    return str(typer.prompt(what, default=default, show_default=bool(default)))


def _choose(what: str, given: _Text, among: list[str], default: str, *, yes: bool) -> str:
    while True:
        found = _ask(f"{what} ({', '.join(among)})", given, default, yes=yes)
        if found in among:
            return found
        typer.echo(f"there is no kind {found[:40]!r}; use one of: {', '.join(among)}", err=True)
        if given is not None or yes:
            raise typer.Exit(2)
