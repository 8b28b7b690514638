from __future__ import annotations

import pytest

from iterm_mcp.agents.kinds import all_kinds, describing, find_kind
from iterm_mcp.agents.shell import Shell
from iterm_mcp.errors import NotFoundError


class Described(Shell):
    def __init__(self, name: str) -> None:
        self.name = name


def test_each_kind_is_found_under_its_own_name() -> None:
    assert {"shell", "codex"} <= set(all_kinds())
    assert [find_kind(name).name for name in all_kinds()] == list(all_kinds())


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(NotFoundError) as caught:
        find_kind("telepathy")

    assert (caught.value.kind, caught.value.name) == ("kind", "telepathy")
    assert "shell" in caught.value.hint


def test_described_kinds_are_found_while_they_are_described_and_no_longer() -> None:
    mine, shell = Described("mine"), Described("shell")

    with describing([mine, shell]):
        assert find_kind("mine") is mine
        assert find_kind("shell") is shell
        assert list(all_kinds()).count("shell") == 1

    assert isinstance(find_kind("shell"), Shell)
    assert find_kind("shell") is not shell
    with pytest.raises(NotFoundError):
        find_kind("mine")
