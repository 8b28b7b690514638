"""What a host looks at before it listens, and what it leaves for others to read."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from iterm_mcp.host import capacity
from iterm_mcp.host.accepting import AcceptErrors
from iterm_mcp.host.json_file import write_whole
from iterm_mcp.host.limits import raise_file_limit
from iterm_mcp.host.selfcheck import check_emulator

if TYPE_CHECKING:
    from iterm_mcp.host.capacity import Limit
    from iterm_mcp.paths import Paths

log = structlog.get_logger()


async def check_start(paths: Paths) -> None:
    """Check the emulator, then see how many sessions there can be, and warn of too few.

    Raises:
        SelfCheckError: The emulator cannot be used.
    """
    check_emulator()
    asyncio.get_running_loop().set_exception_handler(AcceptErrors().handle)
    raise_file_limit()
    limit = await to_thread.run_sync(lambda: capacity.tightest(capacity.limits()))
    if limit is not None and limit.sessions < capacity.ENOUGH:
        log.warning("few_sessions_possible", reason=str(limit), remedy=limit.remedy)
    try:
        await to_thread.run_sync(_announce, paths.host_info, limit)
    except OSError as error:  # only `iterm-mcp host status` would say less
        log.warning("host_info_not_written", reason=str(error))


def _announce(path: str, limit: Limit | None) -> None:
    few = limit is not None and limit.sessions < capacity.ENOUGH
    info = {
        "pid": os.getpid(),
        "sessions": limit and limit.sessions,
        "warning": f"{limit}; {limit.remedy}" if limit and few else "",
    }
    write_whole(Path(path), json.dumps(info).encode())
