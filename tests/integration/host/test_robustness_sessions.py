"""Whatever programs do, and whatever runs out, the session beside them goes on answering."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest
from iterm2 import api_pb2
from tests.integration.host.neighbours import (
    close_windows,
    host_process,
    pid_of,
    quoted,
    still_echoes,
)
from tests.integration.host.wire_client import open_wire
from tests.integration.programs import wait_gone
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.homes import Home

DEAF = "/bin/sh -c 'trap \"\" HUP TERM INT; echo deaf; while :; do sleep 1; done'"

needs_prlimit = pytest.mark.skipif(
    not hasattr(psutil, "RLIMIT_NOFILE"), reason="another process's limits cannot be set here"
)


@contextmanager
def crowded(home: Home) -> Iterator[None]:
    """Leave the host no descriptor, and let callers wait who take any that it gets back."""
    process = host_process(home)
    process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 2,) * 2)
    with ExitStack() as callers:
        for _ in range(40):
            caller = callers.enter_context(socket.socket(socket.AF_UNIX))
            caller.connect(home.paths.host_socket)
        yield


@needs_prlimit
async def test_a_stubborn_shell_is_closed_while_no_descriptor_is_left(own_home: Home) -> None:
    async with open_wire(own_home) as wire:
        opened = await wire.open_window(quoted(DEAF))
        await eventually(lambda: wire.text(opened.session_id), lambda lines: lines[0] == "deaf")
        pid = await pid_of(wire, opened.session_id)
        healthy = await wire.open_window()
        with crowded(own_home):
            await still_echoes(wire, healthy.session_id, "before")
            await close_windows(wire, opened.window_id)
            await wait_gone(pid)
            listing = await wire.ask(api_pb2.ListSessionsRequest())
            assert [window.window_id for window in listing.windows] == [healthy.window_id]
            await wire.ask(api_pb2.SendTextRequest(session=healthy.session_id, text="after\n"))
            await eventually(lambda: wire.text(healthy.session_id), lambda text: "after" in text)
