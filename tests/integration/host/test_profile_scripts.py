"""Unmodified scripts about profiles, presets, preferences, arrangements and restarts."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.host import profile_scripts
from tests.integration.host.test_requests_profiles import write_profiles
from tests.integration.host.wire_client import printed_environment

if TYPE_CHECKING:
    from tests.integration.homes import Home

SECONDS = 30.0


@pytest.mark.parametrize("script", [one.__name__ for one in profile_scripts.SCRIPTS])
async def test_an_unmodified_script(own_home: Home, script: str) -> None:
    write_profiles(
        own_home,
        {
            "Guid": profile_scripts.WORK,
            "Name": "Work",
            "Badge Text": "at work",
            "Dynamic Profile Parent Name": "Default",
        },
    )
    environ = await printed_environment(own_home)
    with anyio.fail_after(SECONDS):
        done = await anyio.run_process(
            [sys.executable, profile_scripts.__file__, script],
            env=environ,
            check=False,
            stderr=subprocess.STDOUT,
        )
    assert done.returncode == 0, done.stdout.decode()
