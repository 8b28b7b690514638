"""Playbooks as a model asks for them, as far as nothing is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.tools.conftest import Caller

NOTE = """
playbook: one
variables: {what: , where: shared}
steps:
  - note: {namespace: "${where}", key: k, value: "${what}"}
"""


async def test_a_playbook_is_checked_and_planned(caller: Caller) -> None:
    valid = await caller.data("run_playbook", action="validate", document=NOTE)
    assert valid == {"playbook": "one", "steps": 1, "variables": {"what": None, "where": "shared"}}
    planned = await caller.data(
        "run_playbook", action="dry_run", document=NOTE, variables={"what": "x"}
    )
    assert planned["plan"] == "  1. note shared/k: x"
    wrong = await caller.refusal("run_playbook", action="validate", document="playbook: one")
    assert wrong["code"] == "bad_playbook"
    assert "line 1, steps: it is missing" in wrong["error"]


async def test_a_run_that_is_not_named_or_not_there_is_told(caller: Caller) -> None:
    assert await caller.data("run_playbook", action="status") == {"runs": []}
    for action in ("resume", "cancel"):
        assert "run_id" in (await caller.refusal("run_playbook", action=action))["hint"]
        gone = await caller.refusal("run_playbook", action=action, run_id="gone")
        assert gone["code"] == "run_not_found"
