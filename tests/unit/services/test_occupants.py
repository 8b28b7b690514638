"""Who has a session's terminal, by the processes in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iterm_mcp.models.observations import Fact, ObservationSource
from iterm_mcp.services.states.occupants import Found, Member, Pulse, find_occupant

SHELL, NODE, CLAUDE, VIM, OTHER = 10, 20, 30, 40, 50


def member(pid: int, parent: int, *command: str, front: int = 0, group: int = 0) -> Member:
    return Member(pid, parent, command, Pulse(1000.0 + pid, group or pid, front, stopped=False))


def is_claude(command: tuple[str, ...]) -> bool:
    return command[-1:] == ("claude",)


def who(*family: Member, foreground: int = 0) -> Found:
    return find_occupant(family, is_claude, foreground=foreground)


def test_an_agent_that_is_the_session_has_it() -> None:
    found = who(member(CLAUDE, 1, "node", "claude", front=CLAUDE))

    assert (found.who, found.identity, found.behind) == ("agent", (CLAUDE, 1030.0), False)
    seen = found.sighting()
    assert (seen.fact, seen.source) == (Fact.OCCUPANT, ObservationSource.PROCESS)
    assert seen.value == {
        "who": "agent", "pid": CLAUDE, "started": 1030.0, "command": "node claude"
    }  # fmt: skip


def test_an_agent_in_a_shell_is_found_below_its_wrapper() -> None:
    found = who(
        member(SHELL, 1, "-bash", front=NODE),
        member(NODE, SHELL, "npm", "exec", "it", front=NODE),
        member(CLAUDE, NODE, "node", "claude", front=NODE, group=NODE),
    )

    assert (found.who, found.behind) == ("agent", False)
    assert found.member is not None
    assert found.member.pid == CLAUDE


def test_an_agent_that_lost_the_terminal_to_its_shell_is_suspended() -> None:
    found = who(member(SHELL, 1, "bash", front=SHELL), member(CLAUDE, SHELL, "claude", front=SHELL))

    assert (found.who, found.behind) == ("agent", True)
    assert found.sighting().value["stopped"] is True


def test_an_editor_that_the_agent_has_opened_is_the_agent_s() -> None:
    found = who(
        member(SHELL, 1, "bash", front=VIM),
        member(CLAUDE, SHELL, "claude", front=VIM),
        member(OTHER, CLAUDE, "sh", front=VIM),
        member(VIM, OTHER, "vim", front=VIM),
    )

    assert (found.who, found.behind) == ("agent", False)


def test_of_two_agents_the_one_in_the_foreground_counts() -> None:
    found = who(
        member(SHELL, 1, "bash", front=OTHER),
        member(CLAUDE, SHELL, "claude", front=OTHER),
        member(OTHER, SHELL, "claude", front=OTHER),
    )

    assert found.member is not None
    assert (found.member.pid, found.behind) == (OTHER, False)


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ((), "nobody"),
        ((member(SHELL, 1, "-bash", front=SHELL),), "shell"),
        ((member(SHELL, 1, "/bin/bash", "--norc", "-i", front=SHELL),), "shell"),
        ((member(SHELL, 1, "bash", front=VIM), member(VIM, SHELL, "vim", front=VIM)), "other"),
        ((member(SHELL, 1, "bash", "-c", "make", front=SHELL),), "other"),
        (
            (member(SHELL, 1, "bash", front=VIM), member(OTHER, SHELL, "a", front=VIM, group=VIM)),
            "other",
        ),
    ],
)
def test_without_an_agent_it_is_a_shell_s_or_another_program_s(
    family: tuple[Member, ...], expected: str
) -> None:
    assert who(*family).who == expected


def test_a_multiplexer_may_hold_an_agent_that_is_no_child_of_it() -> None:
    found = who(
        member(SHELL, 1, "bash", front=OTHER),
        member(OTHER, SHELL, "/usr/bin/tmux", "attach", front=OTHER),
    )

    assert found.who == "multiplexer"


def test_nobody_has_no_process() -> None:
    nobody = who()

    assert nobody.identity is None
    assert nobody.sighting().value == {"who": "nobody"}


def test_where_the_system_does_not_tell_the_terminal_does() -> None:
    family = (member(SHELL, 1, "bash"), member(CLAUDE, SHELL, "claude"))

    assert who(*family, foreground=CLAUDE).behind is False
    assert who(*family, foreground=SHELL).behind is True
    assert who(*family).behind is False


def test_a_stopped_process_is_told_as_stopped() -> None:
    running = member(CLAUDE, 1, "claude", front=CLAUDE)
    stopped = replace(running, pulse=replace(running.pulse, stopped=True))

    assert who(stopped).sighting().value["stopped"] is True
    assert "stopped" not in who(running).sighting().value
