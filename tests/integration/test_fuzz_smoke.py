"""The fuzzers run, find nothing where there is nothing, and find what is planted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

if TYPE_CHECKING:
    from subprocess import CompletedProcess

pytestmark = pytest.mark.headless

ROOT = Path(__file__).resolve().parents[2]


async def fuzz(kind: str, folder: Path, *more: str, seconds: float = 3) -> CompletedProcess[bytes]:
    argv = [sys.executable, "-m", "tests.fuzz", kind, "--seed", "smoke", "--folder", str(folder)]
    with anyio.fail_after(110):
        return await anyio.run_process(
            [*argv, "--seconds", str(seconds), *more],
            cwd=ROOT,
            check=False,
            stderr=subprocess.STDOUT,
        )


@pytest.mark.parametrize(("kind", "more"), [("output", ["--block", "20"]), ("api", [])])
async def test_a_short_run_finds_nothing(tmp_path: Path, kind: str, more: list[str]) -> None:
    done = await fuzz(kind, tmp_path, *more)
    out = done.stdout.decode()
    assert done.returncode == 0, out
    assert "Nothing was found." in out


@pytest.mark.parametrize(
    ("kind", "plant", "found"),
    [
        ("output", "raises", "ValueError in plants.py:inject"),
        pytest.param("output", "loses-count", "broken: overflow", marks=pytest.mark.long),
        ("output", "crashes", "the process ended with -11"),
        pytest.param("output", "blocks", "took too long", marks=pytest.mark.long),
        pytest.param(
            "api", "crashes", "internal error: list_profiles_request", marks=pytest.mark.long
        ),
    ],
)
async def test_a_planted_fault_is_found_and_found_again(
    tmp_path: Path, kind: str, plant: str, found: str
) -> None:
    more = ["--plant", plant] + (["--block", "0.2"] if plant == "blocks" else [])
    out = (await fuzz(kind, tmp_path, *more)).stdout.decode()
    assert found in out, out
    done = await fuzz(kind, tmp_path / "again", *more, "--replay", str(tmp_path / "finding-1.json"))
    assert done.returncode == 1, done.stdout.decode()
    assert "FOUND: " in done.stdout.decode()
