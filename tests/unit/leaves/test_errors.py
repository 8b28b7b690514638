"""What callers may rely on in every expected error."""

from __future__ import annotations

import pytest

from iterm_mcp import errors
from iterm_mcp.errors import ItermMcpError, NotFoundError, shown


def kinds(root: type[ItermMcpError]) -> list[type[ItermMcpError]]:
    """Return a kind and those below it; the host's own, which no caller of ours sees, aside."""
    own = [one for one in root.__subclasses__() if one.__module__ == errors.__name__]
    return [root, *(kind for one in own for kind in kinds(one))]


PLAIN = [kind for kind in kinds(ItermMcpError) if kind is not NotFoundError]


@pytest.mark.parametrize("kind", PLAIN)
def test_an_error_says_what_is_wrong_and_what_to_do(kind: type[ItermMcpError]) -> None:
    error = kind("it broke", hint="Mend it.")
    assert (str(error), error.hint, error.code) == ("it broke", "Mend it.", kind.default_code)
    assert kind("it broke", code="pipe_broke").code == "pipe_broke"
    assert kind("it broke").hint == ""


def test_what_was_not_found_names_its_kind_in_its_code() -> None:
    error = NotFoundError("team", "blue", hint="Call list_agents.")
    assert (error.code, str(error)) == ("team_not_found", "no team 'blue'")
    assert (error.kind, error.name, error.hint) == ("team", "blue", "Call list_agents.")


def test_each_leaf_of_the_tree_has_an_outcome_of_its_own() -> None:
    leaves = [kind.outcome for kind in kinds(ItermMcpError) if len(kinds(kind)) == 1]
    assert len(set(leaves)) == len(leaves)
    assert all(outcome.isidentifier() for outcome in leaves)


def test_the_drawing_of_the_tree_is_complete() -> None:
    drawn = errors.__doc__ or ""
    assert [kind.__name__ for kind in kinds(ItermMcpError) if kind.__name__ not in drawn] == []


def test_a_callers_own_text_is_repeated_in_part_only() -> None:
    assert shown("x" * 80) == "x" * 80
    assert shown("x" * 81) == "x" * 80 + "…"
    assert len(str(NotFoundError("agent", "x" * 10_000))) < 100
