"""Calls that come from no MCP client: the same gate, the same limits, one answer."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from pydantic import Field

from iterm_mcp.access import Access
from iterm_mcp.errors import InvalidRequestError, NotFoundError, RefusedError
from iterm_mcp.models.tool_calls import ToolCaller
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing import FakeClock
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.clients import Clients, Rules
from iterm_mcp.tools.direct_calls import DirectCalls
from iterm_mcp.tools.tool import READS, ToolRow

CALLER = ToolCaller("http:somebody")


async def echo(
    words: Annotated[list[str] | None, Field(description="Any.")] = None,
    name: Annotated[str | None, Field(description="Any.")] = None,
) -> dict[str, Any]:
    """Return what was given."""
    return {"words": words, "name": name, "more": "é" * 3000}


async def tell() -> str:
    """Return a text."""
    return "told"


def a_door(rules: Rules | None = None) -> DirectCalls:
    clients = Clients(rules or Rules(Access(tools="all"), confirm="never"), FakeClock())
    rows = [ToolRow(echo, "Echo", READS), ToolRow(tell, "Tell", READS)]
    return DirectCalls(rows, Calls(Metrics().tools, clients))


async def test_data_is_made_into_json_once() -> None:
    answer = await a_door().call("echo", {"name": "x"}, CALLER)

    assert answer.data == json.loads(answer.encoded)
    assert (answer.text, answer.pictures) == ("", ())


async def test_a_text_is_told_as_text() -> None:
    answer = await a_door().call("tell", {}, CALLER)

    assert (answer.data, answer.text, answer.encoded) == (None, "told", b"")


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ({"words": '["a", "b"]'}, (["a", "b"], None)),
        ({"words": ' ["a"]'}, (["a"], None)),
        ({"name": "null"}, (None, None)),
        ({"name": "12"}, (None, "12")),
        ({"name": "true"}, (None, "true")),
        ({"name": '"quoted"'}, (None, '"quoted"')),
        ({"name": "[not json"}, (None, "[not json")),
        ({"words": ["a"], "name": ""}, (["a"], "")),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
async def test_json_in_a_text_is_understood_where_it_stands_for_something_else(
    given: dict[str, Any], understood: tuple[object, object]
) -> None:
    data = (await a_door().call("echo", given, CALLER)).data

    assert data is not None
    assert (data["words"], data["name"]) == understood


async def test_what_is_shown_counts_by_characters() -> None:
    door = a_door(Rules(Access(tools="all"), "never", output_characters_per_minute=5000))
    await door.call("echo", {}, CALLER)

    with pytest.raises(RefusedError) as refused:
        await door.call("echo", {}, CALLER)
    assert refused.value.code == "output_budget"
    assert (await door.call("tell", {}, ToolCaller("http:other"))).text == "told"


async def test_what_is_wrong_is_raised() -> None:
    with pytest.raises(NotFoundError):
        await a_door().call("none", {}, CALLER)
    with pytest.raises(InvalidRequestError, match="no such argument"):
        await a_door().call("echo", {"other": 1}, CALLER)
