"""Which dialogs are one, and which are two."""

from __future__ import annotations

import pytest

from iterm_mcp.models.agent_states import AgentState, StateView
from iterm_mcp.models.approvals import Approval, ApprovalId, Asks
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.observations import Fact, Observation, ObservationSource, Sighting
from iterm_mcp.services.approvals.dialogs import Dialog, enriched, read_dialog, same, shown_by
from iterm_mcp.testing.fake_clock import START

ANN = AgentName("ann")
TOUCH = {"command": "touch a very long name"}


def approval(dialog: Dialog) -> Approval:
    return Approval(
        ApprovalId("a1"), ANN, 1, dialog.asks, dialog.tool, dialog.input, dialog.text,
        dialog.options, START, None, dialog.dialog, dialog.exact,
    )  # fmt: skip


HOOKED = Dialog(Asks.PERMISSION, "h1", "Bash", TOUCH, "touch", exact=True)
OTHER = Dialog(Asks.PERMISSION, "h2", "Bash", {"command": "rm x"}, exact=True)
ON_SCREEN = Dialog(
    Asks.PERMISSION, "s1", "Bash command", {"command": "touch a very\n long…"},
    "Do you want to proceed?", ("Yes", "No"),
)  # fmt: skip
WAITED_FOR = Dialog(Asks.PERMISSION, text="it waits for permission prompt")
QUESTION = Dialog(Asks.QUESTION, text="Which way?", options=("left", "right"))


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        (HOOKED, HOOKED, True), (HOOKED, ON_SCREEN, True), (ON_SCREEN, HOOKED, True),
        (HOOKED, WAITED_FOR, True), (WAITED_FOR, ON_SCREEN, True), (HOOKED, OTHER, False),
        (OTHER, ON_SCREEN, False), (HOOKED, QUESTION, False), (QUESTION, QUESTION, True),
        (QUESTION, WAITED_FOR, False),
    ],
)  # fmt: skip
def test_sources_that_contradict_nothing_tell_of_one_dialog(
    first: Dialog, second: Dialog, *, one: bool
) -> None:
    assert same(approval(first), second) is one


def test_the_same_id_is_the_same_dialog() -> None:
    assert same(approval(HOOKED), Dialog(Asks.QUESTION, "h1"))


def test_what_a_hook_told_takes_the_place_of_what_a_screen_showed_and_keeps_its_options() -> None:
    both = enriched(approval(ON_SCREEN), HOOKED)
    assert (both.tool, both.input, both.dialog, both.exact) == ("Bash", TOUCH, "h1", True)
    assert both.options == ("Yes", "No")
    assert enriched(both, ON_SCREEN) == both


def test_what_a_screen_shows_fills_what_a_registry_file_left_open() -> None:
    both = enriched(approval(WAITED_FOR), ON_SCREEN)
    assert (both.tool, both.options, both.exact) == ("Bash command", ("Yes", "No"), False)


def test_a_dialog_is_read_whatever_stands_in_its_value() -> None:
    odd = read_dialog({"asks": 7, "input": [], "options": "x", "tool": None, "id": 3})
    assert odd == Dialog(Asks.PERMISSION)
    asked = read_dialog({"asks": "question", "options": ["a", 1], "text": "?"}, exact=True)
    assert (asked.asks, asked.options, asked.exact) == (Asks.QUESTION, ("a", "1"), True)


def test_a_state_shows_its_dialog_or_at_least_that_there_is_one() -> None:
    seen = Sighting(Fact.DIALOG, {"tool": "Bash"}, ObservationSource.HOOK)
    waiting = StateView(
        ANN, 1, AgentState.WAITING_PERMISSION, "it asks", START,
        winning=(Observation(ANN, 1, seen, START),),
    )  # fmt: skip
    assert shown_by(waiting) == Dialog(Asks.PERMISSION, tool="Bash", exact=True)
    bare = StateView(ANN, 1, AgentState.WAITING_QUESTION, "it waits for input", START)
    assert shown_by(bare) == Dialog(Asks.QUESTION, text="it waits for input")
    assert shown_by(StateView(ANN, 1, AgentState.WORKING, "it works", START)) is None
