"""Python, our version, the settings, the emulator: what needs no process."""

from __future__ import annotations

import platform
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pydantic import ValidationError

from iterm_mcp import __version__
from iterm_mcp.cli.checking.finding import Finding
from iterm_mcp.config import Settings
from iterm_mcp.errors import ItermMcpError

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST = (3, 11)


def check_installation(python: tuple[int, int]) -> Iterator[Finding]:
    """Look at what runs this very program."""
    system = f"{platform.system()} {platform.release()} on {platform.machine()}"
    words = f"iterm-mcp {__version__}, Python {platform.python_version()}, {system}"
    if python < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        yield Finding("fail", "version", words, f"Install it with Python {oldest} or newer.")
    else:
        yield Finding("ok", "version", words)


def check_settings() -> Iterator[Finding]:
    """Look at the variables that set something."""
    try:
        Settings()
    except ValidationError as error:
        for one in error.errors():
            name = "ITERM_MCP_" + str(one["loc"][0]).upper()
            yield Finding("fail", "settings", f"{name}: {one['msg']}", f"Mend or unset {name}.")
    else:
        yield Finding("ok", "settings", "all make sense")


def check_emulator() -> Iterator[Finding]:
    """Look whether the host could show what its shells print."""
    try:
        from iterm_mcp.host import selfcheck

        selfcheck.check_emulator()
    except ImportError as error:
        yield Finding(
            "fail", "emulator", f"it cannot be loaded: {error}", "Install iterm-mcp anew."
        )
    except ItermMcpError as error:
        yield Finding("fail", "emulator", str(error), error.hint)
    else:
        yield Finding("ok", "emulator", "shows what it is fed")


def check_pictures(renderer: str = "resvg_py") -> Iterator[Finding]:
    """Look whether the host could draw PNGs, which is left to an extra."""
    if find_spec(renderer):
        yield Finding("ok", "pictures", "the headless host draws PNG, SVG and text")
    else:
        text = "the headless host draws SVG and text; PNG needs the extra `png`"
        yield Finding("ok", "pictures", text, "Install `iterm-mcp[png]` in place of `iterm-mcp`.")
