from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.worktrees.repositories import AUTHOR, Bench, make_bench

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name, value in AUTHOR.items():
        monkeypatch.setenv(name, value)
    return make_bench(tmp_path)
