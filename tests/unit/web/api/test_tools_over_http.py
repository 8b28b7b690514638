"""Tools and resources: as they are, through the gate that all calls pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.web.api.opened import error_of

from iterm_mcp.web.api.resources import RESOURCES

if TYPE_CHECKING:
    from tests.unit.web.api.opened import Side


async def opened(side: Side) -> str:
    answer = await side.post("/v1/sessions", {"name": "work"})
    assert answer.status == 200, answer.body
    return str(answer.json()["session_id"])


async def test_tools_are_listed_with_their_schemas_and_tiers(still: Side) -> None:
    tools = {one["name"]: one for one in (await still.get("/v1/tools")).json()["tools"]}
    assert tools["read_screen"]["tier"] == "read"
    assert tools["close_session"]["tier"] == "destructive"
    assert "session_id" in tools["read_screen"]["input_schema"]["properties"]
    assert {one.tool for one in RESOURCES} <= set(tools)


async def test_a_tool_and_its_resource_do_the_same(side: Side) -> None:
    first = await opened(side)
    second = (await side.post("/v1/tools/open_session", {"name": "more"})).json()["session_id"]
    by_tool = (await side.post("/v1/tools/list_sessions")).json()
    by_path = (await side.get("/v1/sessions")).json()
    assert by_tool == by_path
    assert {one["session_id"] for one in by_path["sessions"]} == {first, second}


async def test_parameters_of_a_url_become_arguments(side: Side) -> None:
    session = await opened(side)
    found = await side.get("/v1/sessions?match=name:work")
    assert [one["session_id"] for one in found.json()["sessions"]] == [session]
    screen = await side.get(f"/v1/sessions/{session}/screen")
    assert isinstance(screen.json()["text"], str)
    output = await side.get(f"/v1/sessions/{session}/output?max_lines=5&head=true")
    assert output.status == 200, output.body


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/v1/sessions/x/output?max_lines=many", "max_lines is no integer"),
        ("/v1/sessions/x/output?max_lines=1&max_lines=2", "more than once"),
        ("/v1/sessions/x/output?head=yes", "head is no boolean"),
        ("/v1/sessions/x/output?nope=1", "there is no such argument: nope"),
        ("/v1/commands/x?wait_seconds=soon", "wait_seconds is no number"),
    ],
)
async def test_a_parameter_that_does_not_fit_is_told(still: Side, path: str, says: str) -> None:
    answer = await still.get(path)
    assert error_of(answer) == (400, "bad_arguments")
    assert says in answer.json()["error"]["message"]


async def test_what_stands_in_the_path_cannot_be_said_again(side: Side) -> None:
    session = await opened(side)
    answer = await side.ask("PATCH", f"/v1/sessions/{session}", {"session_id": "other"})
    assert error_of(answer) == (400, "bad_arguments")


async def test_a_note_is_kept_found_and_removed_by_its_path(side: Side) -> None:
    put = await side.ask("PUT", "/v1/notes/plan", {"value": "ship it"})
    assert put.status == 200, put.body
    assert (await side.get("/v1/notes/plan")).json()["value"] == "ship it"
    assert (await side.ask("DELETE", "/v1/notes/plan")).status == 200
    assert error_of(await side.get("/v1/notes/plan"))[0] == 404


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"{", "application/json", (400, "bad_arguments")),
        (b"[1]", "application/json", (400, "bad_arguments")),
        (b'{"name": "\\ud800"}', "application/json", (400, "bad_arguments")),
        (b'{"columns": NaN}', "application/json", (400, "bad_arguments")),
        (b"name=x", "application/x-www-form-urlencoded", (415, "wrong_type")),
        (b"\xff", "application/json; charset=utf-8", (400, "bad_arguments")),
        (b"[" * 100_000, "application/json", (400, "bad_arguments")),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(
    still: Side, body: bytes, kind: str, expected: tuple[int, str]
) -> None:
    answer = await still.ask("POST", "/v1/tools/open_session", body, kind=kind)
    assert error_of(answer) == expected


async def test_errors_of_tools_have_the_shape_and_the_status_of_their_family(still: Side) -> None:
    assert error_of(await still.get("/v1/sessions/nobody")) == (404, "session_not_found")
    answer = await still.post("/v1/tools/open_session", {"what": 1})
    assert error_of(answer) == (400, "bad_arguments")
    assert error_of(await still.post("/v1/tools/nothing")) == (404, "not_found")


async def test_a_token_that_reads_reads_and_does_nothing_else(side: Side) -> None:
    token = await side.token("read")
    session = await opened(side)
    assert (await side.get("/v1/sessions", token=token)).status == 200
    assert (await side.post("/v1/tools/list_sessions", token=token)).status == 200
    typed = await side.post(f"/v1/sessions/{session}/text", {"text": "x"}, token=token)
    assert error_of(typed) == (403, "tier_refused")
    saved = await side.ask("PUT", "/v1/filters/x", {}, token=token)
    assert error_of(saved) == (403, "scope_refused")


async def test_a_token_that_types_does_not_end_things(side: Side) -> None:
    token = await side.token("mutate")
    session = await opened(side)
    path = f"/v1/sessions/{session}"
    assert (await side.post(f"{path}/text", {"text": "x"}, token=token)).status == 200
    ended = await side.ask("DELETE", f"{path}?confirm=true", token=token)
    assert error_of(ended) == (403, "tier_refused")
    allowed = await side.token("destructive")
    assert (await side.ask("DELETE", f"{path}?confirm=true", token=allowed)).status == 200


async def test_calls_over_http_are_measured_as_all_calls(side: Side) -> None:
    await side.get("/v1/sessions")
    name = "iterm_mcp_http_requests_total"
    labels = {"route": "/v1/sessions", "status": "200"}
    assert side.metrics.registry.get_sample_value(name, labels) == 1.0
