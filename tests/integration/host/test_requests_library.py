"""Unmodified scripts, in processes of their own, with nothing but the printed environment."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.host import library_scripts
from tests.integration.host.wire_client import printed_environment

if TYPE_CHECKING:
    from tests.integration.homes import Home

SECONDS = 30.0


@pytest.mark.usefixtures("wire")  # it closes the windows that the script has opened
@pytest.mark.parametrize("script", [one.__name__ for one in library_scripts.SCRIPTS])
async def test_an_unmodified_script(host_home: Home, script: str) -> None:
    environ = await printed_environment(host_home)
    with anyio.fail_after(SECONDS):
        done = await anyio.run_process(
            [sys.executable, library_scripts.__file__, script],
            env=environ,
            check=False,
            stderr=subprocess.STDOUT,
        )
    assert done.returncode == 0, done.stdout.decode()
