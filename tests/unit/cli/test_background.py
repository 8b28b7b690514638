from __future__ import annotations

from typing import TYPE_CHECKING

from typer.testing import CliRunner

from iterm_mcp.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_folder_that_cannot_be_written_to_is_told_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setenv("ITERM_MCP_HOME", str(in_the_way / "home"))

    result = CliRunner().invoke(app, ["daemon", "start"])

    assert result.exit_code == 1
    assert "cannot be started" in result.stderr
    assert "Not a directory; make room on that disk, or permit yourself to write there" in (
        result.stderr
    )
