"""Holding an ended attempt against what was asked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from iterm_mcp.models.tasks import Outcome
from iterm_mcp.services.tasks.acceptance.commits import (
    find_line,
    why_no_commit,
    why_no_pull_request,
)
from iterm_mcp.services.tasks.acceptance.programs import run_commands
from iterm_mcp.services.tasks.acceptance.schemas import misfits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.tasks import Acceptance, TaskResult
    from iterm_mcp.tasks.work import Ending, Place

COMMAND_SECONDS = 600.0


async def verify(
    acceptance: Acceptance,
    place: Place,
    ending: Ending,
    result: TaskResult,
    *,
    begun: str = "",
    base: str = "",
    variables: Mapping[str, str] | None = None,
    seconds: float = COMMAND_SECONDS,
) -> tuple[str, ...]:
    """Return what was not found to be as asked for, a sentence each; nothing when all was.

    It only looks, and may be asked again; its commands are run again then. A run that did not end
    well is not looked at further.

    Args:
        begun: The commit that the work began from; without it no commit counts as its own.
        base: The branch that it is meant for, whose commits are not its own either.
        variables: Further ones for the commands; they see nobody's secrets otherwise.
        seconds: That each command may take.
    """
    ended = _why_not_ended_well(acceptance, ending, result)
    if ended:
        return (ended,)
    problems: list[str] = []
    if acceptance.schema is not None:
        problems += await misfits(acceptance.schema, result.output)
    if acceptance.commit or acceptance.pull_request:
        problems += await _unfinished_line(acceptance, place, result.branch, begun, base)
    problems += await run_commands(acceptance.commands, place.directory, seconds, variables or {})
    return tuple(problems)


def _why_not_ended_well(acceptance: Acceptance, ending: Ending, result: TaskResult) -> str:
    code = result.exit_code if ending.exit_code is None else ending.exit_code
    judged_by_code = code is not None and ending.outcome in {Outcome.SUCCEEDED, Outcome.FAILED}
    if ending.question:
        return "it has asked something, and did not end"
    if judged_by_code:
        if code in acceptance.exit_codes:
            return ""
        allowed = " or ".join(map(str, acceptance.exit_codes))
        return f"it exited with {code}, and {allowed} was asked for"
    if ending.outcome is not Outcome.SUCCEEDED:
        return ending.reason or f"it ended as {ending.outcome.value}"
    return ""


async def _unfinished_line(
    acceptance: Acceptance, place: Place, branch: str, begun: str, base: str
) -> list[str]:
    line = await find_line(place.directory, branch, begun, base)
    if isinstance(line, str):
        return [line]
    problems: list[str] = []
    if acceptance.commit:
        problems.append(await why_no_commit(place.directory, line))
    if acceptance.pull_request:
        problems.append(await why_no_pull_request(place.directory, line, os.environ))
    return [one for one in problems if one]
