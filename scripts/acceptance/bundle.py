"""The MCPB bundle, as the tool of its makers sees it."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from scripts.acceptance.rig import Rig, expect
from scripts.bundle import pack

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = "mcpb"


def valid(rig: Rig) -> str:
    """What is packed can be unpacked, and its manifest is valid where it then stands."""
    packed, folder = rig.folder / "iterm-mcp.mcpb", rig.folder / "unpacked"
    count = pack(packed)
    code, printed = rig.judge([PROGRAM, "info", str(packed)])
    expect(code == 0, "`mcpb info` cannot read it", printed)
    with zipfile.ZipFile(packed) as bundle:
        bundle.extractall(folder)
    code, printed = rig.judge([PROGRAM, "validate", str(folder)])
    expect(code == 0 and "passes" in printed, "`mcpb validate` does not accept it", printed)
    return f"{count} files"


CHECKS: dict[str, Callable[[Rig], str]] = {"mcpb validate": valid}
