"""The gates of `scripts/check.py`: which there are, what is run once more, and what is red."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from scripts.check import CACHE, COVERAGE, ROOT, UNSTEADY_LIMIT, Gate, failed_tests, gates, run

if TYPE_CHECKING:
    from pathlib import Path

PYTEST = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir=${{{CACHE}}}"]

UNLUCKY = """
import pathlib
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_luck(number):
    met = pathlib.Path(__file__).with_suffix(f".{{number}}")
    lucky = met.exists() and {mended}
    met.touch()
    assert lucky
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        CACHE: f"{tmp_path}/cache",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # loading them all takes seconds
    }


def gate(folder: Path, *, count: int, mended: bool) -> Gate:
    """Return a gate over tests that fail once, or each time."""
    path = folder / "test_luck.py"
    path.write_text(UNLUCKY.format(count=count, mended=mended))
    command = [*PYTEST, "--rootdir", str(folder), "-c", os.devnull, str(path)]
    return Gate("tests", [command], again=[*command, "--last-failed"])


def test_a_test_that_passes_alone_is_named_as_unsteady(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    green, words = run(gate(tmp_path, count=1, mended=True), environ)

    assert green
    assert "unsteady" in words
    assert "test_luck[0]" in words


def test_a_test_that_fails_again_is_red(tmp_path: Path, environ: dict[str, str]) -> None:
    assert run(gate(tmp_path, count=1, mended=False), environ) == (False, "failed with 1")


def test_many_failures_are_no_accident(tmp_path: Path, environ: dict[str, str]) -> None:
    many = gate(tmp_path, count=UNSTEADY_LIMIT + 1, mended=True)

    assert run(many, environ) == (False, "failed with 1")


@pytest.mark.parametrize(
    ("noted", "failed"),
    [
        ('{"test_b.py::test_b": true, "test_a.py::test_a[x]": true}',
         ["test_a.py::test_a[x]", "test_b.py::test_b"]),
        ('{"gw0": true, "gw1": true}', []),
        ('{"test_a.py": true, "test_b.py::test_b": true}', []),
    ],
)  # fmt: skip
def test_what_could_not_be_collected_is_not_called_unsteady(
    tmp_path: Path, environ: dict[str, str], noted: str, failed: list[str]
) -> None:
    assert failed_tests(environ) == []
    path = tmp_path / "cache" / "v" / "cache" / "lastfailed"
    path.parent.mkdir(parents=True)
    path.write_text(noted)

    assert failed_tests(environ) == failed


def test_what_tests_cover_is_measured_apart_from_every_run() -> None:
    plain, measured = gates(), gates(coverage=True)

    assert [one.name for one in measured] == ["tests", "coverage"]
    assert plain[-1].name == "tests"
    assert COVERAGE not in plain
    assert not any("coverage" in word for command in plain[-1].commands for word in command)
    for commands in (measured[0].commands, [measured[0].again]):
        assert all(command[1:4] == ["-m", "coverage", "run"] for command in commands)


def test_what_tests_cover_is_looked_at_every_night() -> None:
    workflow = (ROOT / ".github" / "workflows" / "nightly.yml").read_text("utf-8")
    assert "- run: uv run scripts/check.py --coverage\n" in workflow
