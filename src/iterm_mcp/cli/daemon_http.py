"""Asking the daemon over HTTP from a command line, for answers that are long."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode, urlsplit

import typer

from iterm_mcp.cli.http_call import ask_http
from iterm_mcp.cli.tool_call import open_caller
from iterm_mcp.paths import find_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from http.client import HTTPResponse

    Parameters = Mapping[str, str | int | Sequence[str] | None]

SECONDS = 600.0
STREAM_SECONDS = 60.0
"""After which a stream is given up that sends nothing, not even its heartbeat."""
OK = 200


class DaemonHttpError(Exception):
    """There is no answer; the text says why.

    Attributes:
        final: The daemon has answered: to ask again would change nothing.
    """

    def __init__(self, text: str, *, final: bool = False) -> None:
        super().__init__(text)
        self.final = final


def get_json(path: str, parameters: Parameters) -> Any:  # noqa: ANN401 - any JSON
    """Return what stands under a path; exit with 1 and the reason if it cannot be had."""
    with open_answer(path, parameters) as answer:
        return json.loads(answer.read())


def change_json(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Change what stands under a path; exit with 1 and the reason if it cannot be."""
    with open_caller():
        pass  # it runs now
    return ask_http(method, path, body)


def read_lines(path: str, parameters: Parameters, *, start: bool) -> Iterator[str]:
    """Yield the lines of an answer that goes on and on, until it ends.

    Args:
        start: Start the daemon if it does not run.

    Raises:
        DaemonHttpError: There is no answer, or it broke off.
    """
    if start:
        with open_caller():
            pass
    try:
        with _asked(path, parameters, STREAM_SECONDS) as answer:
            while line := answer.readline():
                yield line.decode().rstrip("\r\n")
    except (OSError, HTTPException, ValueError) as error:
        raise DaemonHttpError(str(error) or type(error).__name__) from None


@contextmanager
def open_answer(path: str, parameters: Parameters) -> Iterator[HTTPResponse]:
    """Ask the daemon, started if need be, and lend its answer, to be read piece by piece.

    Whoever runs it is told on stderr why there is none, and the program ends with 1.

    Args:
        parameters: Those that are None or empty are left out.
    """
    with open_caller():
        pass  # it runs now
    try:
        with _asked(path, parameters, SECONDS) as answer:
            yield answer
    except (OSError, HTTPException, ValueError, DaemonHttpError) as error:
        typer.echo(str(error) or type(error).__name__, err=True)
        raise typer.Exit(1) from None


@contextmanager
def _asked(path: str, parameters: Parameters, seconds: float) -> Iterator[HTTPResponse]:
    paths = find_paths()
    url = json.loads(Path(paths.daemon_info).read_text(encoding="utf-8"))["http"]
    token = Path(paths.token).read_text(encoding="ascii").strip()
    connection = HTTPConnection(urlsplit(url).netloc, timeout=seconds)
    try:
        given = {name: value for name, value in parameters.items() if value}
        target = f"{path}?{urlencode(given, doseq=True)}" if given else path
        connection.request("GET", target, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        if answer.status != OK:
            raise DaemonHttpError(_told(answer), final=True)
        yield answer
    finally:
        connection.close()


def _told(answer: HTTPResponse) -> str:
    error = cast("dict[str, Any]", json.loads(answer.read())).get("error", {})
    return f"{error.get('message', answer.reason)}. {error.get('hint') or ''}".strip()
