"""Agents started, crashed, kept and ended, in a real host with fake agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.lives.conftest import Camp

pytestmark = pytest.mark.headless


async def test_an_agent_is_started_in_a_pane_of_its_own_and_given_its_first_order(
    camp: Camp,
) -> None:
    started = await camp.start(prompt="Say hello.", role="greeter")

    (received,) = await camp.happens("received")
    assert received["text"] == "Say hello."
    assert started["session_id"] in {
        one["session_id"] for one in (await camp.tools.data("list_sessions"))["sessions"]
    }
    assert started["name"].startswith("greeter-")
    assert (await camp.listed(started["name"]))["role"] == "greeter"
    assert started["epoch"] == 1


async def test_an_agent_killed_comes_back_in_the_same_conversation(camp: Camp) -> None:
    started = await camp.start(prompt="Remember the word heron.")
    name = started["name"]
    await camp.happens("turn_ended")
    (first,) = camp.truth("started")
    await camp.becomes(name, "ready")

    camp.kill(name)

    _, second = await camp.happens("started", 2)
    ready = await camp.becomes(name, "ready")
    assert (second["session_id"], second["source"]) == (first["session_id"], "resume")
    assert ready["session_id"] == started["session_id"], "its pane is the same"
    assert len(camp.truth("received")) == 1, "its order is not given again"
    (end,) = (await camp.life(name))["ends"]
    assert (end["signal"], end["crash"], end["epoch"]) == (9, True, 1)
    assert any("heron" in line for line in end["screen"]), "what it showed is kept"
