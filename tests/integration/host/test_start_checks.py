"""A host that cannot work does not start, and one that cannot carry much says so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.host.neighbours import host, there

from iterm_mcp.config import Settings
from iterm_mcp.errors import TerminalUnavailableError
from iterm_mcp.processes import lock_holder
from iterm_mcp.terminal.endpoint import find_endpoint

if TYPE_CHECKING:
    from tests.integration.homes import Home

OTHER_LAYOUT = "from iterm_mcp.host import styles; styles.STYLE_BYTES = 1\n"
NO_EMULATOR = "import sys; sys.modules['pyghostty._ffi'] = None\n"


def spoil(home: Home, code: str) -> dict[str, str]:
    """Return the environment in which every Python program begins with some code."""
    folder = Path(home.paths.state) / "begin"
    folder.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder)}


async def few_files(home: Home, verb: str) -> tuple[int, str]:
    """Run a verb with a limit of 148 open files; return its exit code and what it printed."""
    with anyio.fail_after(30):
        done = await anyio.run_process(
            ["/bin/sh", "-c", f'ulimit -n 148; exec "$0" -m iterm_mcp host {verb}', sys.executable],
            env=home.environ,
            check=False,
            stderr=subprocess.STDOUT,
        )
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize(
    ("code", "reason"),
    [(OTHER_LAYOUT, "a style has"), (NO_EMULATOR, "(pyghostty) could not be loaded")],
    ids=["another layout", "no emulator"],
)
async def test_without_a_sound_emulator_no_host_starts_and_everybody_is_told_why(
    home: Home, code: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt = spoil(home, code)
    for verb in ("run", "start"):
        status, words = await host(home, verb, **spoilt)
        assert status == 1
        assert "the host cannot start: " in words
        assert reason in words
        assert "Traceback" not in words
    assert not there(home.paths.host_socket)
    assert lock_holder(home.paths.host_lock) is None

    for name, value in {**home.environ, **spoilt}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TerminalUnavailableError, match="did not come up: the host cannot start"):
        await find_endpoint(Settings(terminal="headless"), home.paths)


async def test_a_host_that_can_carry_few_sessions_says_what_limits_it(home: Home) -> None:
    limited = "42 sessions at most: the limit of open files is 148; raise it with `ulimit -n"
    code, words = await few_files(home, "start")
    assert code == 0
    assert limited in words
    assert limited in (await host(home, "status"))[1]
    assert limited in json.loads((await host(home, "status", "--json"))[1])["warning"]
    log = await anyio.Path(f"{home.paths.logs}/host.log").read_text()
    assert "few_sessions_possible" in log


async def test_what_an_earlier_host_warned_of_is_not_said_of_the_next(home: Home) -> None:
    await few_files(home, "start")
    await host(home, "stop")
    await host(home, "start")
    assert "the limit of open files is 148" not in (await host(home, "status"))[1]


async def test_a_host_starts_though_what_it_can_carry_cannot_be_written(home: Home) -> None:
    await anyio.Path(home.paths.host_info).mkdir(parents=True)
    assert (await host(home, "start"))[0] == 0
    log = await anyio.Path(f"{home.paths.logs}/host.log").read_text()
    assert "host_info_not_written" in log
    code, words = await host(home, "status", "--json")
    assert (code, json.loads(words)["warning"]) == (0, "")
