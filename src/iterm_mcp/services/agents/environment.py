"""What an agent sees of the world: nobody else's secrets, and by which ids it can be told. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iterm_mcp.models.agent_lives import Life

AGENT = "ITERM_MCP_AGENT"
TEAM = "ITERM_MCP_TEAM"
"""The agent's teams, with commas."""
EPOCH = "ITERM_MCP_EPOCH"
ORIGIN = "ITERM_MCP_ORIGIN"
"""The state folder of the installation that started it: what carries another is another's."""
TRACEPARENT = "TRACEPARENT"

SCRUB = (
    # What other agents and their clients tell their children.
    r"CLAUDE.*",
    r"ANTHROPIC_.*",
    r"CODEX_.*",
    r"OPENAI_.*",
    r"GEMINI_.*",
    r"MCP_.*",
    r"TRACE(?:PARENT|STATE)|BAGGAGE",
    # What would let it speak as us, or to the terminal past all rules.
    r"ITERM_MCP_.*",
    r"ITERM2_(?:COOKIE|KEY)",
    # Keys to anything at all.
    r"(?i:.*(?:API_?KEY|ACCESS_?KEY|SECRET|PASSWORD|PASSWD|CREDENTIAL)S?(?:_.*)?)",
    r"(?i:(?:.*_)?TOKEN(?:_.*)?)",
)
"""Regular expressions of names, matched whole."""

KEEP = ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "MCP_TIMEOUT", "MCP_TOOL_TIMEOUT")
"""Where agents' own files are, and settings: no secrets."""


def correlation(life: Life, origin: str, home: str | None) -> dict[str, str]:
    """Return the variables by which an agent's processes, and what they call, are known.

    Args:
        origin: The state folder.
        home: What ``ITERM_MCP_HOME`` must be for its own MCP servers to find us; None when they
            find us without.
    """
    known = {
        AGENT: str(life.agent),
        EPOCH: str(life.epoch),
        ORIGIN: origin,
        TRACEPARENT: f"00-{life.trace}-{life.token}-01",
    }
    if life.order.teams:
        known[TEAM] = ",".join(life.order.teams)
    if home is not None:
        known["ITERM_MCP_HOME"] = home
    return known
