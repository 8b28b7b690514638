"""What a new session may be asked to run."""

from __future__ import annotations

import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.sessions import Program, Size
from iterm_mcp.services.sessions.programs import LONGEST_WORDS, MOST_CELLS, check_program


@pytest.mark.parametrize(
    "program",
    [
        Program(),
        Program("vim", "/usr", "Default", "edit", ("a file",), {"LANG": ""}, ("ci",), Size(2, 2)),
        Program(size=Size(MOST_CELLS, MOST_CELLS)),
        Program(environment={"_a1": "x" * LONGEST_WORDS}),
    ],
)
def test_what_makes_sense_is_let_through(program: Program) -> None:
    check_program(program)


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (Program(name=" "), "name"),
        (Program(directory="/a\nb"), "directory"),
        (Program(" "), "command is empty"),
        (Program(arguments=("x",)), "without a command"),
        (Program(environment={"A B": ""}), "A B"),
        (Program(environment={"1A": ""}), "1A"),
        (Program(environment={"A": "\0"}), "NUL"),
        (Program("vim", arguments=("\0",)), "NUL"),
        (Program("vim", arguments=("x" * (LONGEST_WORDS + 1),)), str(LONGEST_WORDS)),
        (Program(tags=("a b",)), "tag"),
        (Program(size=Size(1, 24)), "no size"),
        (Program(size=Size(80, MOST_CELLS + 1)), "no size"),
    ],
    ids=str,
)
def test_what_makes_none_is_refused_with_what_to_do(program: Program, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says) as caught:
        check_program(program)
    assert caught.value.hint
