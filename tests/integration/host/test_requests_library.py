"""Unmodified scripts, in processes of their own, with nothing but the printed environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.host import library_scripts, refusal_scripts
from tests.integration.host.wire_client import run_script

if TYPE_CHECKING:
    from tests.integration.homes import Home


@pytest.mark.usefixtures("wire")  # it closes the windows that the script has opened
@pytest.mark.parametrize("script", [one.__name__ for one in library_scripts.SCRIPTS])
async def test_an_unmodified_script(host_home: Home, script: str) -> None:
    await run_script(host_home, library_scripts.__file__, script)


@pytest.mark.usefixtures("wire")
@pytest.mark.parametrize("script", [one.__name__ for one in refusal_scripts.SCRIPTS])
async def test_an_unmodified_script_is_told_what_cannot_be(host_home: Home, script: str) -> None:
    await run_script(host_home, refusal_scripts.__file__, script)
