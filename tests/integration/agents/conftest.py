"""A home for each test's agents, and their programs under the real names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.integration.fake_agent.agents import open_folder

from iterm_mcp.testing.fake_agent.shims import write_shims

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.integration.fake_agent.agents import Folder


@pytest.fixture
def folder() -> Iterator[Folder]:
    with open_folder() as one:
        yield one


@pytest.fixture
def programs(folder: Folder) -> Mapping[str, Path]:
    """Fake programs by the real ones' names."""
    return {path.name: path for path in write_shims(folder.path / "bin")}


@pytest.fixture
def environ(folder: Folder) -> Mapping[str, str]:
    """What agents of the test's home are started with; they write their truth there."""
    truth = str(folder.path / "truth.jsonl")
    return {**os.environ, **folder.environ(), "FAKE_AGENT_TRUTH": truth}
