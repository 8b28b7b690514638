"""Sessions end to end: relay or HTTP, daemon, terminal, real shells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.tool_client import DOORS, NOBODY, ToolClient, open_tools
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.homes import Home


@pytest.mark.parametrize("door", DOORS)
async def test_through_every_door_a_session_opens_runs_and_shows(
    shared_home: Home, door: str
) -> None:
    async with open_tools(shared_home, door) as tools:
        session_id = await tools.open()
        typed = await tools.data("send_text", session_id=session_id, text="echo $((6 * 7))")
        await tools.shows(session_id, "42")
        refusal = await tools.refusal("read_screen", session_id=NOBODY)

    assert typed.pop("cursor")
    assert typed == {"typed": True, "session_id": session_id}
    assert refusal["code"] == "session_not_found"


async def test_an_opened_session_is_listed_where_it_was_said_to_be(tools: ToolClient) -> None:
    opened = await tools.data("open_session", name="lookout")
    (listed,) = await tools.listed(opened["session_id"])

    assert (listed["window_id"], listed["tab_id"]) == (opened["window_id"], opened["tab_id"])
    assert "lookout" in listed["title"]
    assert listed["columns"] > 0
    assert listed["rows"] > 0


async def test_a_session_opens_as_a_tab_of_a_window(tools: ToolClient) -> None:
    first = await tools.data("open_session")
    second = await tools.data("open_session", window_id=first["window_id"])

    assert second["window_id"] == first["window_id"]
    assert second["tab_id"] != first["tab_id"]


async def test_a_session_runs_a_command_in_a_directory(tools: ToolClient) -> None:
    session_id = await tools.open(command="/bin/sh -c 'pwd; exec cat'", directory="/usr")

    await tools.shows(session_id, "/usr")


@pytest.mark.parametrize(
    ("direction", "shrinks", "new_comes_first"),
    [
        ("right", "columns", False),
        ("left", "columns", True),
        ("below", "rows", False),
        ("above", "rows", True),
    ],
)
async def test_a_split_halves_the_pane_on_the_side_asked_for(
    tools: ToolClient, direction: str, shrinks: str, *, new_comes_first: bool
) -> None:
    old = await tools.open()
    (before,) = await tools.listed(old)
    new = (await tools.data("split_session", session_id=old, direction=direction))["session_id"]

    async def sizes() -> list[int]:
        return [one[shrinks] for one in await tools.listed(old, new)]

    await eventually(sizes, lambda both: len(both) == 2 and sum(both) <= before[shrinks])
    panes = await tools.listed(old, new)
    assert {one["tab_id"] for one in panes} == {before["tab_id"]}
    expected = [new, old] if new_comes_first else [old, new]
    assert [one["session_id"] for one in panes] == expected


async def test_text_without_enter_waits_for_its_key(tools: ToolClient) -> None:
    session_id = await tools.open()
    await tools.data("send_text", session_id=session_id, text="echo $((40 + 4))", enter=False)

    def typed_not_run(lines: list[str]) -> bool:
        return any("$((40 + 4))" in line for line in lines)

    lines = await eventually(lambda: tools.screen(session_id), typed_not_run, within_seconds=15)
    assert "44" not in lines
    pressed = await tools.data("send_keys", session_id=session_id, keys=["enter"])

    assert pressed.pop("cursor")
    assert pressed == {"pressed": 1, "session_id": session_id}
    await tools.shows(session_id, "44")


async def test_each_line_of_a_text_is_run(tools: ToolClient) -> None:
    session_id = await tools.open()

    await tools.data("send_text", session_id=session_id, text="echo $((1 + 2))\necho $((3 + 4))")

    lines = await tools.shows(session_id, "7")
    assert "3" in [line.rstrip() for line in lines]


async def test_ctrl_c_interrupts_what_runs(tools: ToolClient) -> None:
    session_id = await tools.open()
    await tools.data("send_text", session_id=session_id, text="echo $((90 + 1)); cat")
    await tools.shows(session_id, "91")
    await tools.data("send_text", session_id=session_id, text="into cat")
    await eventually(
        lambda: tools.screen(session_id),
        lambda lines: lines.count("into cat") == 2,  # typed, and repeated by cat
        within_seconds=15,
    )

    await tools.data("send_keys", session_id=session_id, keys=["ctrl-c"])
    await eventually(  # what is typed before the shell is back may go with what was interrupted
        lambda: tools.screen(session_id),
        lambda lines: "".join(lines).rstrip().endswith(("#", "$", "%")),
        within_seconds=15,
    )
    await tools.data("send_text", session_id=session_id, text="echo $((90 + 2))")

    await tools.shows(session_id, "92")


async def test_keys_edit_the_line(tools: ToolClient) -> None:
    session_id = await tools.open(command="/bin/cat")
    keys = ["a", "b", "backspace", "ü", "tab", "c", "enter"]

    await tools.data("send_keys", session_id=session_id, keys=keys)

    await eventually(
        lambda: tools.screen(session_id),
        lambda lines: [re.split(r"\s+", line.strip()) for line in lines[:2]] == [["aü", "c"]] * 2,
        within_seconds=15,
    )


async def test_text_of_all_scripts_comes_through(tools: ToolClient) -> None:
    session_id = await tools.open(command="/bin/cat")

    await tools.data("send_text", session_id=session_id, text="Grüße 你好 שלום 👍 é")

    await eventually(  # typed, and repeated by cat
        lambda: tools.screen(session_id),
        lambda lines: [line.rstrip() for line in lines[:2]] == ["Grüße 你好 שלום 👍 é"] * 2,
        within_seconds=15,
    )


async def test_the_active_session_needs_no_id(tools: ToolClient) -> None:
    session_id = await tools.open()
    await eventually(
        lambda: tools.listed(session_id), lambda found: bool(found) and found[0]["active"]
    )

    answer = await tools.data("send_text", session_id="active", text="echo $((5 * 5))")

    assert answer["session_id"] == session_id
    await tools.shows(session_id, "25")


async def test_a_closed_session_is_gone_and_what_ran_in_it_too(tools: ToolClient) -> None:
    session_id = await tools.open()
    closed = await tools.data("close_session", session_id=session_id, confirm=True)

    assert (closed["closed"], closed["session_id"]) == (True, session_id)
    assert await tools.listed(session_id) == []
    for tool, arguments in USES.items():
        refusal = await tools.refusal(tool, session_id=session_id, **arguments)
        assert refusal["code"] == "session_not_found", tool
        assert "list_sessions" in refusal["hint"], tool


USES: dict[str, dict[str, Any]] = {
    "read_screen": {},
    "send_text": {"text": "x"},
    "send_keys": {"keys": ["enter"]},
    "split_session": {},
    "close_session": {"confirm": True},
}


async def test_a_shell_that_ends_takes_its_session_along(tools: ToolClient) -> None:
    session_id = await tools.open()
    await tools.data("send_text", session_id=session_id, text="exit")

    await eventually(lambda: tools.listed(session_id), lambda found: not found, within_seconds=15)

    refusal = await tools.refusal("send_text", session_id=session_id, text="echo too late")
    assert refusal["code"] == "session_not_found"


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "says"),
    [
        ("open_session", {"window_id": "nope"}, "window_not_found", "nope"),
        ("open_session", {"profile": "No such one"}, "profile_not_found", "No such one"),
        ("open_session", {"name": "a\u202eb"}, "invalid_request", "control"),
        ("open_session", {"comand": "ls"}, "bad_arguments", "comand: there is no such argument"),
        ("split_session", {"session_id": NOBODY, "direction": "up"}, "bad_arguments", "'right'"),
        ("send_text", {"session_id": "active"}, "bad_arguments", "text: Field required"),
        ("send_text", {"session_id": ["x"], "text": "y"}, "bad_arguments", "session_id"),
        ("send_text", {"session_id": NOBODY, "text": 5}, "bad_arguments", "text"),
        ("send_keys", {"session_id": NOBODY, "keys": "ctrl-c"}, "bad_arguments", "keys"),
        ("send_keys", {"session_id": NOBODY, "keys": []}, "bad_arguments", "keys"),
        ("send_keys", {"session_id": NOBODY, "keys": ["ctrl-ccc"]}, "invalid_request", "ctrl-ccc"),
        ("send_keys", {"session_id": NOBODY, "keys": ["z" * 5000]}, "invalid_request", "zz…"),
        ("send_keys", {"session_id": NOBODY, "keys": [5] * 999}, "bad_arguments", "994 more"),
        ("open_session", {"name": "\x01" * 5000}, "invalid_request", "name"),
        ("read_screen", {"k" * 5000: 1}, "bad_arguments", "kk…"),
        ("read_screen", {}, "bad_arguments", "session_id: Field required"),
        ("read_screen", {"session_id": ""}, "session_not_found", "session"),
        ("read_screen", {"session_id": "x" * 5000}, "session_not_found", "session"),
        ("close_session", {"session_id": "all", "confirm": True}, "session_not_found", "all"),
    ],
)
async def test_a_mistake_is_answered_with_what_to_do(
    tools: ToolClient, tool: str, arguments: dict[str, Any], code: str, says: str
) -> None:
    refusal = await tools.refusal(tool, **arguments)

    assert refusal["code"] == code
    assert says in refusal["error"]
    assert len(refusal["error"]) < 1000


@pytest.mark.headless
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"command": "/no/such/program"}, "the program '/no/such/program' was not found"),
        ({"directory": "/no/such"}, "the directory '/no/such' does not exist"),
        ({"command": "sh -c 'open"}, "a quote is left open"),
    ],
)
async def test_a_program_that_cannot_start_is_refused_with_the_reason(
    tools: ToolClient, arguments: dict[str, str], reason: str
) -> None:
    session_id = await tools.open()

    opened = await tools.refusal("open_session", **arguments)
    split = await tools.refusal("split_session", session_id=session_id, **arguments)

    for refusal in (opened, split):
        assert refusal["code"] == "terminal_rejected"
        assert reason in refusal["error"]
        assert "exist" in refusal["hint"]
