"""The course of an attempt: which of its steps follows on which.

A step answers with what comes next:

- ``on``: the next step.
- ``ask``: a person has to answer first.
- ``end``: the attempt is over, with an outcome and a reason.
- ``gone``: the attempt is somebody else's by now; only what it opened here is still to be closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from iterm_mcp.models.tasks import Outcome

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json

Next = dict[str, "Json"]

ABANDONED = "!"
"""Ends the id of the course that closes what one that broke has left open."""

GONE: Next = {"next": "gone"}


def on() -> Next:
    """Go on with the next step."""
    return {"next": "on"}


def end(outcome: Outcome, reason: str = "") -> Next:
    """Say that the attempt is over."""
    return {"next": "end", "outcome": outcome, "reason": reason}


class Steps(Protocol):
    """The steps of attempts, see `iterm_mcp.tasks.attempts`."""

    async def prepare(self, attempt_id: str) -> Next:
        """Have it a place to work in."""

    async def begin(self, attempt_id: str) -> Next:
        """Have something work on it."""

    async def supervise(self, attempt_id: str, turn: int) -> Next:
        """Watch it until it ends or asks."""

    async def wait_answer(self, attempt_id: str, turn: int) -> Next:
        """Wait a while for a person's answer, and hand it on."""

    async def collect(self, attempt_id: str) -> Next:
        """Gather what came of it."""

    async def clean(self, attempt_id: str, outcome: str) -> str:
        """Close what it opened; return where evidence of a failure is."""

    async def settle(self, attempt_id: str, outcome: str, reason: str, evidence: str) -> None:
        """Write down how it ended."""


async def run_attempt(steps: Steps, attempt_id: str) -> None:
    """Do one attempt from its place to its end.

    Done again from the start, it goes on where it was: a step that has made something before says
    so, and makes nothing.
    """
    found: Any = await steps.prepare(attempt_id)
    if found["next"] == "on":
        found = await steps.begin(attempt_id)
    turn = 0
    while found["next"] == "on":
        found = await steps.supervise(attempt_id, turn)
        if found["next"] != "ask":
            break
        found = await steps.wait_answer(attempt_id, turn)
        turn += 1
    if found["next"] == "on":
        found = await steps.collect(attempt_id)
    if found["next"] == "end":
        evidence = await steps.clean(attempt_id, found["outcome"])
        await steps.settle(attempt_id, found["outcome"], found["reason"], evidence)
    else:
        await steps.clean(attempt_id, Outcome.LOST.value)


async def abandon_attempt(steps: Steps, attempt_id: str, reason: str) -> None:
    """End an attempt whose course broke."""
    evidence = await steps.clean(attempt_id, Outcome.FAILED.value)
    await steps.settle(attempt_id, Outcome.FAILED.value, reason, evidence)
