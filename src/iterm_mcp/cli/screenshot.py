"""``iterm-mcp host screenshot``: a session of the running host, as text or as a picture."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iterm_mcp.paths import find_paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

    from iterm_mcp.host import wire
    from iterm_mcp.paths import Paths

SECONDS = 30.0
_LISTED = 20


class Format(StrEnum):
    """How a session can be shown."""

    TEXT = "text"
    ANSI = "ansi"
    SVG = "svg"
    PNG = "png"


class ScreenshotError(Exception):
    """There is no picture; the text says why, and what to do."""


def screenshot(
    session: Annotated[str, typer.Argument(help='The session\'s id, or "active".')],
    form: Annotated[
        Format | None,
        typer.Option("--format", help="By default what the file's name ends in, or text."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write to this file and not to stdout.")
    ] = None,
    history: Annotated[
        int, typer.Option(min=0, help="Show so many lines above the screen too.")
    ] = 0,
) -> None:
    """Show what a session shows, as text, with escape sequences (ansi), as SVG or as PNG."""
    chosen = form or _by_name(output)
    try:
        if chosen is Format.PNG and output is None and sys.stdout.isatty():
            raise ScreenshotError("a PNG is not for a terminal: give --output FILE")  # noqa: TRY301
        picture = take(find_paths(), session, chosen, history)
    except ScreenshotError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    if output is not None:
        output.write_bytes(picture)
    else:
        sys.stdout.buffer.write(picture)
        sys.stdout.buffer.flush()


def _by_name(output: Path | None) -> Format:
    ending = "" if output is None else output.suffix.removeprefix(".").lower()
    return Format(ending) if ending in set(Format) else Format.TEXT


def take(paths: Paths, session: str, form: Format, history: int) -> bytes:
    """Return a picture of a session of the host that runs in a home.

    Raises:
        ScreenshotError: No host runs, it knows no such session, or it cannot be drawn.
    """
    from iterm_mcp.host.rendering.png import PngUnavailableError, render_png

    asked = Format.SVG if form is Format.PNG else form
    shown = _ask(paths, session, asked, history)
    if form is not Format.PNG:
        return shown.encode()
    try:
        return render_png(shown)
    except PngUnavailableError as error:
        raise ScreenshotError(str(error)) from None


def _ask(paths: Paths, session: str, form: Format, history: int) -> str:
    from websockets.exceptions import WebSocketException

    from iterm_mcp.host import wire

    request = wire.ClientOriginatedMessage(id=1)
    call = request.invoke_function_request
    call.session.session_id = session
    call.invocation = f'iterm_mcp.screenshot(format: "{form}", history: {history})'
    call.timeout = SECONDS
    try:
        with _connect(paths) as connection:
            answer = _answer(connection, request).invoke_function_response
            if answer.WhichOneof("disposition") == "success":
                return str(json.loads(answer.success.json_result))
            if answer.error.status != wire.InvokeFunctionResponse.Status.INVALID_ID:
                raise ScreenshotError(f"the host cannot show it: {answer.error.error_reason}")
            listing = wire.ClientOriginatedMessage(id=2)
            listing.list_sessions_request.SetInParent()
            open_now = list(_sessions(_answer(connection, listing).list_sessions_response))
    except (OSError, WebSocketException) as error:
        raise ScreenshotError(
            f"no host answers at {paths.host_socket}: iterm-mcp host start ({error})"
        ) from None
    lines = open_now[:_LISTED] + (["…"] if len(open_now) > _LISTED else [])
    there = "".join(f"\n  {line}" for line in lines)
    raise ScreenshotError(
        f"no session {session!r}; " + (f"these are open:{there}" if there else "none is open")
    )


def _connect(paths: Paths) -> ClientConnection:
    from websockets.sync.client import unix_connect
    from websockets.typing import Subprotocol

    cookie = Path(paths.host_cookie).read_text(encoding="ascii").strip()
    return unix_connect(
        paths.host_socket,
        uri="ws://localhost/",
        additional_headers={
            "Origin": "ws://localhost/",
            "X-iTerm2-Library-Version": "python 2.30",
            "X-iTerm2-Disable-Auth-UI": "true",
            "X-iTerm2-Cookie": cookie,
        },
        subprotocols=[Subprotocol("api.iterm2.com")],
        compression=None,
        max_size=None,
        open_timeout=SECONDS,
    )


def _answer(
    connection: ClientConnection, request: wire.ClientOriginatedMessage
) -> wire.ServerOriginatedMessage:
    from iterm_mcp.host import wire

    connection.send(request.SerializeToString())
    message = wire.ServerOriginatedMessage()
    message.ParseFromString(connection.recv(timeout=SECONDS, decode=False))
    return message


def _sessions(listing: wire.ListSessionsResponse) -> Iterator[str]:
    from iterm_mcp.host.rendering.view import seen

    def below(node: wire.SplitTreeNode) -> Iterator[str]:
        for link in node.links:
            if link.HasField("session"):
                yield f"{link.session.unique_identifier}  {seen(link.session.title)}"
            else:
                yield from below(link.node)

    for window in listing.windows:
        for tab in window.tabs:
            yield from below(tab.root)
    for buried in listing.buried_sessions:
        yield f"{buried.unique_identifier}  {seen(buried.title)}"
