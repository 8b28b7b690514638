from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.unit.host.screens import Screen, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    OpenEngine = Callable[..., Screen]


@pytest.fixture
def open_engine() -> Iterator[OpenEngine]:
    """Open engines that are closed at the end of the test."""
    with ExitStack() as engines:

        def open_one(columns: int = 20, rows: int = 4, *, scrollback: int = 100) -> Screen:
            return engines.enter_context(opened(columns, rows, scrollback=scrollback))

        yield open_one


@pytest.fixture
def engine(open_engine: OpenEngine) -> Screen:
    """20 columns, 4 rows, 100 lines of scrollback."""
    return open_engine()
