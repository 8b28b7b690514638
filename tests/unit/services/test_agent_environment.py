"""What agents see of the world."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iterm_mcp.agents.keeper import scrubbed
from iterm_mcp.models.agent_lives import AgentOrder, Desired, Life, Phase
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.services.agents.environment import KEEP, SCRUB, correlation
from iterm_mcp.testing.fake_clock import START

LIFE = Life(
    AgentName("ada"),
    AgentOrder("claude", "/here", teams=(TeamName("a"), TeamName("b"))),
    Desired.RUNNING,
    Phase.CREATING,
    token="0123456789abcdef",
    trace="f" * 32,
    ordered_at=START,
    epoch=3,
)


def seen(environ: dict[str, str], *keep: str) -> set[str]:
    return set(scrubbed(environ, list(SCRUB), [*KEEP, *keep]))


@pytest.mark.parametrize(
    "name",
    [
        "CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "CODEX_SANDBOX", "GEMINI_API_KEY", "GITHUB_TOKEN",
        "GH_TOKEN", "TOKEN", "NPM_TOKEN", "token_of_mine", "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "DB_PASSWORD", "MY_API_KEYS",
        "GOOGLE_APPLICATION_CREDENTIALS", "ITERM_MCP_AGENT", "ITERM_MCP_HOME", "ITERM2_COOKIE",
        "ITERM2_KEY", "TRACEPARENT", "MCP_AUTH",
    ],
)  # fmt: skip
def test_secrets_and_marks_of_others_are_not_seen(name: str) -> None:
    assert seen({name: "x", "PATH": "/bin"}) == {"PATH"}


@pytest.mark.parametrize(
    "name",
    [
        "PATH", "HOME", "LANG", "TERM", "ITERM_SESSION_ID", "SSH_AUTH_SOCK", "EDITOR", "KEYMAP",
        "MONKEY", "TOKENIZERS", "GIT_AUTHOR_NAME", "CLAUDE_CONFIG_DIR", "CODEX_HOME",
        "GEMINI_CLI_HOME",
    ],
)  # fmt: skip
def test_what_is_no_secret_is_left(name: str) -> None:
    assert seen({name: "x"}) == {name}


def test_a_key_is_seen_where_the_order_asks_for_it() -> None:
    environ = {"ANTHROPIC_API_KEY": "x", "OPENAI_API_KEY": "y"}

    assert seen(environ, "ANTHROPIC_API_KEY") == {"ANTHROPIC_API_KEY"}


def test_an_agent_is_told_who_it_is_and_where_we_are() -> None:
    assert correlation(LIFE, "/state", "/state") == {
        "ITERM_MCP_AGENT": "ada",
        "ITERM_MCP_TEAM": "a,b",
        "ITERM_MCP_EPOCH": "3",
        "ITERM_MCP_ORIGIN": "/state",
        "ITERM_MCP_HOME": "/state",
        "TRACEPARENT": f"00-{'f' * 32}-0123456789abcdef-01",
    }


def test_an_agent_without_teams_at_home_is_told_of_neither() -> None:
    alone = replace(LIFE, order=AgentOrder("claude", "/here"))

    assert {"ITERM_MCP_TEAM", "ITERM_MCP_HOME"}.isdisjoint(correlation(alone, "/state", None))


def test_nothing_to_scrub_scrubs_nothing() -> None:
    assert scrubbed({"TOKEN": "x"}, [], []) == {"TOKEN": "x"}
