"""Prompts are listed with their arguments, and name only tools that there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from mcp.types import TextContent

if TYPE_CHECKING:
    from tests.unit.tools.conftest import Caller

EXPECTED = {
    "team_layout": ["task", "command", "directory"],
    "debug_test": ["command", "directory", "rounds"],
    "watch_build": ["session", "failure"],
    "explain_screen": ["session", "question"],
    "tidy_sessions": ["keep"],
}
GIVEN = {
    "team_layout": {"task": "port it", "directory": "/src"},
    "debug_test": {"command": "pytest -x", "directory": "/src"},
    "watch_build": {"session": "name:build"},
    "explain_screen": {"question": "is it done?"},
    "tidy_sessions": {"keep": "the server"},
}


async def test_prompts_are_listed_with_described_arguments(caller: Caller) -> None:
    listed = (await caller.client.list_prompts()).prompts

    assert {
        one.name: [argument.name for argument in one.arguments or ()] for one in listed
    } == EXPECTED
    assert all(one.title and one.description for one in listed)
    assert all(argument.description for one in listed for argument in one.arguments or ())


@pytest.mark.parametrize("name", EXPECTED)
async def test_a_prompt_holds_what_it_was_given(caller: Caller, name: str) -> None:
    text = await text_of(caller, name, GIVEN[name])

    assert all(value in text for value in GIVEN[name].values())


@pytest.mark.parametrize("name", EXPECTED)
async def test_a_prompt_names_only_tools_that_there_are(caller: Caller, name: str) -> None:
    tools = {tool.name for tool in (await caller.client.list_tools()).tools}
    required = {"team_layout": {"task": "x"}, "debug_test": {"command": "x"},
                "watch_build": {"session": "x"}}.get(name, {})  # fmt: skip

    named = set(re.findall(r"\b[a-z]+_[a-z]+\b", await text_of(caller, name, required)))

    assert named
    assert named <= tools


async def text_of(caller: Caller, name: str, arguments: dict[str, str]) -> str:
    (message,) = (await caller.client.get_prompt(name, arguments)).messages
    assert isinstance(message.content, TextContent)
    return message.content.text
