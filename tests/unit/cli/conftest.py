"""The command line is read once for all tests: that takes longer than to run a verb."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from typer.main import get_command

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _one_command_line() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(get_command))
        yield
