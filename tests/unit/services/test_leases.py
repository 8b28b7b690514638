"""One process at a time types into a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from iterm_mcp.errors import RefusedError
from iterm_mcp.models.ids import SessionId
from iterm_mcp.services.deliveries.leases import Leases

if TYPE_CHECKING:
    from pathlib import Path

HERE, THERE = SessionId("HERE"), SessionId("THERE")


async def test_a_session_has_one_lease_at_a_time_and_others_are_refused_in_time(
    tmp_path: Path,
) -> None:
    one, other = (Leases(str(tmp_path / "leases"), wait_seconds=0.05) for _ in range(2))
    async with one.hold(HERE) as first:
        with pytest.raises(RefusedError) as caught:
            async with other.hold(HERE):
                pytest.fail("two writers at once")
        async with other.hold(THERE) as elsewhere:
            assert elsewhere.epoch == 1
    async with other.hold(HERE) as second:
        assert (first.epoch, second.epoch) == (1, 2)
    assert caught.value.code == "session_leased"


async def test_who_waits_gets_it_as_soon_as_it_is_free(tmp_path: Path) -> None:
    one, other = (Leases(str(tmp_path), wait_seconds=5) for _ in range(2))
    held = anyio.Event()

    async def wait() -> None:
        async with other.hold(HERE):
            held.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            async with one.hold(HERE):
                group.start_soon(wait)
                await anyio.sleep(0.1)
                assert not held.is_set()
            await held.wait()


async def test_a_cancelled_wait_leaves_nothing_locked(tmp_path: Path) -> None:
    one, other = (Leases(str(tmp_path), wait_seconds=5) for _ in range(2))
    async with one.hold(HERE):
        with anyio.move_on_after(0.1):
            async with other.hold(HERE):
                pytest.fail("two writers at once")
    async with one.hold(HERE) as lease:
        assert lease.epoch == 2


async def test_a_count_that_is_damaged_begins_anew(tmp_path: Path) -> None:
    leases = Leases(str(tmp_path))
    async with leases.hold(HERE):
        pass
    (path,) = [one async for one in anyio.Path(tmp_path).iterdir()]
    await path.write_bytes(b"\xff\xfe")
    async with leases.hold(HERE) as lease:
        assert lease.epoch == 1


async def test_a_folder_that_cannot_be_used_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError) as caught:
        async with Leases(str(tmp_path / "file")).hold(HERE):
            pytest.fail("no lease was taken")
    assert (caught.value.code, bool(caught.value.hint)) == ("no_lease", True)


async def test_where_there_is_no_other_process_leases_are_only_counted() -> None:
    leases = Leases(None)
    async with leases.hold(HERE) as first, leases.hold(THERE) as second:
        assert (first.epoch, second.epoch) == (1, 2)
