"""One run of a playbook on its way through its steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from iterm_mcp.access import TIERS
from iterm_mcp.errors import ItermMcpError, TerminalError
from iterm_mcp.models.playbooks import Decision, RunState, StepRecord, StepState
from iterm_mcp.services.playbooks.plan import as_calls, filled, settle_variables, told
from iterm_mcp.services.playbooks.tasks import StepError, Task, UndecidedError, caller_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.playbooks import Run
    from iterm_mcp.services.playbooks.document import Playbook, StepPart
    from iterm_mcp.services.playbooks.steps import Steps
    from iterm_mcp.services.playbooks.tasks import Detail, Outcome

    Save = Callable[..., Awaitable[Run]]

READ, MUTATE, _ = TIERS
LOOKS = frozenset({"wait", "read"})
ENDED = frozenset({StepState.DONE, StepState.SKIPPED})


class Permits(Protocol):
    """Knows what each agent may do."""

    async def check(
        self, name: AgentName, tool: str, tier: str, arguments: Mapping[str, object]
    ) -> None:
        """Let a call pass, or raise `RefusedError`."""


class Driver:
    """Does the steps that are left, and keeps the journal.

    Attributes:
        run: The run as it stands.
        now: What is under way, in words.

    Args:
        journal: What is known of its steps.
        save: Keeps the run, and steps of it, and returns the run as it was kept.
    """

    def __init__(
        self,
        run: Run,
        playbook: Playbook,
        journal: tuple[StepRecord, ...],
        steps: Steps,
        permits: Permits,
        save: Save,
        clock: Clock,
    ) -> None:
        self.run = run
        self.now = ""
        self._playbook = playbook
        self._journal = {one.number: one for one in journal}
        self._steps = steps
        self._permits = permits
        self._save = save
        self._clock = clock
        self._values = settle_variables(playbook, run.variables)

    async def go(self, decision: Decision) -> None:
        """Do what is left, until the end or until a step does not do what it should.

        Raises:
            StoreError: The journal cannot be written.
        """
        for number, step in enumerate(self._playbook.steps, 1):
            former = self._journal.get(number)
            if former is not None and former.state in ENDED:
                continue
            if former is not None and decision is Decision.SKIP:
                now = self._clock.now()
                await self._keep(replace(former, state=StepState.SKIPPED, ended_at=now))
            elif not await self._step(number, step, former, again=decision is Decision.REPEAT):
                return
            decision = Decision.LOOK  # it was about the first that is left
        self.run = replace(self.run, state=RunState.DONE)
        await self._keep()

    async def _step(
        self, number: int, step: StepPart, former: StepRecord | None, *, again: bool
    ) -> bool:
        """Do one step; False when the run stops there."""
        attempt, before = _attempt(former, again=again)
        record = StepRecord(number, StepState.UNDER_WAY, {"attempt": attempt}, self._clock.now())
        if former is None:
            await self._keep(record)

        async def note(detail: Detail) -> None:
            nonlocal record
            record = replace(record, detail={**detail, "attempt": attempt})
            await self._keep(record)

        state, reason, detail = StepState.DONE, "", dict[str, "object"]()
        try:
            outcome = await self._done(number, step, note, before, attempt)
            detail = {**outcome.detail}
            self.run = replace(self.run, known=outcome.known)
        except UndecidedError as error:
            state, reason = StepState.UNKNOWN, str(error)
        except StepError as error:
            state, reason, detail = StepState.FAILED, str(error), {**error.detail}
        except TerminalError as error:  # it may have taken effect: the next try looks
            state, reason = StepState.FAILED, f"{error} {error.hint}".strip()
        except ItermMcpError as error:
            state, reason = StepState.FAILED, f"{error} {error.hint}".strip()
            detail = {"error": error.code}
        if state is not StepState.DONE:
            stopped = RunState.UNDECIDED if state is StepState.UNKNOWN else RunState.FAILED
            self.run = replace(self.run, state=stopped, reason=f"step {number}: {reason}")
        full: Detail = {**record.detail, **detail, "attempt": attempt}  # type: ignore[dict-item]
        await self._keep(replace(record, state=state, detail=full, ended_at=self._clock.now()))
        return state is StepState.DONE

    async def _done(
        self,
        number: int,
        step: StepPart,
        note: Callable[[Detail], Awaitable[None]],
        before: Detail | None,
        attempt: int,
    ) -> Outcome:
        """Put in the variables, see that it is permitted, and do it."""
        known = self.run.known
        step = filled(step, self._values | dict(known.values))
        self.now = f"step {number} of {len(self._playbook.steps)}: {told(step)[0]}"
        agent = caller_of(self.run).agent
        if agent is not None:
            tier = READ if step.verb in LOOKS else MUTATE
            for tool, arguments in as_calls(step, await self._steps.target(step, known)):
                await self._permits.check(agent, tool, tier, arguments)
        return await self._steps.do(Task(self.run, number, step, known, note, before, attempt))

    async def _keep(self, *records: StepRecord) -> None:
        self.run = await self._save(self.run, *records)


def _attempt(former: StepRecord | None, *, again: bool) -> tuple[int, Detail | None]:
    """Return which try of a step this is, and what the one before has left."""
    if former is None:
        return 1, None
    counted = former.detail.get("attempt")
    attempt = counted if isinstance(counted, int) else 1
    if again:
        return attempt + 1, None
    if former.state is StepState.UNDER_WAY:
        return attempt, dict(former.detail)
    return attempt + 1, dict(former.detail)
