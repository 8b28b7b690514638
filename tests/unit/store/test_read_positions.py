"""How far files were read outlives the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.store.read_positions import ReadPosition

if TYPE_CHECKING:
    from iterm_mcp.store import Store


async def test_the_last_position_of_each_file_counts(store: Store) -> None:
    positions = store.positions
    assert await positions.load() == {}
    await positions.keep({"/a": ReadPosition(1, 10), "/b": ReadPosition(2, 20)})
    await positions.keep({"/a": ReadPosition(3, 5)})
    await positions.forget(["/b", "/never"])
    assert await positions.load() == {"/a": ReadPosition(3, 5)}
