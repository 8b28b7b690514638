"""Full-screen programs run inside a session, are typed into and resized, and show what they should.

The steps are those that were recorded for the comparison with a reference terminal.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest
from iterm2 import api_pb2
from tests.fixtures.programs.plays import PLAYS
from tests.integration.programs import installed
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.host.wire_client import WireClient

SECONDS = 20


async def rows_of(wire: WireClient, session: str) -> list[str]:
    return [row.replace("\0", " ") for row in await wire.text(session)]


async def set_grid_size(wire: WireClient, session: str, columns: int, rows: int) -> None:
    size = json.dumps({"width": columns, "height": rows})
    asked = api_pb2.SetPropertyRequest(session_id=session, name="grid_size", json_value=size)
    assert (await wire.ask(asked)).status == api_pb2.SetPropertyResponse.OK


async def set_layout(wire: WireClient, tab: int, session: str, columns: int, rows: int) -> None:
    asked = api_pb2.SetTabLayoutRequest(tab_id=str(tab))
    pane = asked.root.links.add().session
    pane.unique_identifier = session
    pane.grid_size.width, pane.grid_size.height = columns, rows
    assert (await wire.ask(asked)).status == api_pb2.SetTabLayoutResponse.OK


@pytest.mark.parametrize("name", PLAYS)
async def test_a_full_screen_program_works_and_follows_each_change_of_size(
    wire: WireClient, tmp_path: Path, name: str
) -> None:
    play = PLAYS[name]
    for program in play.needs:
        installed(program)
    columns, rows = play.size
    command = " ".join(play.prepare(tmp_path))
    opened = await wire.open_window(command, Columns=str(columns), Rows=str(rows))
    session = opened.session_id

    resizes = 0
    for step in play.steps:
        if step.size is not None:
            columns, rows = step.size
            resizes += 1
            if resizes % 2:
                await set_grid_size(wire, session, columns, rows)
            else:
                await set_layout(wire, opened.tab_id, session, columns, rows)
        if step.keys:
            await wire.ask(api_pb2.SendTextRequest(session=session, text=step.keys))
        await eventually(
            partial(rows_of, wire, session),
            partial(step.holds, columns=columns),
            within_seconds=SECONDS,
        )
