"""What the doctor says of hooks by looking at files alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.unit.cli.checking.test_checks import only

from iterm_mcp.agents.claude_hooks import spool_hooks
from iterm_mcp.cli.checking.hook_delivery import check_hook_delivery, check_hooks_installed
from iterm_mcp.cli.installing.clients import Machine
from iterm_mcp.paths import find_paths

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.cli.checking.finding import Finding
    from iterm_mcp.paths import Paths


class Place:
    """A home with settings of Claude Code, and a state folder."""

    def __init__(self, folder: Path) -> None:
        environ = {"HOME": str(folder), "ITERM_MCP_HOME": str(folder / "state"), "PATH": ""}
        self.machine = Machine(environ)
        self.paths: Paths = find_paths(environ)
        self.settings = folder / ".claude" / "settings.json"
        self.settings.parent.mkdir()
        self.script = folder / "state" / "spool" / ".hook"
        self.script.parent.mkdir(parents=True)

    def look(self) -> Finding:
        return only(check_hooks_installed(self.machine, self.paths))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_without_ours_it_says_how_to_get_them(place: Place) -> None:
    found = place.look()
    assert (found.level, "install claude-code" in found.hint) == ("ok", True)


def test_ours_are_well_while_what_they_run_is_there(place: Place) -> None:
    place.settings.write_text(json.dumps({"hooks": spool_hooks(place.paths.spool)}))
    assert (place.look().level, "there is no" in place.look().text) == ("fail", True)
    place.script.touch()
    assert place.look().level == "ok"


def test_those_of_another_version_are_told(place: Place) -> None:
    hooks = spool_hooks(place.paths.spool)
    place.settings.write_text(json.dumps({"hooks": {"Stop": hooks["Stop"]}}))
    assert (place.look().level, "another version" in place.look().text) == ("warn", True)


def test_settings_that_cannot_be_read_are_told(place: Place) -> None:
    place.settings.write_text("{")
    assert "not valid JSON" in place.look().text
    place.settings.unlink()
    place.settings.mkdir()
    assert place.look().level == "fail"


def test_without_a_daemon_nothing_is_tried_and_nothing_is_lost(place: Place) -> None:
    found = only(check_hook_delivery(place.paths))
    assert (found.level, "when one does" in found.text) == ("ok", True)
