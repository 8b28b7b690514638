"""The README's table of tools, from the tools' own titles and descriptions."""

from __future__ import annotations

import asyncio
import inspect
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from iterm_mcp.app import make_services, tool_rows
from iterm_mcp.services.events.questions import make_questions
from iterm_mcp.services.tasks.service import TaskService
from iterm_mcp.store import open_store
from iterm_mcp.store.events import open_event_store
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing import FakeClock, FakeTerminal

if TYPE_CHECKING:
    from iterm_mcp.tasks.engine import TaskEngine
    from iterm_mcp.tools.tool import ToolRow


def unasked_tasks() -> TaskService:
    """Return what tools and routes of tasks are made over, where nobody asks them."""
    nothing = cast("Any", None)
    return TaskService(cast("TaskEngine", nothing), nothing, nothing)


async def collect_rows() -> list[ToolRow]:
    """Return the tools as the daemon declares them; nothing behind them is used."""
    terminal, clock, metrics = FakeTerminal(), FakeClock(), Metrics()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            open_store(str(Path(folder) / "store.db"), clock) as store,
            open_event_store(str(Path(folder) / "events"), clock) as events,
        ):
            services = make_services(terminal, store, clock, metrics)
            return tool_rows(services, make_questions(events, clock), unasked_tasks())


def effect(row: ToolRow) -> str:
    """Say in a word what a call may do."""
    if row.annotations.read_only_hint:
        return "reads"
    if not row.annotations.destructive_hint:
        return "adds"
    return "types" if row.annotations.open_world_hint else "ends"


def render_tool_table() -> str:
    """Return the table in Markdown: name, effect, the first sentence of the description."""
    lines = ["| tool | effect | what it does |", "|---|---|---|"]
    for row in asyncio.run(collect_rows()):
        manual = inspect.getdoc(row.call) or ""
        sentence = " ".join(manual.split("\n\n")[0].split())
        lines.append(f"| `{row.call.__name__}` | {effect(row)} | {sentence} |")
    return "\n".join(lines) + "\n"
