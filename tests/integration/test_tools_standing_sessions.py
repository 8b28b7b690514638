"""Sessions found, described, changed, suspended, restarted and closed, as a model does it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.integration.tool_client import NOBODY
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.tool_client import ToolClient

Json = dict[str, Any]

SECONDS = 20

STUBBORN = "trap '' TERM HUP INT; echo holds; while :; do sleep 0.1; done"
"""Ends for nothing but SIGKILL."""


async def described(tools: ToolClient, session_id: str) -> Json:
    return await tools.data("describe_session", session_id=session_id)


def named(found: Json, name: str) -> list[Json]:
    """Return the processes of a description whose program is this one."""
    return [one for one in found.get("processes", []) if one["name"] == name]


async def starts(tools: ToolClient, session_id: str, name: str) -> Json:
    """Wait until a program runs in front in a session, and return its process."""
    found = await eventually(
        lambda: described(tools, session_id),
        lambda one: one["job"] == name and named(one, name),
        within_seconds=SECONDS,
    )
    return named(found, name)[0]


async def test_a_session_opens_with_arguments_variables_and_a_size(tools: ToolClient) -> None:
    script = 'printf "%s|" "$@"; echo "$SECRET"; stty size; exec cat'
    session_id = await tools.open(
        command="/bin/sh",
        args=["-c", script, "sh", "two words", "it's", '"$HOME"', "back\\slash"],
        environment={"SECRET": "s w o r d"},
        columns=101,
        rows=31,
    )

    lines = await tools.shows(session_id, "31 101")

    assert 'two words|it\'s|"$HOME"|back\\slash|s w o r d' in [line.rstrip() for line in lines]


@pytest.mark.headless
async def test_variables_of_a_session_are_in_no_list_of_processes(tools: ToolClient) -> None:
    session_id = await tools.open(environment={"TOKEN": "s3cr3t-value"}, wait_ready=True)
    await tools.data("send_text", session_id=session_id, text="echo got $TOKEN")
    await tools.shows(session_id, "got s3cr3t-value")

    found = await described(tools, session_id)
    pid = found["processes"][0]["pid"]
    parents = [psutil.Process(pid), *psutil.Process(pid).parents()]

    assert not [one for one in parents if "s3cr3t" in " ".join(one.cmdline())]
    assert found["prompt"] == "editing", "its shell has its integration all the same"


async def test_who_waits_for_a_shell_is_told_that_it_is_ready(tools: ToolClient) -> None:
    opened = await tools.data("open_session", wait_ready=True)
    plain = await tools.data("open_session", command="/bin/sh", wait_ready=True)
    unmarked = await tools.data("open_session", command="true", wait_ready=True)

    assert opened["ready"] is True
    assert plain["ready"] is True
    assert unmarked["ready"] is False


async def test_a_session_is_named_by_what_is_known_of_it(tools: ToolClient, tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    session_id = await tools.open(
        name="lighthouse", tags=["keeper", "t:1"], directory=str(folder), command="/bin/cat"
    )
    split = await tools.data("split_session", session_id=session_id, tags=["keeper"])
    await tools.data("register_agent", session_id=session_id, name=f"ann{os.getpid()}")
    await eventually(
        lambda: tools.listed(session_id), lambda found: found[0]["job"] == "cat",
        within_seconds=SECONDS,
    )  # fmt: skip

    for selector in (
        session_id[:13], session_id[:8].lower(), "name:lighthouse", "name:LightH", "tag:t:1",
        f"agent:ann{os.getpid()}", f"dir:{folder}",
    ):  # fmt: skip
        answer = await described(tools, selector)
        assert answer["session_id"] == session_id, selector
    both = await tools.data("list_sessions", match=["tag:keeper"])
    one = await tools.data("list_sessions", match=["tag:keeper", "job:cat"])
    refusal = await tools.refusal("read_screen", session_id="tag:keeper")

    assert [each["session_id"] for each in both["sessions"]] == [session_id, split["session_id"]]
    assert [each["session_id"] for each in one["sessions"]] == [session_id]
    (listed,) = one["sessions"]
    assert listed["tags"] == ["keeper", "t:1"]
    assert listed["directory"] == str(folder)
    assert refusal["code"] == "session_ambiguous"
    assert session_id in refusal["hint"]


async def test_a_session_is_described_with_what_runs_in_it(tools: ToolClient) -> None:
    session_id = await tools.open(directory="/usr", wait_ready=True, tags=["d"])
    await tools.data("run_command", session_id=session_id, command="false")
    await tools.data("send_text", session_id=session_id, text="sleep 300")
    sleep = await starts(tools, session_id, "sleep")

    found = await described(tools, session_id)

    assert found["directory"] == "/usr"
    assert found["prompt"] == "running"
    assert found["last_command"] == {"command": "sleep 300", "running": True}
    shell = found["processes"][0]
    assert sleep["parent"] == shell["pid"]
    assert sleep["command"] == "sleep 300"
    assert sleep["memory_mb"] > 0
    assert found["memory_mb"] >= sleep["memory_mb"]
    assert "cpu_percent" in sleep
    assert found["recording"] is None
    assert found["tty"].startswith("/dev/")
    assert found["tags"] == ["d"]

    await tools.data("send_keys", session_id=session_id, keys=["ctrl-c"])
    after = await eventually(
        lambda: described(tools, session_id),
        lambda one: one["prompt"] == "editing",
        within_seconds=SECONDS,
    )
    assert after["last_command"]["command"] == "sleep 300"
    assert after["last_command"]["exit_code"] == 130


async def test_a_busy_program_shows_as_busy(tools: ToolClient) -> None:
    session_id = await tools.open(command="/bin/sh", args=["-c", "while :; do :; done"])

    found = await eventually(
        lambda: described(tools, session_id),
        lambda one: one.get("cpu_percent", 0) > 5,
        within_seconds=SECONDS,
    )

    assert found["prompt"] == "unmarked"


async def test_a_session_is_renamed_tagged_marked_resized_and_focused(tools: ToolClient) -> None:
    session_id = await tools.open(name="before", wait_ready=True)
    await tools.open()

    changed = await tools.data(
        "change_session", session_id=session_id, name="after", tags=["new"], badge="B \\(1)",
        tab_color="#ff8800", background="#102030", columns=90, rows=22, focus=True,
    )  # fmt: skip

    assert set(changed["changed"]) == {"name", "tags", "look", "size", "focus"}
    assert {"columns", "rows"} < set(changed)
    found = await eventually(
        lambda: described(tools, "name:after"),
        lambda one: one["active"] and (one["columns"], one["rows"]) == (90, 22),
        within_seconds=SECONDS,
    )
    assert found["session_id"] == session_id
    assert found["name"] == "after"
    assert found["tags"] == ["new"]
    await tools.data("send_text", session_id="tag:new", text="stty size")
    await tools.shows(session_id, "22 90")


async def test_a_job_is_suspended_and_goes_on(tools: ToolClient) -> None:
    session_id = await tools.open(wait_ready=True)
    await tools.data("send_text", session_id=session_id, text="sleep 300")
    sleep = psutil.Process((await starts(tools, session_id, "sleep"))["pid"])

    await tools.data("change_session", session_id=session_id, job="suspend")
    await eventually(sleep.status, lambda state: state == psutil.STATUS_STOPPED)
    await eventually(  # the shell has the keyboard again
        lambda: described(tools, session_id),
        lambda one: one["job"] != "sleep",
        within_seconds=SECONDS,
    )
    resumed = await tools.data("change_session", session_id=session_id, job="resume")

    assert resumed["in_background"] is True
    await eventually(sleep.status, lambda state: state != psutil.STATUS_STOPPED)
    refusal = await tools.refusal("change_session", session_id=session_id, job="suspend")
    assert refusal["code"] == "no_job"
    again = await tools.refusal("change_session", session_id=session_id, job="resume")
    assert again["code"] == "no_job"


async def test_a_program_without_a_shell_is_suspended_and_goes_on_in_front(
    tools: ToolClient,
) -> None:
    session_id = await tools.open(command="/bin/cat")
    cat = psutil.Process((await starts(tools, session_id, "cat"))["pid"])

    await tools.data("change_session", session_id=session_id, job="suspend")
    await eventually(cat.status, lambda state: state == psutil.STATUS_STOPPED)
    resumed = await tools.data("change_session", session_id=session_id, job="resume")

    assert "in_background" not in resumed
    await tools.data("send_text", session_id=session_id, text="still here")
    await eventually(
        lambda: tools.screen(session_id),
        lambda lines: lines.count("still here") == 2,
        within_seconds=SECONDS,
    )


async def test_a_restarted_session_has_a_new_shell_below_the_old_ones_words(
    tools: ToolClient,
) -> None:
    session_id = await tools.open(wait_ready=True, environment={"KEPT": "yes"}, tags=["r"])
    await tools.data("run_command", session_id=session_id, command="LOST=yes; echo words")
    before = (await described(tools, session_id))["processes"][0]["pid"]
    refusal = await tools.refusal(
        "restart_session", session_id=session_id, only_if_ended=True, confirm=True
    )

    answer = await tools.data("restart_session", session_id=session_id, confirm=True)
    again = answer["session_id"]
    await eventually(
        lambda: described(tools, again), lambda one: one["prompt"] == "editing",
        within_seconds=SECONDS,
    )  # fmt: skip
    result = await tools.data("run_command", session_id=again, command="echo [$KEPT$LOST]")

    assert refusal["code"] == "terminal_rejected"
    assert "[yes]" in str(result["output"])
    assert (await described(tools, again))["processes"][0]["pid"] != before
    assert "words" in [line.rstrip() for line in await tools.screen(again)]


async def test_closing_tells_what_the_session_was(tools: ToolClient) -> None:
    session_id = await tools.open(name="brief", wait_ready=True)
    await tools.data("run_command", session_id=session_id, command="echo bye; false")
    pid = (await described(tools, session_id))["processes"][0]["pid"]

    closed = await tools.data("close_session", session_id=session_id, confirm=True)

    assert closed["session_id"] == session_id
    assert closed["name"] == "brief"
    assert closed["killed"] is False
    assert closed["open_seconds"] < 600
    assert closed["last_command"] == {
        "command": "echo bye; false", "running": False, "exit_code": 1
    }  # fmt: skip
    assert "bye" in closed["last_lines"]
    assert await tools.listed(session_id) == []
    await eventually(lambda: not psutil.pid_exists(pid), within_seconds=SECONDS)


async def test_what_runs_is_not_closed_unasked(tools: ToolClient) -> None:
    session_id = await tools.open(wait_ready=True)
    await tools.data("send_text", session_id=session_id, text="sleep 300")
    await starts(tools, session_id, "sleep")

    for tool in ("close_session", "restart_session"):
        refusal = await tools.refusal(tool, session_id=session_id)
        assert refusal["code"] in {"confirm_needed", "unconfirmed"}
        assert "confirm=true" in refusal["hint"]
    assert len(await tools.listed(session_id)) == 1


async def test_a_job_that_ends_cleanly_is_given_the_time(tools: ToolClient, tmp_path: Path) -> None:
    written = tmp_path / "written"
    script = (
        f"trap 'sleep 0.3; echo clean > {written}; exit' TERM; echo up; while :; do sleep 0.1; done"
    )
    session_id = await tools.open(wait_ready=True)
    await tools.data("send_text", session_id=session_id, text=f"sh -c {_quoted(script)}")
    await tools.shows(session_id, "up")

    closed = await tools.data("close_session", session_id=session_id, confirm=True)

    assert closed["killed"] is False
    assert written.read_text() == "clean\n"


async def test_what_does_not_end_is_killed_when_its_grace_is_over(tools: ToolClient) -> None:
    session_id = await tools.open(wait_ready=True)
    await tools.data("send_text", session_id=session_id, text=f"sh -c {_quoted(STUBBORN)}")
    await tools.shows(session_id, "holds")
    pids = [one["pid"] for one in (await described(tools, session_id))["processes"]]
    stubborn = psutil.Process(pids[1])

    closed = await tools.data(
        "close_session", session_id=session_id, confirm=True, grace_seconds=0.5
    )

    assert closed["killed"] is True
    await eventually(
        lambda: not stubborn.is_running() or stubborn.status() == psutil.STATUS_ZOMBIE,
        within_seconds=SECONDS,
    )
    assert await tools.listed(session_id) == []


def _quoted(script: str) -> str:
    return "'" + script.replace("'", "'\\''") + "'"


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("open_session", {"args": ["x"]}, "invalid_request"),
        ("open_session", {"environment": {"A-B": "x"}}, "invalid_request"),
        ("open_session", {"environment": {"A": 5}}, "bad_arguments"),
        ("open_session", {"tags": ["a b"]}, "invalid_request"),
        ("open_session", {"columns": 80}, "invalid_request"),
        ("open_session", {"columns": 80, "rows": 99999}, "invalid_request"),
        ("list_sessions", {"match": ["x"]}, "invalid_request"),
        ("change_session", {"session_id": NOBODY}, "invalid_request"),
        ("change_session", {"session_id": NOBODY, "name": "x"}, "session_not_found"),
        ("change_session", {"session_id": NOBODY, "tab_color": "red"}, "invalid_request"),
        ("change_session", {"session_id": NOBODY, "job": "stop"}, "bad_arguments"),
        ("change_session", {"session_id": NOBODY, "job": "suspend"}, "session_not_found"),
        ("describe_session", {"session_id": NOBODY}, "session_not_found"),
        ("describe_session", {"session_id": "tag:nobody-has-it"}, "session_not_found"),
        ("close_session", {"session_id": NOBODY, "confirm": True}, "session_not_found"),
        ("restart_session", {"session_id": NOBODY, "confirm": True}, "session_not_found"),
    ],
)
async def test_a_mistake_is_answered_with_what_to_do(
    tools: ToolClient, tool: str, arguments: Json, code: str
) -> None:
    refusal = await tools.refusal(tool, **arguments)

    assert refusal["code"] == code
    assert refusal["hint"]


async def test_a_session_is_found_by_its_name_though_its_shell_sets_the_title(
    tools: ToolClient,
) -> None:
    command = "/bin/sh -c 'printf \"\\033]0;user@host\\007ready\"; exec cat'"
    session_id = await tools.open(name="lookout", command=command)
    await tools.shows(session_id, "ready")
    (listed,) = await eventually(
        lambda: tools.listed(session_id), lambda found: "user@host" in found[0]["title"]
    )

    described = await tools.data("describe_session", session_id="name:lookout")

    assert listed["name"] == "lookout"
    assert described["session_id"] == session_id
