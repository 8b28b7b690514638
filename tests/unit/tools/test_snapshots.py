"""The contract of each tool, as clients see it: who changes it has to mean it.

``ITERM_MCP_SNAPSHOTS=write uv run pytest tests/unit/tools/test_snapshots.py`` writes the files.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from anyio import to_thread
from tests.unit.tools.shown import every_tool

if TYPE_CHECKING:
    from tests.unit.tools.conftest import Bench

FOLDER = Path(__file__).with_name("snapshots")

HINT = "if this is meant, write it: see the first lines of this file"


async def contracts(bench: Bench) -> dict[str, str]:
    return {
        f"{tool.name}.json": json.dumps(
            tool.model_dump(mode="json", by_alias=True, exclude_none=True),
            indent=2,
            sort_keys=True,
            ensure_ascii=False,
        )
        + "\n"
        for tool in await every_tool(bench)
    }


def read() -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.json"))}


def write(found: dict[str, str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in read().keys() - found.keys():
        (FOLDER / name).unlink()
    for name, text in found.items():
        (FOLDER / name).write_text(text, "utf-8")


async def test_every_tool_is_as_its_snapshot_says(bench: Bench) -> None:
    found = await contracts(bench)
    if os.environ.get("ITERM_MCP_SNAPSHOTS") == "write":
        await to_thread.run_sync(write, found)
        pytest.skip("written")
    kept = await to_thread.run_sync(read)
    assert sorted(found) == sorted(kept), HINT
    differing = [name for name in found if found[name] != kept[name]]
    for name in differing:
        assert found[name].splitlines() == kept[name].splitlines(), HINT
    assert not differing, HINT
