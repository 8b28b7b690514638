"""``iterm-mcp audit``: what was called, and whether somebody changed what was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from iterm_mcp.cli.audit import app
from iterm_mcp.paths import find_paths
from iterm_mcp.store.audit_file import AuditFile

CALL = {
    "at": "2026-01-01T00:00:00.000+00:00",
    "client": "claude-code",
    "version": "1",
    "door": "unix",
    "tool": "close_session",
    "tier": "destructive",
    "outcome": "ok",
    "seconds": 0.0125,
    "target": "s1",
}


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ITERM_MCP_HOME", str(tmp_path / "home"))
    return Path(find_paths().audit)


def keep(*records: dict[str, object]) -> None:
    paths = find_paths()
    Path(paths.state).mkdir(exist_ok=True)
    file = AuditFile(paths.audit, paths.audit_key)
    file.append([(record, {}) for record in records])
    file.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


def test_calls_are_shown_a_line_each_the_newest_last() -> None:
    refused = CALL | {"outcome": "refused", "code": "declined", "client": ""}
    keep(CALL, refused, {"at": CALL["at"], "missed": 7})
    assert run("tail").stdout.splitlines() == [
        "2026-01-01T00:00:00.000+00:00  claude-code  close_session  s1  ok  12.5 ms",
        "2026-01-01T00:00:00.000+00:00  unix  close_session  s1  refused (declined)  12.5 ms",
        "2026-01-01T00:00:00.000+00:00  7 calls could not be written down",
    ]
    assert len(run("tail", "-n", "1").stdout.splitlines()) == 1
    (record,) = run("tail", "-n", "1", "--json").stdout.splitlines()
    assert json.loads(record)["missed"] == 7


def test_a_line_that_is_no_record_is_shown_as_what_it_is(path: Path) -> None:
    keep(CALL)
    with path.open("ab") as file:
        file.write(b"\x1b[2J\n")
    assert run("tail", "-n", "1").stdout == "no record: b'\\x1b[2J\\n'\n"


def test_a_sound_log_is_said_to_be_sound(path: Path) -> None:
    keep(CALL, CALL)
    result = run("verify")
    newest = json.loads(path.read_text().splitlines()[-1])["hash"]
    assert result.exit_code == 0
    assert result.stdout == f"2 records are sound; the newest is number 2, {newest}\n"
    assert run("verify", "--head", newest).exit_code == 0


def test_a_changed_log_is_found_out(path: Path) -> None:
    keep(CALL, CALL)
    newest = json.loads(path.read_text().splitlines()[-1])["hash"]
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    cut = run("verify", "--head", newest)
    assert cut.exit_code == 1
    assert "no record has the hash" in cut.stderr
    path.write_text(path.read_text().replace("close", "leave"))
    changed = run("verify")
    assert changed.exit_code == 1
    assert "after 0 sound records, one was changed" in changed.stderr


def test_a_program_cannot_draw_on_the_terminal_of_who_reads_the_log() -> None:
    keep(CALL | {"target": "\x1b[2J\u202e"})
    assert run("tail").stdout.isascii()
    assert "\x1b" not in run("tail").stdout
