"""Roles and runs as they are kept: what cannot be read is told, and never passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.errors import StoreError
from iterm_mcp.models.playbooks import Known, Run, RunId, RunState
from iterm_mcp.models.roles import Reach, Role

if TYPE_CHECKING:
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"name": "x", "reach": "far"}'])
async def test_a_role_that_cannot_be_read_limits_nobody_less(
    store: Store, clock: FakeClock, content: str
) -> None:
    await store.roles.save(Role("tame", reach=Reach.OWN), clock.now())
    assert (await store.roles.load())["tame"].reach is Reach.OWN
    await store.roles._database.write(
        lambda connection: connection.execute("UPDATE roles SET content = ?", (content,))
    )
    store.roles._known = None

    with pytest.raises(StoreError, match="'tame'"):
        await store.roles.load()


async def test_a_run_that_cannot_be_read_is_told(store: Store, clock: FakeClock) -> None:
    now = clock.now()
    run = Run(RunId("r"), "n", "d", {"a": "b"}, RunState.DONE, "", "ann", Known(), now, now)
    await store.playbooks.save(run)
    assert await store.playbooks.find(RunId("r")) == (run, ())
    await store.playbooks._database.write(
        lambda connection: connection.execute("UPDATE playbook_runs SET state = 'gone'")
    )

    with pytest.raises(StoreError, match="'r'"):
        await store.playbooks.find(RunId("r"))
