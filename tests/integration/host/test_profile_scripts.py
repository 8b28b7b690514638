"""Unmodified scripts about profiles, presets, preferences, arrangements and restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.host import profile_scripts
from tests.integration.host.test_requests_profiles import write_profiles
from tests.integration.host.wire_client import run_script

if TYPE_CHECKING:
    from tests.integration.homes import Home


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
    await run_script(own_home, profile_scripts.__file__, script)
