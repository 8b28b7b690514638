"""The shell as a kind of agent: how it is known, and what its prompts' marks tell."""

from __future__ import annotations

import pytest

from iterm_mcp.agents.kind import Installed, StartRequest
from iterm_mcp.agents.shell import Shell, marked
from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.happenings import (
    CommandEnded,
    CommandStarted,
    Happening,
    PromptShown,
    ScreenChanged,
)
from iterm_mcp.models.observations import Fact, Json
from iterm_mcp.models.output import PromptId

PROMPT = PromptId("p1")


def told(happening: Happening, *, shell: bool = True) -> dict[Fact, dict[str, Json]]:
    return {one.fact: dict(one.value) for one in marked(happening, shell=shell)}


def test_a_command_is_a_turn_that_ends_with_its_exit_status() -> None:
    begun = told(CommandStarted(PROMPT, "make test"))
    ended = told(CommandEnded(PROMPT, 2))

    assert begun[Fact.TURN] == {"phase": "started", "prompt": "make test", "prompt_id": "p1"}
    assert begun[Fact.ACTIVITY]["is"] == "busy"
    assert ended[Fact.TURN] == {"phase": "ended", "prompt_id": "p1", "code": 2}
    assert ended[Fact.ACTIVITY]["is"] == "idle"
    assert Fact.OUTCOME not in ended  # a command that fails is not a task that failed


def test_a_prompt_is_readiness_and_an_empty_command_or_output_is_nothing() -> None:
    assert told(PromptShown(PROMPT))[Fact.ACTIVITY]["is"] == "idle"
    assert told(CommandStarted(PROMPT, "")) == told(ScreenChanged()) == {}


def test_beneath_another_agent_marks_tell_that_it_has_ended() -> None:
    assert told(CommandEnded(PROMPT, 1), shell=False) == {Fact.EXIT: {"code": 1}}
    assert told(PromptShown(PROMPT), shell=False) == {Fact.OCCUPANT: {"who": "shell"}}
    assert told(CommandStarted(PROMPT, "x"), shell=False) == {}


def test_a_shell_is_known_by_its_name_unless_it_runs_a_script() -> None:
    for command in (("-zsh",), ("/bin/bash", "--rcfile", "-i"), ("fish", "-i"), ("sh",)):
        assert Shell().recognise(command) is all(word.startswith("-") for word in command[1:])
    for command in (("bash", "-c", "make"), ("bash", "x.sh"), ("bashful",), ("-bash", "-lc", "x")):
        assert not Shell().recognise(command)


def test_it_is_started_bare_and_refuses_what_shells_have_not() -> None:
    plan = Shell().start(StartRequest("/p", prompt="ls", options=("-l",)), Installed("/bin/sh"))

    assert (plan.command, plan.arguments, plan.takes_prompt) == ("/bin/sh", ("-l",), False)
    for field in ("model", "conversation", "permissions"):
        with pytest.raises(InvalidRequestError, match=field):
            Shell().start(StartRequest("/p", **{field: "x"}), Installed("/bin/sh"))  # type: ignore[arg-type]
