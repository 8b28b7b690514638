"""Single steps of playbooks: what an earlier try has left is looked at before anything is done."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from anyio.lowlevel import checkpoint
from tests.unit.services.stage import ONE, Stage, prompt

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.agent_states import AgentState, StateView
from iterm_mcp.models.commands import CommandId, CommandResult, CommandState, Excerpt
from iterm_mcp.models.deliveries import Delivery, DeliveryId, Move, Policy
from iterm_mcp.models.deliveries import Stage as How
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.messages import CascadeResult, Receipt, ReceiptState, Source
from iterm_mcp.models.notes import Note
from iterm_mcp.models.output import PromptState
from iterm_mcp.models.playbooks import Known, Run, RunId, RunState
from iterm_mcp.services.playbooks.document import StepPart
from iterm_mcp.services.playbooks.steps import Means, Steps
from iterm_mcp.services.playbooks.tasks import Outcome, StepError, Task, UndecidedError
from iterm_mcp.services.states.waits import AgentsWaited

if TYPE_CHECKING:
    from iterm_mcp.models.messages import Cascade
    from iterm_mcp.models.output import Prompt

AT = datetime(2026, 1, 1, tzinfo=UTC)
KNOWN = Known(panes={"build": ONE})


class Commands:
    """Runs nothing, and says how it went."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.asked: list[str] = []
        self.result = CommandResult(CommandId("c.new"), ONE, CommandState.FINISHED, exit_code=0)

    async def run(self, session_id: SessionId, command: str, **_: object) -> CommandResult:
        await checkpoint()
        assert session_id == ONE
        self.ran.append(command)
        return self.result

    async def status(self, command_id: str, **_: object) -> CommandResult:
        await checkpoint()
        self.asked.append(command_id)
        return self.result


class Messages:
    """Refuses whom it is told to, and remembers what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, str], str]] = []
        self.states: dict[str, ReceiptState] = {}

    async def cascade(
        self, cascade: Cascade, *, idempotency_key: str, ttl_seconds: float
    ) -> CascadeResult:
        assert ttl_seconds > 0
        await checkpoint()
        texts = {str(name): text for name, text in cascade.agents.items()}
        self.sent.append((texts, idempotency_key))
        return CascadeResult(tuple(self._receipt(*one) for one in texts.items()))

    def _receipt(self, name: str, text: str) -> Receipt:
        state = self.states.get(name, ReceiptState.WRITTEN)
        reason = "" if state is ReceiptState.WRITTEN else "it would not"
        return Receipt(
            AgentName(name), ONE, text, Source.AGENT, None, state, reason, AT,
            DeliveryId(f"d-{name}"),
        )  # fmt: skip


class Deliveries:
    """Messages that have come as far as a test says."""

    def __init__(self) -> None:
        self.stages: dict[str, How] = {}

    async def wait(
        self, ids: list[DeliveryId], until: How, timeout_seconds: float, *, every: bool
    ) -> dict[DeliveryId, Delivery]:
        assert every
        assert until
        assert timeout_seconds
        await checkpoint()
        return {one: self._delivery(one) for one in ids}

    def _delivery(self, delivery_id: DeliveryId) -> Delivery:
        name = delivery_id.removeprefix("d-")
        stage = self.stages.get(name, How.ENDED)
        return Delivery(
            delivery_id, AgentName(name), ONE, f"text for {name}", Policy.MESSAGE, 0, AT, AT,
            (Move(stage, AT, "why"),),
        )  # fmt: skip


class Notes:
    def __init__(self) -> None:
        self.kept: dict[str, Note] = {}
        self.writes = 0

    async def get(self, caller: object, namespace: str, key: str) -> Note:
        assert caller
        await checkpoint()
        if key not in self.kept:
            raise NotFoundError("note", f"{namespace}/{key}")
        return self.kept[key]

    async def set(self, caller: object, namespace: str, key: str, value: str) -> Note:
        assert caller
        await checkpoint()
        self.writes += 1
        note = self.kept[key] = Note(namespace, key, value, self.writes, "me", AT)
        return note


class Bench:
    def __init__(self) -> None:
        self.stage = Stage("$ ")
        self.commands, self.messages, self.deliveries = Commands(), Messages(), Deliveries()
        self.notes, self.noted = Notes(), list[dict[str, Any]]()
        self.team = AgentsWaited(met=True, views=())
        means: Any = SimpleNamespace(
            terminal=self.stage.terminal, commands=self.commands, messages=self.messages,
            deliveries=self.deliveries, notes=self.notes, agent_waits=self, lives=None,
        )  # fmt: skip
        assert means.__dict__.keys() <= Means.__dataclass_fields__.keys()
        self.steps = Steps(means)

    async def wait(self, *_: object, **__: object) -> AgentsWaited:
        await checkpoint()
        return self.team

    async def do(
        self, step: dict[str, Any], before: dict[str, Any] | None = None, attempt: int = 1
    ) -> Outcome:
        async def note(detail: dict[str, Any]) -> None:
            await checkpoint()
            self.noted.append(detail)

        run = Run(RunId("run"), "one", "", {}, RunState.RUNNING, "", "", KNOWN, AT, AT)
        part = StepPart.model_validate(step)
        return await self.steps.do(Task(run, 2, part, KNOWN, note, before, attempt))

    def shows(self, *prompts: Prompt) -> None:
        self.stage.prompts = list(prompts)


@pytest.fixture
def bench() -> Bench:
    return Bench()


MAKE = {"run": {"in": "build", "command": "make  all", "save": "made"}}
FIRST, LATER = "prompt-aaaa1111", "prompt-bbbb2222"


def waiting(name: str, command: str = "") -> Prompt:
    return prompt(PromptState.EDITING, command, name=name)


# Commands.


async def test_a_command_is_written_down_before_it_is_typed_and_again_once_it_runs(
    bench: Bench,
) -> None:
    bench.shows(waiting(FIRST))
    bench.commands.result = CommandResult(
        CommandId("c.new"), ONE, CommandState.FINISHED, exit_code=0, output=Excerpt("done", 0, 1)
    )
    outcome = await bench.do(MAKE)

    assert bench.commands.ran == ["make  all"]
    assert bench.noted == [
        {"session_id": ONE, "prompt_id": FIRST}, {"session_id": ONE, "command_id": "c.new"}
    ]  # fmt: skip
    assert outcome.known.values == {"made": "done"}
    assert outcome.detail == {"command_id": "c.new", "output": "done", "exit_code": 0}


async def test_a_command_that_runs_already_is_waited_for_and_not_typed_again(bench: Bench) -> None:
    await bench.do(MAKE, {"command_id": "c.old"})
    assert (bench.commands.ran, bench.commands.asked) == ([], ["c.old"])


@pytest.mark.parametrize("state", [PromptState.RUNNING, PromptState.FINISHED])
async def test_one_that_was_typed_and_not_written_down_is_found_at_its_prompt(
    bench: Bench, state: PromptState
) -> None:
    bench.shows(prompt(state, "make all", name=FIRST), waiting(LATER))
    await bench.do(MAKE, {"prompt_id": FIRST})
    assert bench.commands.ran == []
    assert bench.commands.asked == ["deadbeef.aaaa1111"]


async def test_one_that_was_never_typed_is_run_for_the_prompt_still_waits(bench: Bench) -> None:
    bench.shows(waiting(FIRST))
    await bench.do(MAKE, {"prompt_id": FIRST})
    assert bench.commands.ran == ["make  all"]


@pytest.mark.parametrize(
    "prompts",
    [
        [waiting(FIRST, "make a")],
        [prompt(PromptState.FINISHED, "vi", name=FIRST), waiting(LATER)],
        [waiting(LATER)],
        [],
    ],
    ids=["half typed", "something else was run", "its prompt is gone", "no prompts"],
)
async def test_where_nobody_can_tell_whether_it_was_run_it_is_not_run(
    bench: Bench, prompts: list[Prompt]
) -> None:
    bench.shows(*prompts)
    with pytest.raises(UndecidedError):
        await bench.do(MAKE, {"prompt_id": FIRST})
    assert bench.commands.ran == []


@pytest.mark.parametrize("before", [{"command_id": "c.old", "exit_code": 2}, {"error": "refused"}])
async def test_one_that_has_failed_is_run_anew(bench: Bench, before: dict[str, Any]) -> None:
    bench.shows(waiting(LATER))
    await bench.do(MAKE, before, attempt=2)
    assert bench.commands.ran == ["make  all"]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (CommandResult(CommandId("c"), ONE, CommandState.RUNNING), "runs on after 60 s"),
        (CommandResult(CommandId("c"), ONE, CommandState.FINISHED, exit_code=2), "code 2, not"),
        (CommandResult(CommandId("c"), ONE, CommandState.SESSION_ENDED), "session_ended"),
        (CommandResult(CommandId("c"), ONE, CommandState.UNKNOWN), "unknown"),
    ],
)
async def test_a_command_that_does_not_end_as_it_should_fails_its_step(
    bench: Bench, result: CommandResult, reason: str
) -> None:
    bench.commands.result = result
    with pytest.raises(StepError, match=reason):
        await bench.do(MAKE, {"command_id": "c"})


async def test_whatever_a_command_ends_with_is_right_where_the_step_says_so(bench: Bench) -> None:
    bench.commands.result = CommandResult(CommandId("c"), ONE, CommandState.FINISHED, exit_code=7)
    step = {"run": {"in": "build", "command": "x", "expect": "any"}}
    assert (await bench.do(step)).detail["exit_code"] == 7


# Messages.

TELL = {"tell": {"agents": {"ann": "a", "ben": "b"}}}


async def test_everybody_is_told_once_under_a_key_of_the_step_and_its_try(bench: Bench) -> None:
    outcome = await bench.do(TELL, attempt=3)
    assert bench.messages.sent == [({"ann": "a", "ben": "b"}, "playbook-run-2-3")]
    assert outcome.detail["sent"] == {"ann": "d-ann", "ben": "d-ben"}
    await bench.do(TELL, {"sent": {"ann": "d-ann", "ben": "d-ben"}})
    assert len(bench.messages.sent) == 1


async def test_only_who_refused_is_told_by_the_next_try(bench: Bench) -> None:
    bench.messages.states["ben"] = ReceiptState.REFUSED
    with pytest.raises(StepError, match="ben: it would not") as failed:
        await bench.do(TELL)
    assert failed.value.detail == {"sent": {"ann": "d-ann"}, "left": {"ben": "b"}}

    bench.messages.states.clear()
    outcome = await bench.do(TELL, failed.value.detail, attempt=2)
    assert bench.messages.sent[1] == ({"ben": "b"}, "playbook-run-2-2")
    assert outcome.detail["sent"] == {"ann": "d-ann", "ben": "d-ben"}


async def test_a_message_of_which_nobody_knows_is_not_sent_again(bench: Bench) -> None:
    bench.messages.states["ben"] = ReceiptState.UNKNOWN
    with pytest.raises(UndecidedError, match="ben"):
        await bench.do(TELL)


UNTIL = {"tell": {"agents": {"ann": "a"}, "until": "ended", "timeout": 5}}


@pytest.mark.parametrize(
    ("stage", "error", "says"),
    [
        (How.STARTED, StepError, "not ended after 5 s: ann: started"),
        (How.REFUSED, StepError, "not everybody was told: ann: refused why"),
        (How.EXPIRED, StepError, "not everybody was told: ann: expired why"),
        (How.UNKNOWN, UndecidedError, "ann: unknown"),
    ],
)
async def test_a_message_that_does_not_come_so_far_fails_its_step(
    bench: Bench, stage: How, error: type[Exception], says: str
) -> None:
    bench.deliveries.stages["ann"] = stage
    with pytest.raises(error, match=says) as failed:
        await bench.do(UNTIL)
    left = getattr(failed.value, "detail", {}).get("left")
    assert left == ({"ann": "text for ann"} if stage in {How.REFUSED, How.EXPIRED} else None)


async def test_one_that_is_late_is_waited_for_by_the_next_try_and_not_sent_again(
    bench: Bench,
) -> None:
    bench.deliveries.stages["ann"] = How.QUEUED
    with pytest.raises(StepError) as failed:
        await bench.do(UNTIL)
    bench.deliveries.stages["ann"] = How.ENDED
    outcome = await bench.do(UNTIL, failed.value.detail, attempt=2)
    assert outcome.detail["stages"] == {"ann": "ended"}
    assert len(bench.messages.sent) == 1


# Notes and teams.

NOTE = {"note": {"key": "k", "value": "v"}}


async def test_a_note_that_says_it_already_is_not_written_again(bench: Bench) -> None:
    await bench.do(NOTE)
    await bench.do(NOTE, {"attempt": 1})
    assert bench.notes.writes == 1
    bench.notes.kept["k"] = Note("shared", "k", "other", 7, "else", AT)
    await bench.do(NOTE, {"attempt": 1})
    bench.notes.kept.clear()
    await bench.do(NOTE, {"attempt": 1})
    assert bench.notes.writes == 3


async def test_a_team_that_is_not_as_it_should_be_fails_its_step(bench: Bench) -> None:
    step = {"wait": {"team": "crew"}}
    view = StateView(AgentName("ann"), 1, AgentState.READY, "", None)
    bench.team = AgentsWaited(met=True, views=(view,))
    assert (await bench.do(step)).detail == {"agents": {"ann": "ready"}}
    bench.team = AgentsWaited(met=False, views=(view,))
    with pytest.raises(StepError, match="ann is ready"):
        await bench.do(step)
