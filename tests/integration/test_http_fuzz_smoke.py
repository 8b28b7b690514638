"""The HTTP interface keeps to its document: a part of it here, all of it by ``tests.fuzz http``."""

from __future__ import annotations

import pytest
from tests.fuzz.http import try_http

pytestmark = pytest.mark.headless


async def test_a_few_paths_keep_to_the_document() -> None:
    trial = await try_http(6, 1, only="^/filters", phases="coverage")
    assert not trial.found, trial.report
    assert not trial.crashes


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_all_of_it_keeps_to_the_document() -> None:
    trial = await try_http(300, 2)
    assert not trial.found, trial.report
    assert not trial.crashes
