"""By how much a directory grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.services.resources.growth import DirectoryGrowth

if TYPE_CHECKING:
    from pathlib import Path


def fill(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


def test_growth_is_known_when_it_was_gone_through_twice(tmp_path: Path) -> None:
    fill(tmp_path / "a/old", 100_000)
    growth = DirectoryGrowth(str(tmp_path))
    growth.step()
    first = growth.grown_bytes
    fill(tmp_path / "b/c/new", 1_000_000)
    growth.step()
    second = growth.grown_bytes
    (tmp_path / "b/c/new").unlink()
    (tmp_path / "a/old").unlink()
    growth.step()

    assert first is None
    assert second is not None
    assert 900_000 < second < 1_200_000
    assert growth.grown_bytes == 0


def test_a_large_directory_is_gone_through_in_steps(tmp_path: Path) -> None:
    for number in range(20):
        fill(tmp_path / f"{number}/file", 10)
    growth = DirectoryGrowth(str(tmp_path), begin_bytes=0)
    steps = 0
    while growth.grown_bytes is None:
        growth.step(5)
        steps += 1

    assert steps > 5
    assert growth.grown_bytes > 0


def test_a_directory_that_is_gone_has_not_grown(tmp_path: Path) -> None:
    growth = DirectoryGrowth(str(tmp_path / "gone"), begin_bytes=10)
    growth.step()

    assert growth.grown_bytes == 0
