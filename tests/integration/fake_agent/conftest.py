"""A home for each test's fake agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.fake_agent.agents import open_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.fake_agent.agents import Folder


@pytest.fixture
def folder() -> Iterator[Folder]:
    with open_folder() as one:
        yield one
