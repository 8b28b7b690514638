"""Chooses how each task is done, remembers how that went, and tells when it changes.

What is chosen is written into the task's ``strategy``, and comes back with its attempts: so what is
remembered is how the work was done, whatever the user's file says by then.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError, NotFoundError, shown
from iterm_mcp.models.alerts import AlertKind
from iterm_mcp.models.choosing import (
    ARM,
    CHOSEN,
    EFFORT,
    MODEL,
    STRATEGY,
    TASK,
    Choice,
    Method,
    Result,
    Way,
    Why,
)
from iterm_mcp.models.tasks import COMMAND, GATHER
from iterm_mcp.services.choosing.choosing_file import read_choosing
from iterm_mcp.services.choosing.comparing import compare
from iterm_mcp.services.choosing.drifting import find_drift, finding_of
from iterm_mcp.services.choosing.tallies import tally_of
from iterm_mcp.services.choosing.thompson import pick, weigh
from iterm_mcp.services.choosing.wording import reason_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime
    from random import Random

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.alerts import Finding
    from iterm_mcp.models.choosing import Arm, Comparison, Drift, Weighed
    from iterm_mcp.models.tasks import Attempt, Task, TaskSpec
    from iterm_mcp.services.choosing.choosing_file import ChoosingSettings

UNCHOSEN = frozenset({COMMAND, GATHER})
"""Kinds of tasks on which no agent works."""


class Outcomes(Protocol):
    """Remembers how attempts went."""

    async def record(self, result: Result) -> None:
        """Note how one went; told again, it counts once."""

    async def judged(self, task: str, arm: str, since: datetime) -> tuple[Result, ...]:
        """Return what tells of an arm in one kind of work, the oldest first."""

    async def arms(self) -> dict[tuple[str, str], int]:
        """Return how many attempts were judged, by kind of work and arm."""


class Alarm(Protocol):
    """Is told what is wrong, and what is not any more."""

    async def raise_alert(self, finding: Finding) -> None:
        """Note that something is wrong."""

    async def settle(self, kind: AlertKind, subject: str) -> None:
        """Note that it is not."""


async def always(_arm: Arm) -> str:
    """Say that an arm is available."""
    return ""


class Chooser:
    """Chooses arms by the user's file.

    Args:
        settings_file: ``choosing.toml``; without it nothing is chosen, and all is remembered.
        random: Makes the draws; the same seed makes the same ones.
        unavailable: Says why an arm cannot be had now; empty when it can.
        alarm: Is told when an arm does otherwise than it used to.
    """

    def __init__(
        self,
        outcomes: Outcomes,
        settings_file: str,
        clock: Clock,
        random: Random,
        *,
        unavailable: Callable[[Arm], Awaitable[str]] = always,
        alarm: Alarm | None = None,
    ) -> None:
        self._outcomes = outcomes
        self._settings_file = settings_file
        self._clock = clock
        self._random = random
        self._unavailable = unavailable
        self._alarm = alarm

    async def choose(self, spec: TaskSpec) -> tuple[TaskSpec, Choice]:
        """Return a task with how it is done, and why.

        What was chosen before stays: choosing again changes nothing.

        Raises:
            InvalidRequestError: The file means nothing, or the task names an arm that is none.
        """
        return (await self.choose_all([spec]))[0]

    async def choose_all(self, specs: Sequence[TaskSpec]) -> list[tuple[TaskSpec, Choice]]:
        """Return tasks with how each is done, and why; what is known is looked up once for all.

        Raises:
            InvalidRequestError: As `choose`.
        """
        settings = await self._settings()
        looked: dict[str, tuple[Weighed, ...]] = {}
        return [await self._chosen(settings, one, looked) for one in specs]

    async def _chosen(
        self, settings: ChoosingSettings, spec: TaskSpec, looked: dict[str, tuple[Weighed, ...]]
    ) -> tuple[TaskSpec, Choice]:
        task, asked = spec.strategy.get(TASK, ""), spec.strategy.get(ARM, "")
        arms = settings.arms_for(task)
        method = settings.method_for(task)
        if CHOSEN in spec.strategy:
            reason = f"{asked or 'nothing'} was chosen for it before"
            return spec, Choice(method, task, asked, Why.ASKED, reason)
        if asked:
            if asked not in settings.arms:
                raise _no_arm(asked, settings)
            arm = settings.arms[asked].arm(asked)
            choice = Choice(method, task, asked, Why.ASKED, f"the task asks for {asked}")
            return _applied(spec, arm, Why.ASKED), choice
        if spec.kind in UNCHOSEN or not arms:
            what = "no agent works on it" if arms else "the file declares no arm for it"
            return spec, Choice(method, task, "", Why.NOTHING, what)
        if task not in looked:
            looked[task] = await self._weighed_arms(settings, task)
        choice = self._choice(settings, task, spec, looked[task])
        if not choice.arm:
            return spec, choice
        return _applied(spec, arms[choice.arm], choice.why), choice

    async def explain(self, task: str, spec: TaskSpec | None = None) -> Choice:
        """Return what would be chosen now for a kind of work, and why; nothing is changed.

        Args:
            spec: What the rules are held against; by rules, nothing is said without it.

        Raises:
            InvalidRequestError: The file means nothing.
        """
        settings = await self._settings()
        if not settings.arms_for(task):
            reason = "the file declares no arm for it"
            return Choice(settings.method_for(task), task, "", Why.NOTHING, reason)
        return self._choice(settings, task, spec, await self._weighed_arms(settings, task))

    async def known(self) -> dict[str, tuple[Weighed, ...]]:
        """Return what is known of all arms, by kind of work; those of today's file with a reason.

        Raises:
            InvalidRequestError: The file means nothing.
        """
        settings = await self._settings()
        tried = await self._outcomes.arms()
        tasks = sorted({task for task, _ in tried} | set(settings.tasks)) or [""]
        found = {}
        for task in tasks:
            declared = settings.arms_for(task)
            names = [*declared, *(arm for one, arm in tried if one == task and arm not in declared)]
            found[task] = tuple(
                [await self._weighed(settings, task, name, declared.get(name)) for name in names]
            )
        return found

    async def record(self, task: Task, attempt: Attempt) -> Result | None:
        """Remember how an attempt went; told again, it counts once.

        Returns:
            What is remembered; None for an attempt that has not ended, or that no agent made.

        Raises:
            StoreError: It cannot be kept.
        """
        result = result_of(task, attempt)
        if result is None:
            return None
        await self._outcomes.record(result)
        if result.judged and self._alarm is not None:
            await self._look_for_drift(result.way)
        return result

    async def compare(self, task: str, a: str, b: str) -> Comparison:
        """Return two arms beside each other, for one kind of work.

        Raises:
            NotFoundError: One of them was never tried at it.
        """
        settings = await self._settings()
        since = self._since(settings)
        ones, others = [await self._outcomes.judged(task, arm, since) for arm in (a, b)]
        for arm, found in ((a, ones), (b, others)):
            if not found:
                names = sorted(arm for one, arm in await self._outcomes.arms() if one == task)
                hint = f"Tried were {', '.join(names)}." if names else "Nothing was tried at it."
                raise NotFoundError("arm", arm, hint=hint)
        return await to_thread.run_sync(compare, task, a, b, ones, others)

    async def drift(self, task: str, arm: str) -> Drift | None:
        """Return how an arm's newest attempts differ from all before; None when they do not."""
        settings = await self._settings()
        results = await self._outcomes.judged(task, arm, self._since(settings))
        return find_drift(
            results,
            recent=settings.recent,
            least_past=settings.least_past,
            alpha=settings.drift_alpha,
        )

    async def estimate(self, spec: TaskSpec) -> float | None:
        """Return what a task of this kind of work cost so far, all attempts together.

        None without any whose cost is known.
        """
        settings = await self._settings()
        task, since = spec.strategy.get(TASK, ""), self._since(settings)
        wanted = spec.strategy.get(ARM, "")
        names = [arm for one, arm in await self._outcomes.arms() if one == task]
        results = [
            result
            for arm in names
            if wanted in {"", arm}
            for result in await self._outcomes.judged(task, arm, since)
        ]
        priced = [one for one in results if one.cost_usd is not None]
        tasks = {one.task_id for one in priced}
        return sum(one.cost_usd or 0.0 for one in priced) / len(tasks) if tasks else None

    def _choice(
        self,
        settings: ChoosingSettings,
        task: str,
        spec: TaskSpec | None,
        weighed: tuple[Weighed, ...],
    ) -> Choice:
        arms, default = settings.arms_for(task), settings.default_for(task)
        method = settings.method_for(task)
        if method is Method.THOMPSON:
            picked = pick(weighed, settings.worth, default, self._random)
            arm, why, weighed = picked.arm, picked.why, picked.weighed
        else:
            arm, why = default, Why.FIXED
            if method is Method.RULES and spec is not None:
                taken = next((one for one in settings.rules if one.takes(spec, task)), None)
                if taken is not None and taken.arm in arms:
                    arm, why = taken.arm, Why.RULE
            arm, why = _available(arm, why, default, weighed)
        reason = reason_for(method, arm, why, weighed, settings.worth)
        return Choice(method, task, arm, why, reason, weighed)

    async def _weighed_arms(self, settings: ChoosingSettings, task: str) -> tuple[Weighed, ...]:
        arms = settings.arms_for(task)
        return tuple([await self._weighed(settings, task, name, arm) for name, arm in arms.items()])

    async def _weighed(
        self, settings: ChoosingSettings, task: str, name: str, arm: Arm | None
    ) -> Weighed:
        results = await self._outcomes.judged(task, name, self._since(settings))
        reason = "the file does not declare it" if arm is None else await self._unavailable(arm)
        return weigh(name, tally_of(results), reason)

    async def _look_for_drift(self, way: Way) -> None:
        """Raise or settle the alarm of an arm, each time that all of its newest attempts are new.

        Who looks after every attempt looks at the same ones again and again, and is alarmed by
        chance far more often than the file allows.
        """
        settings = await self._settings()
        count = (await self._outcomes.arms()).get((way.task, way.arm), 0)
        if self._alarm is None or count % settings.recent:
            return
        drift = await self.drift(way.task, way.arm)
        if drift is None:
            await self._alarm.settle(AlertKind.DRIFT, f"{way.task}/{way.arm}")
        else:
            await self._alarm.raise_alert(finding_of(drift))

    async def _settings(self) -> ChoosingSettings:
        return await to_thread.run_sync(read_choosing, self._settings_file)

    def _since(self, settings: ChoosingSettings) -> datetime:
        return self._clock.now() - timedelta(days=settings.days)


def result_of(task: Task, attempt: Attempt) -> Result | None:
    """Return how an attempt went; None when it has not ended, or no agent made it. Pure."""
    spec = task.spec
    if attempt.outcome is None or attempt.ended_at is None or spec.kind in UNCHOSEN:
        return None
    said = spec.strategy
    way = Way(
        said.get(TASK, ""),
        spec.kind,
        said.get(MODEL, ""),
        said.get(EFFORT, ""),
        said.get(STRATEGY, ""),
        said.get(ARM) or spec.template or spec.kind,
    )
    seconds = max((attempt.ended_at - attempt.started_at).total_seconds(), 0.0)
    cost = attempt.result.cost_usd if attempt.result else None
    tokens = attempt.result.tokens if attempt.result else None
    return Result(
        task.task_id, attempt.number, way, attempt.outcome, attempt.ended_at, seconds, cost,
        tokens, said.get(CHOSEN, ""),
    )  # fmt: skip


def _available(arm: str, why: Why, default: str, weighed: tuple[Weighed, ...]) -> tuple[str, Why]:
    """Return an arm, or what is taken instead when it cannot be had."""
    there = [one.arm for one in weighed if not one.unavailable]
    if arm in there:
        return arm, why
    if not there:
        return "", Why.NOTHING
    return (default if default in there else there[0]), Why.FALLBACK


def _applied(spec: TaskSpec, arm: Arm, why: Why) -> TaskSpec:
    """Return a task that is done as an arm says."""
    said = {ARM: arm.name, MODEL: arm.model, EFFORT: arm.effort, STRATEGY: arm.strategy}
    known = {key: value for key, value in said.items() if value}
    return replace(
        spec,
        kind=arm.kind,
        template=arm.template,
        prompt=f"{arm.prefix.rstrip()}\n\n{spec.prompt}" if arm.prefix.strip() else spec.prompt,
        environment={**spec.environment, **arm.environment},
        strategy={**spec.strategy, **known, CHOSEN: str(why)},
    )


def _no_arm(name: str, settings: ChoosingSettings) -> InvalidRequestError:
    known = ", ".join(settings.arms)
    return InvalidRequestError(
        f"there is no arm {shown(name)!r}",
        hint=f"There are {known}." if known else "Declare it in choosing.toml.",
        code="no_arm",
    )
