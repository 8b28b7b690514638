"""The MCP inspector's command line, in both eras of the protocol."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from scripts.acceptance.rig import SERVER, Rig, expect

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = "mcp-inspector"
STAMP = "io.modelcontextprotocol/serverInfo"
"""What every result of the stateless era carries, and no other."""


def era(rig: Rig, name: str) -> str:
    """Tools are listed and called, in the era that was asked for."""

    def ask(*words: str) -> dict[str, Any]:
        return found(
            rig.run(
                [PROGRAM, "--cli", *rig.pairs("-e"), SERVER, "-q", "--protocol-era", name, *words]
            )
        )

    listed = ask("--method", "tools/list")
    tools = [tool["name"] for tool in listed["tools"]]
    expect("open_session" in tools, "the tools are not listed", listed)
    opened = ask("--method", "tools/call", "--tool-name", "open_session")
    session = opened["structuredContent"]["session_id"]
    sessions = ask("--method", "tools/call", "--tool-name", "list_sessions")
    expect(session in str(sessions["structuredContent"]), "what was opened is not listed", sessions)
    modern = STAMP in sessions.get("_meta", {})
    expect(
        modern == (name == "modern"), f"nothing says that it spoke the {name} protocol", sessions
    )
    return f"{len(tools)} tools"


def portable(rig: Rig) -> str:
    """Its lint has nothing to say about the schema of any tool."""
    command = [PROGRAM, "--cli", *rig.pairs("-e"), "-e", "ITERM_MCP_TOOLS=all", SERVER, "-q"]
    code, printed = rig.judge([*command, "--method", "tools/list", "--strict"])
    expect(code == 0, f"it ended with {code}", printed)
    listed = found(printed)["tools"]
    rest = printed.strip().removeprefix(json.dumps({"tools": listed}, indent=2, ensure_ascii=False))
    expect(not rest, "it says something", rest)
    return f"{len(listed)} tools"


def found(printed: str) -> dict[str, Any]:
    """Return the JSON object in what was printed; there may be words around it.

    Raises:
        FailedError: There is none.
    """
    start = printed.find("{")
    expect(start >= 0, "no JSON was printed", printed)
    value: dict[str, Any] = json.JSONDecoder().raw_decode(printed, start)[0]
    return value


CHECKS: dict[str, Callable[[Rig], str]] = {
    "inspector, initialize": partial(era, name="legacy"),
    "inspector, 2026-07-28": partial(era, name="modern"),
    "inspector, --strict": portable,
}
