"""Claude Code: connected, and a whole conversation with a scripted model."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.acceptance.installed import Setup, installed
from scripts.acceptance.job import Player, job, write_files
from scripts.acceptance.mock_model import LAST_WORDS, serve
from scripts.acceptance.rig import COMMAND, OUTPUT, SERVER, Rig, expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripts.acceptance.mock_model import ScriptedModel

PROGRAM = "claude"
PLUGIN = Path(__file__).resolve().parents[2] / "packaging" / "claude-code-plugin"
READS = 100
"""How often the model looks at the screen before it gives up."""


def connected(rig: Rig) -> str:
    """``claude mcp list`` says that our server answers."""
    added = rig.run([PROGRAM, "mcp", "add", "iterm", *rig.pairs("-e"), "--", SERVER])
    listed = rig.run([PROGRAM, "mcp", "list"])
    line = next((one for one in listed.splitlines() if one.startswith("iterm:")), "")
    expect("Connected" in line, "`claude mcp list` does not say Connected", listed or added)
    return "Connected"


def conversation(rig: Rig, era: str) -> str:
    """``claude -p``: the model opens a session, types, and reads the answer back."""
    with serve(play) as model:
        printed, spoke = _converse(rig, model, "Open a session and compute something in it.", era)
    expect(model.results, "the model was shown no tool result", printed)
    expect(OUTPUT in model.results[-1], "the last screen lacks the command's output", model.results)
    expect(LAST_WORDS in printed, "the conversation did not come to its end", printed)
    return f"{len(model.results)} tool calls, {spoke} era"


def ten_steps(rig: Rig, era: str) -> str:
    """``claude -p``: the model mends a failing test, and watches a program that lies to it."""
    write_files(rig.project)
    steps = job(rig.project)
    player = Player(steps)
    with serve(player.turn) as model:
        printed, spoke = _converse(rig, model, "Mend the failing test.", era)
    expect(not player.problem, player.problem, printed)
    expect(len(model.results) == len(steps), "steps are missing", printed)
    expect(LAST_WORDS in printed, "the conversation did not come to its end", printed)
    return f"{len(model.results)} tool calls, {spoke} era"


def _converse(rig: Rig, model: ScriptedModel, prompt: str, era: str) -> tuple[str, str]:
    """Run Claude Code on a prompt; return what it printed, and the era that it spoke."""
    config = rig.project / "mcp.json"
    server = {"command": SERVER, "env": rig.server_environ}
    config.write_text(json.dumps({"mcpServers": {"iterm": server}}), "utf-8")
    debug = rig.project / "debug.log"
    negotiation = {"MCP_PROTOCOL_NEGOTIATION": "legacy"} if era == "legacy" else {}
    printed = rig.run(
        [
            PROGRAM, "-p", prompt,
            "--mcp-config", str(config), "--strict-mcp-config",
            "--allowedTools", "mcp__iterm", "--debug-file", str(debug),
        ],
        ANTHROPIC_BASE_URL=model.base_url,
        ANTHROPIC_API_KEY="none",
        **negotiation,
    )  # fmt: skip
    # Older versions know one era only, and do not name it.
    spoke = re.search(r'"protocolEra":"(\w+)"', debug.read_text("utf-8"))
    expect(spoke is None or spoke[1] == era, f"it did not speak the {era} protocol", spoke)
    return printed, spoke[1] if spoke else "unnamed"


def play(results: list[str]) -> tuple[str, dict[str, Any]] | None:
    """Choose the scripted model's next tool call."""
    if not results:
        return "mcp__iterm__open_session", {"name": "acceptance"}
    found = re.search(r'"session_id": ?"([^"]+)"', results[0])
    if found is None or len(results) > READS or OUTPUT in results[-1]:
        return None
    session = {"session_id": found[1]}
    if len(results) == 1:
        return "mcp__iterm__send_text", {**session, "text": COMMAND}
    return "mcp__iterm__read_screen", session


def plugin(rig: Rig) -> str:
    """Its validator finds nothing in our plugin, as strict as the catalogue of plugins is."""
    words = ["plugin", "validate", "--strict", "--profile", "directory", str(PLUGIN)]
    code, printed = rig.judge([PROGRAM, *words])
    expect(code == 0 and "Validation passed" in printed, "the plugin is not valid", printed)
    return "valid"


SETUP = Setup(
    "claude-code",
    ".claude.json",
    '{"userID": "mine", "mcpServers": {"other": {"type": "stdio", "command": "false"}}}',
    (PROGRAM, "mcp", "list"),
    "Connected",
    writes_itself=True,
)

CHECKS: dict[str, Callable[[Rig], str]] = {
    "claude mcp list": connected,
    "claude -p with a local model": partial(conversation, era="modern"),
    "the same, told to send initialize": partial(conversation, era="legacy"),
    "a job of ten steps": partial(ten_steps, era="modern"),
    "the same job, with initialize": partial(ten_steps, era="legacy"),
    "iterm-mcp install claude-code": partial(installed, setup=SETUP),
    "claude plugin validate": plugin,
}
