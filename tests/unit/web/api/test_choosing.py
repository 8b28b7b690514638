"""How work is chosen, over HTTP."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.choosing.outcomes import Memory, results
from tests.unit.web.api.opened import Side, error_of, open_side

from iterm_mcp.services.choosing.chooser import Chooser
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FILE = 'method = "thompson"\nexplore = 0\n[arms.a]\nkind = "claude"\n[arms.b]\nkind = "codex"\n'


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[Side]:
    file = tmp_path / "choosing.toml"
    file.write_text(FILE)
    others = [replace(one, number=2) for one in results(1, 19, "b")]
    chooser = Chooser(Memory(*results(19, 1), *others), str(file), FakeClock(), Random(1))
    async with open_side(tmp_path, chooser=chooser) as side:
        yield side


async def test_arms_are_listed_explained_and_compared(side: Side) -> None:
    listed = (await side.get("/v1/choosing")).json()["tasks"]["backlog"]
    assert [(one["arm"], one["tally"]["successes"]) for one in listed] == [("a", 19), ("b", 1)]
    choice = (await side.get("/v1/choosing/choice?task=backlog")).json()
    assert (choice["arm"], choice["why"]) == ("a", "drawn")
    assert choice["weighed"][1]["utility"] is not None
    found = (await side.get("/v1/choosing/comparison?task=backlog&a=a&b=b")).json()
    assert found["measures"][0]["better"] == "a"


async def test_an_arm_that_was_never_tried_is_not_found(side: Side) -> None:
    missing = await side.get("/v1/choosing/comparison?task=backlog&a=a&b=c")
    assert error_of(missing) == (404, "arm_not_found")
    assert error_of(await side.get("/v1/choosing/comparison?a=a"))[0] == 400
