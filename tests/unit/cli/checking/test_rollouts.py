"""The doctor tells of conversations that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.cli.checking.test_checks import only

from iterm_mcp.cli.checking.rollouts import check_packed_rollouts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("variable", ["HOME", "CODEX_HOME"])
def test_compressed_rollouts_are_counted(tmp_path: Path, variable: str) -> None:
    home = tmp_path / ".codex" if variable == "HOME" else tmp_path
    for name in ("sessions/2026/11/21/rollout-1.jsonl.zst", "archived_sessions/rollout-2.jsonl.zst",
                 "sessions/2026/11/21/rollout-3.jsonl"):  # fmt: skip
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    found = only(check_packed_rollouts({variable: str(tmp_path)}))

    assert (found.level, "compressed 2 of" in found.text) == ("ok", True)


def test_where_none_are_nothing_is_said(tmp_path: Path) -> None:
    assert list(check_packed_rollouts({"HOME": str(tmp_path)})) == []
