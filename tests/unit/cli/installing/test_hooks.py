"""Our hooks beside the user's own: put in, brought up to date, taken out to the byte."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.cli.installing.test_install import run

from iterm_mcp.agents.claude_hooks import spool_hooks
from iterm_mcp.cli.installing.clients import ClaudeCodeHooks
from iterm_mcp.cli.installing.errors import ConfigError
from iterm_mcp.cli.installing.json_text import with_item, without_item

if TYPE_CHECKING:
    from pathlib import Path

SPOOL = "/state/spool"
THEIRS = {"matcher": "Bash", "hooks": [{"type": "command", "command": "mine"}]}
GIVEN = """{
  "model": "opus",
  "hooks": {
    "Stop": [
      {"hooks": [{"type": "command", "command": "say done"}]}
    ],
    "PreToolUse": [{"matcher": "Bash", "hooks": []}, {"matcher": "Read", "hooks": []}],
    "Notification": []
  }
}"""


@pytest.fixture
def client() -> ClaudeCodeHooks:
    return ClaudeCodeHooks(SPOOL)


def add(client: ClaudeCodeHooks, text: str) -> str:
    entry: dict[str, Any] = {event: one[0] for event, one in spool_hooks(SPOOL).items()}
    return client.add(text, "iterm-mcp", entry)


@pytest.mark.parametrize("given", ["", "{}", '{"a": 1}', GIVEN.replace(', "x"', "")])
def test_they_come_beside_what_is_there(client: ClaudeCodeHooks, given: str) -> None:
    text = add(client, given)
    before = json.loads(given or "{}").get("hooks", {})
    for event, groups in json.loads(text)["hooks"].items():
        assert [one for one in groups if SPOOL not in json.dumps(one)] == before.get(event, [])
        assert sum(SPOOL in json.dumps(one) for one in groups) == 1
    assert add(client, text) == text
    entry = client.entry(text, "iterm-mcp")
    assert isinstance(entry, dict)
    assert "PostToolUse" in entry
    assert "WorktreeCreate" not in entry


def test_every_line_of_the_users_stays(client: ClaudeCodeHooks) -> None:
    after = add(client, GIVEN)
    assert {line for line in GIVEN.split("\n") if "say done" in line} <= set(after.split("\n"))
    gone = client.remove(after, "iterm-mcp", prune=False)
    wanted = GIVEN.replace(',\n    "Notification": []', "")  # an empty list says nothing
    assert json.loads(gone) == json.loads(wanted)
    assert gone == wanted
    assert client.entry(gone, "iterm-mcp") is None


def test_older_ones_of_ours_are_replaced(client: ClaudeCodeHooks) -> None:
    old = {"hooks": [{"type": "command", "command": f"old {SPOOL}/.hook", "timeout": 1}]}
    text = json.dumps({"hooks": {"Stop": [old, THEIRS], "Gone": [old]}})
    after = json.loads(add(client, text))["hooks"]
    assert "Gone" not in after
    assert old not in after["Stop"]
    assert THEIRS in after["Stop"]


def test_those_of_another_home_are_not_ours(client: ClaudeCodeHooks) -> None:
    text = add(client, "{}").replace(SPOOL, "/other/spool")
    assert client.entry(text, "iterm-mcp") is None
    assert client.remove(text, "iterm-mcp", prune=True) == text


@pytest.mark.parametrize("text", ['{"hooks": {"Stop": 1}}', '{"hooks": []}', "{"])
def test_what_is_no_settings_is_left_alone(client: ClaudeCodeHooks, text: str) -> None:
    with pytest.raises(ConfigError):
        add(client, text)


@pytest.mark.parametrize(
    "text",
    ['{"h": {"a": [1, 2]}}', '{"h": {"a": [\n  1,\n  2\n]}}', '{"h":{"a":[1,2]}}'],
)  # fmt: skip
@pytest.mark.parametrize("item", [0, {"x": [1, {"y": "]"}]}, "…"])
def test_an_item_goes_as_it_came(text: str, item: object) -> None:
    there = with_item(text, "h", "a", item)
    assert json.loads(there)["h"]["a"] == [item, 1, 2]
    assert without_item(there, "h", "a", item) == text
    assert without_item(text, "h", "a", item) == text


@pytest.mark.parametrize(
    ("items", "left"), [("7, 1, 7, 7", [1]), ("1, 7, 2", [1, 2]), ("1, 7", [1]), ("7, 7", None)]
)
def test_an_item_is_taken_out_wherever_it_stands(items: str, left: list[int] | None) -> None:
    after = without_item(f'{{"h": {{"a": [{items}]}}}}', "h", "a", 7, prune=True)
    assert json.loads(after).get("h", {}).get("a") == left


@pytest.mark.parametrize("given", [None, GIVEN])
def test_install_and_uninstall_leave_settings_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    for name, value in (
        ("HOME", ""),
        ("CLAUDE_CONFIG_DIR", ".claude"),
        ("ITERM_MCP_HOME", "state"),
    ):
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("PATH", "")
    settings = tmp_path / ".claude" / "settings.json"
    if given is not None:
        settings.parent.mkdir()
        settings.write_text(given)
    assert run("install", "claude-code", "--dry-run").exit_code == 0
    assert settings.exists() == (given is not None)
    assert run("install", "claude-code").exit_code == 0
    assert f"{tmp_path}/state/spool/.hook" in settings.read_text()
    assert (tmp_path / "state" / "spool" / ".hook").exists()
    assert run("uninstall").exit_code == 0
    assert (settings.read_text() if settings.exists() else None) == given


def test_hooks_may_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "CLAUDE_CONFIG_DIR", "ITERM_MCP_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert run("install", "claude-code", "--no-hooks").exit_code == 0
    assert not (tmp_path / "settings.json").exists()
