"""An SVG picture as PNG, by the optional extra ``iterm-mcp[png]``.

``python -m iterm_mcp.host.rendering.png`` draws what it reads: the renderer lets no other thread
of its process run, for as much as a second.
"""

from __future__ import annotations

import math
import re
import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

INSTALL = "PNG needs an optional part of iterm-mcp: pip install 'iterm-mcp[png]'"

SCALE = 2.0
"""Pixels of the PNG for one of the picture: displays have many today."""

MAX_PIXELS = 40_000_000
"""A picture that would be larger is made smaller; each pixel takes four bytes for a while."""

_SIZE = re.compile(r'<svg [^>]*?width="(\d+)" height="(\d+)"')

FONT_PACKAGES = ("fontpkg_jetbrains_mono", "manimgx_fonts", "manimgx_fonts_cjk")
"""Where the extra's fonts lie: a machine without a screen may have none."""


class PngUnavailableError(Exception):
    """The extra is not installed; the text says how to install it."""

    def __init__(self) -> None:
        super().__init__(INSTALL)


def render_png(svg: str, *, renderer: str = "resvg_py") -> bytes:
    """Draw what `render_svg` returned. Everything else in this process stands still meanwhile.

    Raises:
        PngUnavailableError: The extra is not installed.
    """
    try:
        resvg = import_module(renderer)
    except ImportError:
        raise PngUnavailableError from None
    size = _SIZE.match(svg)
    width, height = (int(size[1]), int(size[2])) if size else (1, 1)
    scale = min(SCALE, math.sqrt(MAX_PIXELS / (width * height)))
    drawn: bytes = resvg.svg_to_bytes(
        svg_string=svg, zoom=scale, font_files=font_files(), monospace_family="JetBrains Mono"
    )
    return bytes(drawn)


@cache
def font_files(packages: Sequence[str] = FONT_PACKAGES) -> list[str]:
    """Return the fonts of those packages that are installed."""
    folders = [
        Path(folder)
        for spec in map(find_spec, packages)
        if spec is not None
        for folder in spec.submodule_search_locations or ()
    ]
    return [str(file) for folder in folders for file in sorted(folder.rglob("*.[to]t[fc]"))]


def main() -> int:
    """Draw the picture on stdin to stdout; say on stderr why not. Return the exit code."""
    try:
        drawn = render_png(sys.stdin.buffer.read().decode())
    except PngUnavailableError as error:
        sys.stderr.write(str(error))
        return 1
    sys.stdout.buffer.write(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
