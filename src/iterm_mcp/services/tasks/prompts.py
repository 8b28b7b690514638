"""What an attempt's agent is called, told and given to know. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from iterm_mcp.services.events.task_links import TASK
from iterm_mcp.services.tasks.names import worker_name

if TYPE_CHECKING:
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.services.tasks.folders import AttemptFolder
    from iterm_mcp.tasks.work import Order

ATTEMPT = "ITERM_MCP_ATTEMPT"
"""By which all processes of an attempt are known."""
RESULT = "ITERM_MCP_RESULT"
"""The file in which the run hands over its result."""
INPUTS = "ITERM_MCP_INPUTS"
"""The file with the results of the tasks that it needs."""

SCHEMA_CHARACTERS = 4000

GO_ON = "Go on with your task: you were interrupted, and the start of this conversation has it."
"""What an agent is told that was started again after a crash."""

_HOW = """

---
This is task {name!r}, attempt {number}. Do it in the directory that you were started in.
When it is done, hand over what came of it as JSON: write it to the file {path} (its path is in
the variable {variable} as well). Where you cannot write there, end your last message with the
JSON in a ```json block instead. If there is nothing to hand over, a last message that says in a
sentence what you did is enough. If it cannot be done, say so, and why."""
_SCHEMA = "\nThe JSON must be as this schema asks: {}"
_COMMIT = "\nCommit your work to the branch that is checked out; only what is committed counts."
_PULL_REQUEST = "\nPush the branch that is checked out, and open a pull request of it."
_INPUTS = "\nThe results of the tasks that this one needs are in the file {}."


def agent_name(order: Order) -> AgentName:
    """Return the name of the agent of an attempt; no other attempt's has it."""
    return worker_name(order.spec.name, order.task_id, order.number)


def told(order: Order, folder: AttemptFolder) -> str:
    """Return what an agent is told: what was asked for, and how it hands over its result."""
    wanted = order.spec.acceptance
    parts = [
        order.spec.prompt,
        _HOW.format(name=order.spec.name, number=order.number, path=folder.result, variable=RESULT),
    ]
    if wanted.schema is not None:
        schema = json.dumps(wanted.schema, ensure_ascii=False)
        parts.append(_SCHEMA.format(schema) if len(schema) <= SCHEMA_CHARACTERS else "")
    if wanted.commit or wanted.pull_request:
        parts.append(_COMMIT)
    if wanted.pull_request:
        parts.append(_PULL_REQUEST)
    if order.inputs:
        parts.append(_INPUTS.format(folder.inputs))
    return "".join(parts)


def environment(order: Order, folder: AttemptFolder) -> dict[str, str]:
    """Return the variables that a run sees: the task's own, and those by which it is known."""
    known = {
        TASK: str(order.task_id),
        ATTEMPT: order.attempt_id,
        RESULT: str(folder.result),
    }
    if order.inputs:
        known[INPUTS] = str(folder.inputs)
    return {**order.spec.environment, **known}


def inputs_text(order: Order) -> str:
    """Return the results of the tasks that an attempt's task needs, as JSON by name."""
    return json.dumps(
        {name: asdict(result) for name, result in order.inputs.items()},
        ensure_ascii=False,
        default=str,
    )
