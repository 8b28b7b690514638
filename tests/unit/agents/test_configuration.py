"""Which files agents read at their start, and that a change of one is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from iterm_mcp.agents.configuration import configuration_files, configuration_state


@pytest.mark.parametrize(
    ("kind", "environ", "wanted"),
    [
        ("claude", {"HOME": "/h"}, ["/w/p/CLAUDE.md", "/w/.mcp.json", "/h/.claude/settings.json"]),
        ("claude", {"HOME": "/h", "CLAUDE_CONFIG_DIR": "/c"}, ["/c/settings.json"]),
        ("codex", {"HOME": "/h", "CODEX_HOME": "/c"}, ["/w/p/AGENTS.md", "/c/config.toml"]),
        ("gemini", {"GEMINI_CLI_HOME": "/g"}, ["/g/.gemini/settings.json", "/w/p/GEMINI.md"]),
        ("gemini", {"HOME": "/h"}, ["/h/.gemini/settings.json"]),
    ],
)
def test_the_directory_those_above_and_the_persons_own_folder_are_looked_at(
    kind: str, environ: dict[str, str], wanted: list[str]
) -> None:
    found = configuration_files(kind, "/w/p", environ)

    assert {Path(one) for one in wanted} <= set(found)
    assert len(set(found)) == len(found)


def test_nothing_is_known_of_other_kinds() -> None:
    assert configuration_files("shell", "/w/p", {"HOME": "/h"}) == ()


def test_a_file_that_comes_changes_or_goes_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "CLAUDE.md"
    before = configuration_state((path,))
    path.write_text("one")
    written = configuration_state((path,))
    path.write_text("other")
    changed = configuration_state((path,))
    path.unlink()

    assert len({before, written, changed}) == 3
    assert configuration_state((path,)) == before
