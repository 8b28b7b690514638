"""Which sessions of a tab take which panes, and that the second time nothing changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.layouts import Pane, PaneAgent
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.layouts.match import Candidate, match


def pane(name: str | None = None, command: str | None = None, agent: str | None = None) -> Pane:
    program = Program(command=command, name=name)
    return Pane(program, agent=None if agent is None else PaneAgent(AgentName(agent)))


def stands(
    session_id: str, name: str | None = None, command: str | None = None, agent: str | None = None
) -> Candidate:
    program = Program(command=command, name=name, profile="Default")
    return Candidate(SessionId(session_id), program, AgentName(agent) if agent else None)


def matched(panes: list[Pane], *candidates: Candidate) -> list[str | None]:
    return [*match(panes, [None] * len(panes), candidates)]


def test_names_are_matched_wherever_they_stand() -> None:
    assert matched([pane("a"), pane("b")], stands("1", "b"), stands("2", "a")) == ["2", "1"]


def test_a_nameless_pane_takes_who_was_asked_to_run_the_same() -> None:
    panes = [pane(command="top"), pane()]

    assert matched(panes, stands("1"), stands("2", command="top")) == ["2", "1"]


def test_a_named_pane_takes_a_nameless_shell_but_no_named_one() -> None:
    assert matched([pane("a")], stands("1", "b"), stands("2", command="top"), stands("3")) == ["3"]


def test_a_nameless_pane_without_a_program_takes_anything() -> None:
    panes = [pane(), pane()]

    assert matched(panes, stands("1", "b"), stands("2", command="top")) == ["1", "2"]


def test_a_pane_that_asks_for_a_program_takes_no_other() -> None:
    assert matched([pane(command="top")], stands("1"), stands("2", command="htop")) == [None]


def test_a_pane_that_asks_for_a_profile_takes_no_other() -> None:
    assert matched([Pane(Program(profile="Dark"))], stands("1")) == [None]


def test_an_agents_session_takes_the_pane_of_no_other_agent() -> None:
    assert matched([pane(agent="bob")], stands("1", agent="ada"), stands("2")) == ["2"]
    assert matched([pane()], stands("1", agent="ada")) == ["1"]


def test_who_has_a_place_already_takes_no_second() -> None:
    one = SessionId("1")

    assert match([pane(), pane()], [None, one], [stands("1"), stands("2")]) == ["2", "1"]


def test_who_fits_as_it_stands_stays() -> None:
    assert matched([pane(), pane()], stands("1", "b"), stands("2")) == ["1", "2"]


NAME = st.sampled_from([None, None, "a", "b", "c"])
COMMAND = st.sampled_from([None, None, "top", "cat"])


def unique_names(panes: list[Pane]) -> bool:
    names = [one.program.name for one in panes if one.program.name]
    return len(set(names)) == len(names)


@given(
    st.lists(st.builds(pane, NAME, COMMAND), max_size=6).filter(unique_names),
    st.lists(st.tuples(NAME, COMMAND), max_size=6),
)
def test_what_stands_as_declared_stays_as_it_is(
    panes: list[Pane], there: list[tuple[str | None, str | None]]
) -> None:
    before = [stands(str(at), *one) for at, one in enumerate(there)]
    first = match(panes, [None] * len(panes), before)
    known = {one.session_id: one.program for one in before}
    after = []
    for at, (wanted, found) in enumerate(zip(panes, first, strict=True)):
        if found is None:
            after.append(stands(f"new {at}", wanted.program.name, wanted.program.command))
        else:
            name = wanted.program.name or known[found].name
            after.append(stands(found, name, known[found].command))

    assert match(panes, [None] * len(panes), after) == [one.session_id for one in after]
