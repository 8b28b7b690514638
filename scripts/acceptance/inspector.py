"""The MCP inspector's command line, in both eras of the protocol."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from scripts.acceptance.rig import SERVER, Rig, expect

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = "mcp-inspector"


def era(rig: Rig, name: str) -> str:
    """Tools are listed and called."""

    def ask(*words: str) -> str:
        return rig.run(
            [PROGRAM, "--cli", *rig.pairs("-e"), *SERVER, "-q", "--protocol-era", name, *words]
        )

    listed = ask("--method", "tools/list")
    expect('"open_session"' in listed, "the tools are not listed", listed)
    opened = ask("--method", "tools/call", "--tool-name", "open_session")
    expect("session_id" in opened, "no session was opened", opened)
    sessions = ask("--method", "tools/call", "--tool-name", "list_sessions")
    expect("session_id" in sessions, "no session is listed", sessions)
    tools = json.loads(listed[listed.index("{") :])["tools"]
    return f"{len(tools)} tools"


CHECKS: dict[str, Callable[[Rig], str]] = {
    "inspector, initialize": partial(era, name="legacy"),
    "inspector, 2026-07-28": partial(era, name="modern"),
}
