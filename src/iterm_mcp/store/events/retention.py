"""Which files are forgotten. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.store.events.partition import PartitionState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.store.events.partition import Partition


def too_old_or_too_much(
    partitions: Sequence[Partition], *, before: int, max_bytes: int
) -> list[Partition]:
    """Return the partitions to forget, oldest first; never the live one.

    Args:
        before: Those whose newest event was kept before this time, in microseconds.
        max_bytes: So much may all together have.
    """
    gone = []
    size = sum(one.size for one in partitions)
    for one in partitions:
        if one.state is PartitionState.LIVE:
            continue
        if one.kept_at < before or size > max_bytes:
            gone.append(one)
            size -= one.size
    return gone
