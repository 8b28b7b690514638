"""``iterm-mcp host screenshot``: a session of the running host, as text or as a picture."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads the signature
from typing import TYPE_CHECKING, Annotated

import typer

from iterm_mcp.cli.host_call import HostCallError, call_host
from iterm_mcp.paths import find_paths

if TYPE_CHECKING:
    from iterm_mcp.paths import Paths


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
    try:
        shown = str(
            call_host(paths, session, "iterm_mcp.screenshot", format=str(asked), history=history)
        )
    except HostCallError as error:
        raise ScreenshotError(str(error)) from None
    if form is not Format.PNG:
        return shown.encode()
    try:
        return render_png(shown)
    except PngUnavailableError as error:
        raise ScreenshotError(str(error)) from None
