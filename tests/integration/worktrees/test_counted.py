"""Worktrees as metrics tell them: what is done with real ones, and how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.worktrees.repositories import commit

from iterm_mcp.errors import ConflictError, RefusedError, StoreError
from iterm_mcp.services.worktrees.measuring import OPERATIONS
from iterm_mcp.services.worktrees.service import Worktrees
from iterm_mcp.telemetry import Metrics

if TYPE_CHECKING:
    from tests.integration.worktrees.repositories import Bench


class Counted:
    """A bench whose worktrees are measured."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.metrics = bench, Metrics()
        bench.worktrees = Worktrees(
            str(bench.folder), str(bench.settings), bench.clock, self.metrics.worktrees.operations
        )

    def read(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"iterm_mcp_{name}", labels)

    def done(self, operation: str, outcome: str = "ok") -> float | None:
        return self.read("worktree_operations_total", operation=operation, outcome=outcome)

    async def look(self, believed_seconds: float = 0.0) -> dict[str, float | None]:
        """Count what is there, and return how many stand how, without states that have none."""
        tally = await self.bench.worktrees.tally(believed_seconds)
        self.metrics.worktrees.standing.begin(lambda: tally)
        told = {
            sample.labels["state"]: sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == "iterm_mcp_worktrees"
        }
        assert "removed" not in told
        assert set(told) >= {"ready", "conflicted", "setup_failed"}
        return {state: count for state, count in told.items() if count}


async def test_what_is_done_with_a_worktree_is_counted_by_how_it_ended(bench: Bench) -> None:
    counted = Counted(bench)
    made = await bench.make()
    assert counted.done("create") == 1
    assert counted.read("worktree_operation_duration_seconds_count", operation="create") == 1
    commit(made.path, "b.txt", "b")
    with pytest.raises(RefusedError):
        await bench.worktrees.remove("w")
    assert counted.done("remove", RefusedError.outcome) == 1
    with pytest.raises(ConflictError):
        await bench.make(owner="somebody else")
    assert counted.done("create", ConflictError.outcome) == 1
    await bench.worktrees.bring_up("w")
    await bench.worktrees.land("w")
    await bench.worktrees.collect()
    await bench.worktrees.restore("w")
    for operation in ("update", "land", "collect", "remove", "restore"):
        assert counted.done(operation) == 1, operation
    for operation in ("continue", "abort"):
        with pytest.raises(ConflictError):
            await getattr(bench.worktrees, {"continue": "go_on"}.get(operation, operation))("w")
        assert counted.done(operation, ConflictError.outcome) == 1
    assert set(OPERATIONS) == {
        sample.labels["operation"]
        for family in counted.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "iterm_mcp_worktree_operations_total"
    }


async def test_worktrees_are_counted_by_state_and_those_that_are_gone_no_more(
    bench: Bench,
) -> None:
    counted = Counted(bench)
    assert await counted.look() == {}
    await bench.make()
    made = await bench.make("v")
    commit(made.path, "a.txt", "mine\n")
    commit(bench.repository, "a.txt", "theirs\n")
    assert (await bench.worktrees.bring_up("v")).conflicts
    assert await counted.look() == {"ready": 1, "conflicted": 1}
    await bench.worktrees.remove("w")
    assert await counted.look() == {"conflicted": 1}


async def test_the_size_is_looked_at_now_and_then_and_after_something_went(bench: Bench) -> None:
    counted = Counted(bench)
    await counted.look(60)
    await bench.make()
    made = await bench.make("v")
    await counted.look(60)
    before = counted.read("worktrees_disk_bytes")
    assert before
    commit(made.path, "large", "x" * 300_000)
    await counted.look(60)
    assert counted.read("worktrees_disk_bytes") == before, "it is believed for a minute"
    bench.clock.advance(61)
    await counted.look(60)
    assert (counted.read("worktrees_disk_bytes") or 0) > before + 300_000
    await bench.worktrees.remove("v", force=True)
    await counted.look(60)
    assert (counted.read("worktrees_disk_bytes") or 0) < before


async def test_another_programs_worktrees_are_counted_and_torn_records_are_no_number(
    bench: Bench,
) -> None:
    counted = Counted(bench)
    other = Worktrees(str(bench.folder), str(bench.settings), bench.clock)
    mine, bench.worktrees = bench.worktrees, other
    await bench.make()
    bench.worktrees = mine
    assert await counted.look() == {"ready": 1}
    assert counted.done("create") is None
    (bench.folder / ".records" / "torn.json").write_text("{")
    with pytest.raises(StoreError):
        await counted.look()
