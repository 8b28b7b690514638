"""``iterm-mcp audit``: what clients called, and whether it was tampered with."""

from __future__ import annotations

import json
import sys
from collections import deque
from typing import Annotated

import typer

from iterm_mcp.paths import find_paths

app = typer.Typer(help="The log of all tool calls: verify, tail.", no_args_is_help=True)


@app.command()
def verify(
    head: Annotated[
        str | None, typer.Option(help="A hash that this verb printed before: it must be there.")
    ] = None,
) -> None:
    """Check that each record follows from the one before it; exit code 1 when one does not.

    It shows what was changed, added or removed in the middle. That the newest records are
    gone shows only with --head: keep the hash that is printed where nobody can write.
    """
    from iterm_mcp.store.audit_chain import BrokenChainError
    from iterm_mcp.store.audit_file import verify as check

    path = find_paths().audit
    try:
        count, last = check(path, head)
    except BrokenChainError as error:
        typer.echo(f"{path}: after {error.number} sound records, one {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{count} records are sound; the newest is number {last.number}, {last.hash}")


@app.command()
def tail(
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many calls.")] = 20,
    as_json: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--json", help="Print the records as they are.")
    ] = False,
) -> None:
    """Print the newest calls: when, who, what, on what, how it went, how long it took."""
    from iterm_mcp.store.audit_file import audit_lines

    for line in deque(audit_lines(find_paths().audit), lines):
        sys.stdout.write(line.decode() if as_json else _row(line))


def _row(line: bytes) -> str:
    try:
        record = json.loads(line)
        if "missed" in record:
            return f"{record['at']}  {record['missed']} calls could not be written down\n"
        outcome = record["outcome"] + (f" ({record['code']})" if "code" in record else "")
        who = record["client"] or record["door"]
        return (
            f"{record['at']}  {_plain(who)}  {_plain(record['tool'])}  "
            f"{_plain(record.get('target', '-'))}  {outcome}  {record['seconds'] * 1000:.1f} ms\n"
        )
    except (ValueError, KeyError, TypeError):
        return f"no record: {line[:80]!r}\n"


def _plain(text: str) -> str:
    """Return what a client said without what a terminal would obey."""
    return text.encode("ascii", "backslashreplace").decode() if text.isprintable() else ascii(text)
