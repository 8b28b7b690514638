"""What is saved is read back whole, also after a restart."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest

from iterm_mcp.errors import ConflictError, NotFoundError, StoreError
from iterm_mcp.models.agent_lives import AgentOrder
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.models.layouts import Pane, PaneAgent, SavedLayout, SavedTeam, Splitter
from iterm_mcp.models.sessions import Program
from iterm_mcp.store import Store, layouts, open_store
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from iterm_mcp.testing import FakeClock

ADA = PaneAgent(AgentName("ada"), role="writes", teams=(TeamName("crew"),))
ORDER = AgentOrder("claude", "/tmp", "Begin.", environment={"A": "1"}, options=("-v",))
BOB = PaneAgent(AgentName("bob"), "claude", order=ORDER, conversation="c1", transcript="/t")
PROGRAM = Program("top", "/usr", "Default", "load \u2728", tags=("x", "y"))
TREE = Splitter(
    vertical=True,
    children=(
        Pane(PROGRAM, 0.3, agent=ADA),
        Splitter(
            vertical=False, children=(Pane(weight=0.5), Pane(weight=0.5, agent=BOB)), weight=0.7
        ),
    ),
)
TEAMS = (
    SavedTeam(TeamName("staff"), None, "all"),
    SavedTeam(TeamName("crew"), TeamName("staff"), ""),
)
DESK = SavedLayout("desk", ((TREE, Pane()), (Pane(),)), TEAMS, START)


async def test_a_layout_is_read_back_whole_after_a_restart(path: str, clock: FakeClock) -> None:
    async with open_store(path, clock) as store:
        await store.layouts.save(DESK, replace=False)
    async with open_store(path, clock) as store:
        assert await store.layouts.find("desk") == DESK


async def test_what_an_older_version_kept_of_an_agent_is_still_read(
    store: Store, path: str
) -> None:
    only = replace(DESK, windows=((Pane(PROGRAM, agent=ADA),),))
    await store.layouts.save(only, replace=False)
    await anyio.to_thread.run_sync(_age, path)

    assert await store.layouts.find("desk") == only


def _age(path: str) -> None:
    """Write a layout's agent as the first version did."""
    with sqlite3.connect(path) as connection:
        ((text,),) = connection.execute("SELECT content FROM layouts")
        content = json.loads(text)
        content["windows"][0][0]["agent"] = ["ada", "shell", "writes", ["crew"]]
        connection.execute("UPDATE layouts SET content = ?", (json.dumps(content),))
    connection.close()


async def test_layouts_are_listed_by_name(store: Store) -> None:
    assert await store.layouts.list() == ()
    for name in ("b", "a"):
        await store.layouts.save(replace(DESK, name=name), replace=False)

    assert [one.name for one in await store.layouts.list()] == ["a", "b"]


async def test_a_name_is_taken_over_only_on_request(store: Store) -> None:
    await store.layouts.save(DESK, replace=False)
    other = replace(DESK, windows=((Pane(),),))

    with pytest.raises(ConflictError, match="desk") as caught:
        await store.layouts.save(other, replace=False)
    assert "replace" in caught.value.hint
    assert await store.layouts.find("desk") == DESK

    await store.layouts.save(other, replace=True)
    assert await store.layouts.find("desk") == other


async def test_there_is_an_end_to_saving(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layouts, "MOST_LAYOUTS", 1)
    await store.layouts.save(DESK, replace=False)

    with pytest.raises(ConflictError, match="1 layouts") as caught:
        await store.layouts.save(replace(DESK, name="more"), replace=False)
    assert caught.value.hint
    await store.layouts.save(DESK, replace=True)


async def test_a_forgotten_layout_is_gone(store: Store) -> None:
    await store.layouts.save(DESK, replace=False)
    await store.layouts.remove("desk")

    assert await store.layouts.list() == ()
    with pytest.raises(NotFoundError) as caught:
        await store.layouts.remove("desk")
    assert caught.value.kind == "layout"


async def test_an_unknown_name_is_answered_with_those_there_are(store: Store) -> None:
    with pytest.raises(NotFoundError) as none:
        await store.layouts.find("desk")
    for number in range(21):
        await store.layouts.save(replace(DESK, name=f"n{number:02}"), replace=False)
    with pytest.raises(NotFoundError) as many:
        await store.layouts.find("desk")

    assert "export_layout" in none.value.hint
    assert many.value.hint.startswith("There are: n00, n01,")
    assert "n19, …" in many.value.hint


async def test_a_damaged_layout_says_what_to_do_and_hides_no_other(
    path: str, clock: FakeClock
) -> None:
    async with open_store(path, clock) as store:
        await store.layouts.save(DESK, replace=False)
        await store.layouts.save(replace(DESK, name="good"), replace=False)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE layouts SET content = '{}' WHERE name = 'desk'")
    connection.close()
    async with open_store(path, clock) as store:
        with pytest.raises(StoreError, match="desk") as caught:
            await store.layouts.find("desk")
        assert [one.name for one in await store.layouts.list()] == ["good"]
        await store.layouts.remove("desk")
    assert "Forget" in caught.value.hint
