"""Asking the running daemon's HTTP side from a command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from iterm_mcp.paths import find_paths

SECONDS = 10


def ask_http(
    method: str, path: str, body: dict[str, Any] | None = None, *, seconds: float = SECONDS
) -> dict[str, Any]:
    """Return the daemon's answer; exit with 1 and the reason if something fails."""
    from contextlib import closing
    from http.client import HTTPConnection, HTTPException
    from urllib.parse import urlsplit

    paths = find_paths()
    try:
        address = urlsplit(str(json.loads(Path(paths.daemon_info).read_text("utf-8"))["http"]))
        token = Path(paths.token).read_text("ascii").strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        given = None if body is None else json.dumps(body)
        with closing(HTTPConnection(address.netloc, timeout=seconds)) as connection:
            connection.request(method, path, given, headers)
            answer = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError, KeyError) as error:
        typer.echo(f"no daemon answers: {error}; start one with `iterm-mcp daemon start`", err=True)
        raise typer.Exit(1) from None
    if "error" in answer:
        typer.echo(f"{answer['error']['message']}\n{answer['error'].get('hint', '')}", err=True)
        raise typer.Exit(1)
    return dict(answer)
