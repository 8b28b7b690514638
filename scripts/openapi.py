"""The document of the HTTP interface, as the daemon serves it."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scripts.tool_table import unasked_tasks

from iterm_mcp.app import make_services, tool_rows
from iterm_mcp.services.events.questions import make_questions
from iterm_mcp.store import open_store
from iterm_mcp.store.events import open_event_store
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing import FakeClock, FakeTerminal
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.direct_calls import DirectCalls
from iterm_mcp.web.api.docs import make_document
from iterm_mcp.web.api.opening import ApiServices, open_api

if TYPE_CHECKING:
    from iterm_mcp.services.alerts.opening import Attention
    from iterm_mcp.services.backlog.opening import BacklogDesk
    from iterm_mcp.services.choosing.chooser import Chooser
    from iterm_mcp.services.probing.service import Probe
    from iterm_mcp.services.resources.opening import Resources


async def collect_document() -> dict[str, Any]:
    """Return the document; nothing behind it is used."""
    terminal, clock, metrics = FakeTerminal(), FakeClock(), Metrics()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            open_store(str(Path(folder) / "store.db"), clock) as store,
            open_event_store(str(Path(folder) / "events"), clock) as events,
        ):
            services = make_services(terminal, store, clock, metrics)
            questions = make_questions(events, clock)
            tasks = unasked_tasks()
            door = DirectCalls(tool_rows(services, questions, tasks), Calls(metrics.tools))
            desk = services.approvals.desk
            # Its routes look into it when they are asked, and here nobody asks.
            attention = cast("Attention", object())
            resources = cast("Resources", object())
            given = ApiServices(
                store, clock, door, questions, desk, attention, resources=resources,
                backlog=cast("BacklogDesk", object()), chooser=cast("Chooser", object()),
                worktrees=services.worktrees, tasks=tasks, probe=cast("Probe", object()),
            )  # fmt: skip
            api = await open_api(given)
            return make_document(await api.application.made(), door.facts())


def render_document() -> str:
    """Return the document as JSON."""
    return json.dumps(asyncio.run(collect_document()), indent=1, ensure_ascii=False) + "\n"
