"""``iterm-mcp notes``: what agents and people wrote down for each other."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from iterm_mcp.cli.tool_call import open_caller, print_json

app = typer.Typer(
    help="Notes that agents share: list, get, set, search, remove.", no_args_is_help=True
)

_Key = Annotated[str, typer.Argument(help="The note's key.")]
_Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="A name, or team:NAME; shared if left out.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Version = Annotated[
    int | None,
    typer.Option("--expected-version", min=0, help="Only if it has this version; 0: only if new."),
]


@app.command("list")
def show(
    namespace: _Namespace = None,
    prefix: Annotated[str, typer.Option(help="Only keys that begin so.")] = "",
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """List a namespace's notes; without one, the namespaces."""
    answer = _call(action="list", namespace=namespace, key=prefix)
    if as_json:
        print_json(answer)
        return
    for name, count in answer.get("namespaces", {}).items():
        typer.echo(f"{name}  {count}")
    for one in answer.get("notes", []):
        _row(one)


@app.command()
def get(
    key: _Key,
    namespace: _Namespace = None,
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Print a note's text."""
    answer = _call(action="get", namespace=namespace, key=key)
    if as_json:
        print_json(answer)
    else:
        typer.echo(answer["value"])


@app.command("set")
def write(
    key: _Key,
    value: Annotated[str, typer.Argument(help="Its text; - reads it from stdin.")],
    namespace: _Namespace = None,
    expected_version: _Version = None,
) -> None:
    """Write a note, and print its version."""
    text = sys.stdin.read() if value == "-" else value
    answer = _call(
        action="set",
        namespace=namespace,
        key=key,
        value=text,
        expected_version=expected_version,
    )
    typer.echo(f"version {answer['version']}")


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="Words, or their beginnings.")],
    namespace: _Namespace = None,
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Find notes that hold all the words, the best first."""
    answer = _call(action="search", namespace=namespace, query=query)
    if as_json:
        print_json(answer)
        return
    for one in answer["notes"]:
        _row(one)


@app.command()
def remove(key: _Key, namespace: _Namespace = None, expected_version: _Version = None) -> None:
    """Remove a note."""
    _call(action="remove", namespace=namespace, key=key, expected_version=expected_version)
    typer.echo("removed")


def _call(**arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    given = {name: value for name, value in arguments.items() if value is not None}
    with open_caller() as caller:
        return caller.call("manage_notes", given)


def _row(one: dict[str, Any]) -> None:
    text = " ".join(str(one["excerpt"]).split())
    typer.echo(f"{one['namespace']}/{one['key']}  v{one['version']} {one['author']}: {text}")
