"""The demo, as a stranger runs it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import psutil
import pytest
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.headless

SECONDS = 60


@pytest.fixture
def empty() -> Iterator[Path]:
    """An empty home, which is also where temporary folders go."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-"))
    yield folder
    shutil.rmtree(folder)


def environ(empty: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ITERM_MCP")}
    return {**kept, "HOME": str(empty), "TMPDIR": str(empty), "COLUMNS": "100"}


def of_home(home: Path) -> list[int]:
    """Return the processes that were started with this home or below it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME", "").startswith(str(home)):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def left_in(home: Path) -> list[str]:
    return [path.name for path in home.glob("im-*")]


async def test_four_agents_answer_and_nothing_is_left(empty: Path) -> None:
    picture = empty / "picture.svg"
    with anyio.fail_after(SECONDS):
        done = await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "demo", "--picture", str(picture)],
            env=environ(empty),
            check=False,
            stderr=subprocess.STDOUT,
        )
    out = done.stdout.decode()
    assert done.returncode == 0, out
    for name, words in {"ann": 3, "ben": 3, "cem": 5, "dana": 6}.items():
        assert re.search(rf"{name}: done, +{words} words", out)
    for operation in ("list_sessions", "open_session", "split_session", "send_text", "read_screen"):
        assert re.search(rf"{operation} +│ \d+ +│ +\d+\.\d\d ms", out)
    assert "cannot validate" not in out, "a tool of the demo's is not listed to its client"
    await eventually(lambda: of_home(empty), lambda pids: pids == [], within_seconds=10)
    drawn = picture.read_text("utf-8")
    assert drawn.startswith("<svg")
    assert "dana" in drawn
    picture.unlink()
    assert left_in(empty) == []


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"ITERM_MCP_LOG_LEVEL": "shrill"}, "daemon.log: ITERM_MCP_LOG_LEVEL: Input should be"),
        ({"ITERM_MCP_CONNECT_TIMEOUT_SECONDS": "0.001"}, "list_sessions failed: "),
        pytest.param(
            {"PATH": "/no/such/folder"},
            "No answer from ann, ben, cem, dana",
            marks=pytest.mark.long,
        ),
    ],
    ids=["no daemon", "no terminal", "no answers"],
)
async def test_what_stops_the_demo_is_said_and_nothing_is_left(
    empty: Path, broken: dict[str, str], says: str
) -> None:
    with anyio.fail_after(SECONDS):
        done = await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "demo"],
            env=environ(empty) | broken,
            check=False,
            stderr=subprocess.STDOUT,
        )

    out = done.stdout.decode()
    assert done.returncode == 1
    assert says in out
    assert "Traceback" not in out
    assert left_in(empty) == []
    await eventually(lambda: of_home(empty), lambda pids: pids == [], within_seconds=10)


async def test_a_picture_that_cannot_be_written_is_named(empty: Path) -> None:
    with anyio.fail_after(SECONDS):
        done = await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "demo", "--picture", f"{empty}/no/such.svg"],
            env=environ(empty),
            check=False,
            stderr=subprocess.STDOUT,
        )

    out = done.stdout.decode()
    assert done.returncode == 1
    assert f"No such file or directory: {empty}/no/such.svg" in out
    assert "Traceback" not in out
    assert left_in(empty) == []


@pytest.mark.parametrize("moment", ["", "daemon.lock", "host.lock"])
async def test_an_interrupted_demo_leaves_nothing(empty: Path, moment: str) -> None:
    process = await anyio.open_process(
        [sys.executable, "-m", "iterm_mcp", "demo"], env=environ(empty), stderr=subprocess.STDOUT
    )
    async with process:
        # The home is there first, then the daemon, then the host; each may be half started.
        await eventually(lambda: list(empty.glob(f"im-demo-*/{moment}")), within_seconds=SECONDS)
        process.send_signal(signal.SIGINT)
        with anyio.fail_after(SECONDS):
            assert await process.wait() != 0
    assert left_in(empty) == []
    assert of_home(empty) == []
