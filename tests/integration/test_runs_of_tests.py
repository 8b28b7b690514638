"""How the tests themselves are run: what hangs is ended, and what is ignored is not inherited."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests import conftest

ROOT = Path(__file__).parents[2]
ALONE = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # loading them all takes seconds
    "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}",
    "PYTHONDONTWRITEBYTECODE": "1",
}

HANGING = """
import signal, threading
import pytest

@pytest.fixture
def held():
    yield
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    threading.Event().wait()

@pytest.mark.timeout(0.4)
def test_that_hangs(held):
    assert False

def test_that_comes_later():
    pass
"""

TELLING = """
import signal, subprocess, sys

def test_what_a_child_has():
    told = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert subprocess.check_output([sys.executable, "-c", told]).strip() == b"True"
"""


def pytest_in(folder: Path, text: str, *words: str, ignoring: bool = False) -> str:
    """Run these tests in a process of their own; return what it printed."""
    path = folder / "test_inside.py"
    path.write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    done = subprocess.run(
        [*command, "--rootdir", str(folder), *words, str(path)],
        cwd=folder,
        env={**os.environ, **ALONE},
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignoring else None,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def test_a_test_that_hangs_in_its_teardown_is_named_and_the_run_goes_on(tmp_path: Path) -> None:
    loaded = [f"-p{one}" for one in ("xdist", "pytest_timeout", "tests.hanging")]
    printed = pytest_in(tmp_path, HANGING, *loaded, "-n", "1")

    assert "crashed while running 'test_inside.py::test_that_hangs'" in printed
    assert "in held" in printed  # where it hung
    assert "1 passed" in printed


def test_what_tests_start_hears_interrupts_though_the_run_ignores_them(tmp_path: Path) -> None:
    named = ["-p", "pytest_timeout", "-p", conftest.__name__]

    assert "1 passed" in pytest_in(tmp_path, TELLING, *named, ignoring=True)
    assert "1 failed" in pytest_in(tmp_path, TELLING, ignoring=True)
