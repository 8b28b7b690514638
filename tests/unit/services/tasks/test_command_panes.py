"""Commands whose pane the terminal does not answer for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from anyio import to_thread
from tests.unit.services.tasks.attempts import make_order

from iterm_mcp.errors import TerminalUnavailableError
from iterm_mcp.models.ids import SessionId
from iterm_mcp.services.agents.launches import Origin
from iterm_mcp.services.agents.placing import PlacedPane
from iterm_mcp.services.tasks import commands
from iterm_mcp.services.tasks.commands import RUN, CommandRuns
from iterm_mcp.services.tasks.folders import AttemptFolders
from iterm_mcp.tasks.work import Place

if TYPE_CHECKING:
    from pathlib import Path
    from signal import Signals

    from iterm_mcp.models.sessions import Program
    from iterm_mcp.services.agents.placing import Place as PanePlace
    from iterm_mcp.services.agents.processes import MarkedProcess, ProcessId


class NoProcesses:
    """Nothing runs."""

    async def stands(self, process: ProcessId) -> bool:
        _ = process
        return False

    async def tree(self, root: ProcessId) -> tuple[ProcessId, ...]:
        _ = root
        return ()

    async def signal(self, process: ProcessId, *numbers: Signals) -> bool:
        _ = process, numbers
        return False

    async def describe(self, processes: tuple[ProcessId, ...]) -> tuple[str, ...]:
        _ = processes
        return ()

    async def marked(self, origin: str) -> tuple[MarkedProcess, ...]:
        _ = origin
        return ()


class FailingPanes:
    """Opens panes, and goes away so often while it does.

    Args:
        comes_up: Whether the pane is there all the same.
    """

    def __init__(self, folder: Path, times: int, *, comes_up: bool = False) -> None:
        self._status = folder / RUN / "status.json"
        self._times = times
        self._comes_up = comes_up
        self.opened = 0

    async def open(self, program: Program, place: PanePlace) -> PlacedPane:
        _ = program, place
        self.opened += 1
        fails = self.opened <= self._times
        if self._comes_up or not fails:
            await to_thread.run_sync(self._come_up)
        if fails:
            raise TerminalUnavailableError("the connection to the terminal was lost")
        return PlacedPane(SessionId("s"))

    def _come_up(self) -> None:
        order = json.loads(self._status.with_name("order.json").read_text("utf-8"))
        found = {
            "keeper": 7, "keeper_started": "1", "session": "s", "life": order["life"],
            "epoch": 1, "state": "running", "pid": 8, "started": "1",
        }  # fmt: skip
        self._status.write_text(json.dumps(found), "utf-8")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "COMES_UP_SECONDS", 0.05)
    monkeypatch.setattr(commands, "LATEST_SECONDS", 0.01)


@pytest.mark.parametrize(
    ("times", "comes_up", "opened"),
    [(0, False, 1), (1, False, 2), (3, False, 4), (1, True, 1)],
    ids=["no fault", "once", "three times", "it came up all the same"],
)
async def test_a_terminal_that_goes_away_while_a_pane_is_opened_costs_no_attempt(
    tmp_path: Path, times: int, opened: int, *, comes_up: bool
) -> None:
    order, folders = make_order("true"), AttemptFolders(tmp_path)
    panes = FailingPanes(folders.of(order.attempt_id).path, times, comes_up=comes_up)
    runs = CommandRuns(panes, NoProcesses(), folders, Origin("/state", None))

    running = await runs.begin(order, Place("/work"))
    again = await runs.begin(order, Place("/work"))

    assert panes.opened == opened
    assert running == again
    assert running.session_id == "s"


async def test_a_terminal_that_stays_away_is_told(tmp_path: Path) -> None:
    order, folders = make_order("true"), AttemptFolders(tmp_path)
    panes = FailingPanes(folders.of(order.attempt_id).path, 99)
    runs = CommandRuns(panes, NoProcesses(), folders, Origin("/state", None))

    with pytest.raises(TerminalUnavailableError):
        await runs.begin(order, Place("/work"))

    assert panes.opened == commands.OPEN_TRIES
