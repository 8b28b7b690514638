"""Names that nobody has."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.services.agents.names import ANIMALS, QUALITIES, TRIES, make_name, take_name
from iterm_mcp.services.names import check_name

if TYPE_CHECKING:
    from iterm_mcp.models.ids import AgentName


async def free(_name: AgentName) -> bool:
    return True


@given(prefix=st.text(max_size=100), letters=st.integers(0, 10), seed=st.integers())
def test_every_made_name_may_be_an_agent_s(prefix: str, letters: int, seed: int) -> None:
    check_name("agent", make_name(random.Random(seed), prefix=prefix, letters=letters))


def test_no_word_stands_twice_in_the_lists() -> None:
    assert len(set(QUALITIES)) == len(QUALITIES) == 64
    assert len(set(ANIMALS)) == len(ANIMALS) == 64


async def test_ten_thousand_names_are_all_different() -> None:
    dice = random.Random(7)
    taken: set[str] = set()

    async def reserve(name: AgentName) -> bool:
        assert name not in taken
        taken.add(name)
        return True

    for _ in range(10_000):
        await take_name(dice, taken, reserve)

    assert len(taken) == 10_000


async def test_a_name_that_another_process_takes_first_is_left_to_it() -> None:
    seen: list[AgentName] = []

    async def reserve(name: AgentName) -> bool:
        seen.append(name)
        return len(seen) == 7

    name = await take_name(random.Random(1), (), reserve)

    assert name == seen[-1]
    assert [one.count("-") for one in seen] == [1, 1, 1, 1, 2, 2, 2]


async def test_a_role_begins_the_name_as_far_as_it_can() -> None:
    name = await take_name(random.Random(1), (), free, prefix="Réviewer/1")

    assert name.startswith("rviewer1-")


async def test_names_that_are_all_taken_are_no_reason_to_go_on_for_ever() -> None:
    tries = 0

    async def reserve(_name: AgentName) -> bool:
        nonlocal tries
        tries += 1
        return False

    with pytest.raises(RuntimeError, match="all taken"):
        await take_name(random.Random(1), (), reserve)
    assert tries == TRIES
