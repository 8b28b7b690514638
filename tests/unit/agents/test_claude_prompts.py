"""Prompts without the tags around pastes."""

from __future__ import annotations

import pytest

from iterm_mcp.agents.claude_prompts import is_own, unwrapped

PASTED = '\n\n<pasted_content id="a8f7">\none\ntwo\nthree\nfour\n</pasted_content id="a8f7">\n'


def test_what_was_typed_stays_as_it_is() -> None:
    assert unwrapped("one <b>\n\ntwo\n") == "one <b>\n\ntwo\n"


def test_a_paste_is_unwrapped() -> None:
    assert unwrapped(PASTED) == "one\ntwo\nthree\nfour"


def test_a_lead_and_a_paste_are_one_text_again() -> None:
    assert unwrapped(f"Do this:{PASTED}") == "Do this:\none\ntwo\nthree\nfour"


def test_tags_of_the_senders_own_are_as_they_were() -> None:
    assert unwrapped("what is <\\pasted_content> for?") == "what is <pasted_content> for?"


def test_a_paste_that_quotes_a_paste_is_unwrapped_once() -> None:
    inner = '<pasted_content id="ffff">\ninner\n</pasted_content id="ffff">'
    quoted = f'\n\n<pasted_content id="a8f7">\n{inner}\n</pasted_content id="a8f7">\n'

    assert unwrapped(quoted) == inner


@pytest.mark.parametrize(
    "prompt",
    [
        "<task-notification>\n<task-id>b1</task-id>",
        "<bash-input>ls</bash-input>",
        "<bash-stdout></bash-stdout>",
        "<command-name>/compact</command-name>",
    ],
)
def test_what_claude_code_writes_itself_is_told_from_a_persons_prompt(prompt: str) -> None:
    assert is_own(prompt)


@pytest.mark.parametrize("prompt", ["hello", "what is a <task-notification>?", "<b>"])
def test_a_persons_prompt_is_theirs(prompt: str) -> None:
    assert not is_own(prompt)
