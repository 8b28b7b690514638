"""Handing files to the daemon, however long they are."""

from __future__ import annotations

import json
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import typer

from iterm_mcp.cli.tool_call import open_caller
from iterm_mcp.paths import find_paths
from iterm_mcp.services.events.packed_lines import SUFFIX, PackedFileError, unpacked_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECONDS = 600.0
PIECE_BYTES = 1 << 20
OK, BUSY = 200, 503
TRIES = 10
PAUSE_SECONDS = 1.0
"""Before what could not be kept is handed over again."""


class ImportFailedError(Exception):
    """The daemon did not take it; the text says why, and what to do."""


def pieces_of(path: Path) -> Iterator[bytes]:
    """Yield what a file holds, unpacked, piece by piece.

    Raises:
        OSError: It cannot be read.
        PackedFileError: It cannot be unpacked, or not to its end.
    """
    if path.suffix == SUFFIX:
        for lines in unpacked_lines(path):
            yield b"\n".join(lines) + b"\n"
        return
    with path.open("rb") as opened:
        while piece := opened.read(PIECE_BYTES):
            yield piece


def send_file(path: Path, given: Mapping[str, str]) -> dict[str, Any]:
    """Hand a file over; return what became of it. The daemon is started if need be.

    Args:
        given: Parameters of ``POST /v1/imports``; when it happened is told from the file.

    Raises:
        ImportFailedError: It was not taken, or not whole.
    """
    try:
        with open_caller():
            pass  # it runs now
    except typer.Exit:
        raise ImportFailedError("no daemon takes it") from None
    try:
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()
        parameters = {"at": at, **{name: value for name, value in given.items() if value}}
        status, answer = _post(path, parameters)
        for _ in range(TRIES):
            if status == BUSY:
                time.sleep(PAUSE_SECONDS)
                status, answer = _post(path, parameters)
    except (OSError, HTTPException, ValueError, KeyError) as error:
        raise ImportFailedError(str(error) or type(error).__name__) from None
    except PackedFileError as error:
        raise ImportFailedError(f"{error}. {error.hint}") from None
    if status != OK:
        why = answer.get("error", {})
        text = f"{why.get('message', status)}. {why.get('hint') or ''}"
        raise ImportFailedError(text.strip())
    return answer


def _post(path: Path, parameters: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    paths = find_paths()
    info = json.loads(Path(paths.daemon_info).read_text("utf-8"))
    token = Path(paths.token).read_text("ascii").strip()
    address = urlsplit(str(info["http"])).netloc
    with closing(HTTPConnection(address, timeout=SECONDS)) as connection:
        # It may answer before all was sent; if it broke off, there is no answer.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(
                "POST",
                f"/v1/imports?{urlencode(parameters)}",
                pieces_of(path),
                {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"},
                encode_chunked=True,
            )
        with connection.getresponse() as answer:
            told: dict[str, Any] = json.loads(answer.read())
            return answer.status, told
