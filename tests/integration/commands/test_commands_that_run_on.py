"""Commands that take their time, ask for something, or take the shell along."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.commands.conftest import EVERY
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.commands.conftest import Kind, Shell
    from tests.integration.homes import Home
    from tests.integration.tool_client import Json, ToolClient

SECONDS = 20


async def test_a_command_that_takes_longer_runs_on_and_its_end_is_told_later(
    shell: Shell, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    command = f"echo begun; sh -c 'while [ ! -e {gate} ]; do sleep 0.02; done'; echo ended"

    started = await shell.run(command, timeout_seconds=0)
    await shell.wait(patterns=["^begun"], since=None, condition="idle", idle_seconds=0.1)
    refused = await shell.refused("echo too early")
    running = await eventually(  # between fork and exec a child has its shell's name
        lambda: shell.tools.data("command_status", command_id=started["command_id"]),
        lambda status: status["job"] in {"sh", "sleep", "dash", "bash"},
        within_seconds=SECONDS,
    )
    gate.touch()
    ended = await shell.tools.data(
        "command_status", command_id=started["command_id"], wait_seconds=SECONDS
    )

    assert (started["state"], running["state"]) == ("running", "running")
    assert refused["code"] == "shell_busy"
    assert started["command_id"] in refused["error"]
    assert (ended["state"], ended["exit_code"]) == ("finished", 0)
    assert ended["output"] == "begun\nended"
    assert ended["duration_seconds"] > 0


async def test_what_is_printed_before_one_waits_for_it_is_found_by_the_cursor(
    shell: Shell,
) -> None:
    started = await shell.run("sleep 0.1; echo ser''ved", timeout_seconds=0)
    await shell.tools.data("command_status", command_id=started["command_id"], wait_seconds=SECONDS)

    waited = await shell.wait(patterns=["^served"], since=started["cursor"])

    assert (started["state"], waited["matched"]) == ("running", True)


async def test_an_interrupt_ends_what_runs_and_leaves_what_it_printed(shell: Shell) -> None:
    started = await shell.run("echo before; sleep 100", timeout_seconds=0.2)

    ended = await shell.interrupt()

    assert started["state"] == "running"
    assert (ended["command_id"], ended["state"]) == (started["command_id"], "finished")
    assert ended["exit_code"] == 130
    assert re.fullmatch(r"before(\n\^C)?\s*", ended["output"])
    later = await shell.tools.data("command_status", command_id=started["command_id"])
    assert (later["state"], later["output"]) == ("finished", ended["output"])
    assert (await shell.run("echo after"))["output"] == "after"


async def test_one_that_ignores_interrupts_is_ended_all_the_same(shell: Shell) -> None:
    started = await shell.run(
        "sh -c 'trap \"\" INT; while :; do sleep 0.05; done'", timeout_seconds=0.3
    )

    ended = await shell.interrupt()

    assert started["state"] == "running"
    assert ended["state"] == "finished"
    assert ended["exit_code"] != 0
    assert (await shell.run("echo after"))["output"] == "after"


async def test_an_interrupt_at_a_prompt_harms_nothing(shell: Shell) -> None:
    await shell.run("true")

    assert await shell.interrupt() == {"interrupted": False}

    waited = await shell.wait(condition="prompt", timeout_seconds=SECONDS)
    assert waited["condition"] == "prompt"
    assert (await shell.run("echo after"))["output"] == "after"


async def test_a_shell_that_draws_its_prompt_is_not_harmed_by_an_interrupt(shell: Shell) -> None:
    for _ in range(10 if shell.kind.marked else 1):
        await shell.run("true")  # which has ended before the prompt is drawn
        assert await shell.interrupt() == {"interrupted": False}

        assert (await shell.run("echo after"))["output"] == "after"


async def test_a_question_for_a_password_is_seen_and_answered(shell: Shell) -> None:
    ask = "sh -c 'stty -echo; printf \"Password: \"; read it; stty echo; echo; echo got $it'"

    asked = await shell.run(ask, timeout_seconds=0.5)
    await shell.tools.data("send_text", session_id=shell.session_id, text="secret")
    ended = await shell.tools.data(
        "command_status", command_id=asked["command_id"], wait_seconds=SECONDS
    )

    assert (asked["state"], asked["waiting_for_input"]) == ("running", True)
    assert ended["output"] == "Password: \ngot secret"
    assert "waiting_for_input" not in ended


async def test_a_program_that_reads_the_keys_refuses_commands(fresh: Shell) -> None:
    repl = await fresh.run("python3 -q", timeout_seconds=0.2)
    await fresh.wait(patterns=[">>> "], literal=True, since=None, condition="idle")

    refused = await fresh.refused("echo no")

    assert repl["state"] == "running"
    assert refused["code"] == "shell_busy"
    assert "send_text" in refused["hint"]
    await fresh.tools.data("send_text", session_id=fresh.session_id, text="exit(7)")
    ended = await fresh.tools.data(
        "command_status", command_id=repl["command_id"], wait_seconds=SECONDS
    )
    assert ended["exit_code"] == 7


async def test_a_full_screen_program_runs_on_and_says_so(fresh: Shell) -> None:
    waiting = await fresh.run("vi -u NONE", timeout_seconds=1)

    assert waiting["state"] == "running"
    assert waiting["job"].startswith("vi")
    assert waiting["full_screen"] is True
    assert "output" not in waiting
    await fresh.tools.data("send_text", session_id=fresh.session_id, text=":q!")
    ended = await fresh.tools.data(
        "command_status", command_id=waiting["command_id"], wait_seconds=SECONDS
    )
    assert ended["exit_code"] == 0


async def test_exit_ends_the_session(fresh: Shell) -> None:
    result = await fresh.run("exit 3")

    assert result["state"] == "session_ended"
    assert "output" not in result


async def test_a_shell_that_replaces_the_shell_takes_commands(fresh: Shell) -> None:
    replaced = await fresh.run("exec zsh -f", timeout_seconds=1)
    await fresh.wait(condition="idle", idle_seconds=0.3)

    after = await fresh.run('echo "in $ZSH_NAME"')

    assert replaced["state"] == "running"
    assert (after["exit_code"], after["output"]) == (0, "in zsh")


async def test_in_a_shell_inside_of_a_marked_one_commands_run_when_it_is_named(
    bash: Shell,
) -> None:
    inner = await bash.run("bash --norc --noprofile", timeout_seconds=0.2)
    await bash.wait(patterns=[r"\$ $", "# $"], condition="idle", idle_seconds=0.5)

    refused = await bash.refused("echo no")
    named = await bash.run("echo in $SHLVL; false", shell="posix")
    again = await bash.run("echo once more")
    left = await bash.run("exit 4")

    assert "shell" in refused["hint"]
    assert (named["exit_code"], again["output"]) == (1, "once more")
    assert re.fullmatch(r"in \d+", named["output"])
    assert left["state"] in {"finished", "unknown"}
    outer = await bash.tools.data("command_status", command_id=inner["command_id"])
    assert (outer["state"], outer["exit_code"]) == ("finished", 4)
    assert (await bash.run("echo outside"))["output"] == "outside"


async def test_text_at_the_prompt_is_not_run_along(bash: Shell) -> None:
    await bash.run("true")
    await bash.tools.data("send_text", session_id=bash.session_id, text="echo half a", enter=False)
    await bash.wait(patterns=["half a$"], condition="idle", idle_seconds=0.2)

    refused = await bash.refused("echo no")

    assert refused["code"] == "draft_at_prompt"
    assert "half a" in refused["error"]


async def test_of_two_commands_at_once_one_runs_and_the_other_is_told_of_it(bash: Shell) -> None:
    await bash.run("true")
    results: list[Json] = []

    other = bash.tools.data(
        "run_command", session_ids=[bash.session_id, f"w0t0p0:{bash.session_id}"],
        command="echo one; sleep 0.3",
    )  # fmt: skip
    results = (await other)["results"]

    ran = [one for one in results if "state" in one]
    refused = [one for one in results if "code" in one]
    assert len(ran) == len(refused) == 1
    assert refused[0]["code"] == "shell_busy"
    assert ran[0]["output"] == "one"
    assert ran[0]["command_id"] in refused[0]["error"]


async def test_many_sessions_run_a_command_at_once(hands: ToolClient) -> None:
    opened = [await hands.open(command="/bin/dash") for _ in range(8)]

    answer = await hands.data(
        "run_command", session_ids=[*opened, "no such session"], command="echo $((6 * 7))"
    )

    assert [one["session_id"] for one in answer["results"]] == [*opened, "no such session"]
    assert [one["output"] for one in answer["results"][:-1]] == ["42"] * 8
    assert answer["results"][-1]["code"] == "session_not_found"
    for one in opened:
        await hands.result("close_session", session_id=one)


@pytest.mark.parametrize("kind", EVERY, ids=str)
async def test_what_scrolls_out_of_the_history_is_counted(
    hands: ToolClient, shared_home: Home, kind: Kind
) -> None:
    profile = anyio.Path(shared_home.paths.state, "profiles", "short.json")
    await profile.parent.mkdir(exist_ok=True)
    short = {"Name": "Short", "Guid": "short", "Scrollback Lines": 1000}
    await profile.write_text(json.dumps({"Profiles": [short]}))
    session = await hands.open(command=kind.command(), profile="Short")

    result = await hands.data(
        "run_command", session_id=session, command="seq 20000", max_lines=5000, timeout_seconds=20
    )

    shown = result["output"].split("\n")
    assert shown[-1] == "20000"
    assert 1000 < len(shown) < 1100
    assert "lines_left_out" not in result
    assert result["lines_lost"] + len(shown) == 20000
    assert int(shown[0]) == result["lines_lost"] + 1
    few = await hands.data("command_status", command_id=result["command_id"], max_lines=10)
    assert few["lines_lost"] + few["lines_left_out"] + 10 == 20000
    await hands.result("close_session", session_id=session)


async def test_a_long_here_document_arrives_whole(shell: Shell) -> None:
    if shell.kind.fish:
        pytest.skip("fish has no here-documents")
    lines = "\n".join(f"line {number:05} it's" for number in range(800))

    result = await shell.run(f"cat <<'END' | cksum\n{lines}\nEND", timeout_seconds=60)

    echoed = await shell.tools.result("read_screen", session_id=shell.session_id)
    assert result["state"] == "finished", echoed
    with anyio.fail_after(SECONDS):
        done = await anyio.run_process(["cksum"], input=f"{lines}\n".encode())
    assert result["output"] == done.stdout.decode().strip()


async def test_a_long_line_arrives_whole(shell: Shell) -> None:
    words = " ".join(f"w{number:06}" for number in range(200))  # no more than fits onto the screen

    result = await shell.run(f"echo {words} | wc -c", timeout_seconds=60)

    assert result["output"].strip() == str(len(words) + 1)


async def test_a_command_that_is_too_long_is_refused(bash: Shell) -> None:
    refused = await bash.refused("x" * (1 << 15))

    assert refused["code"] == "invalid_request"
    assert "file" in refused["hint"]


async def test_a_line_too_long_for_a_shell_without_line_editor_is_refused(
    hands: ToolClient,
) -> None:
    session = await hands.open(command="/bin/dash")

    refused = await hands.refusal("run_command", session_id=session, command=f"echo {'x' * 5000}")

    assert refused["code"] == "invalid_request"
    assert "dash" in refused["error"]
    await hands.result("close_session", session_id=session)


@pytest.mark.parametrize("setting", ["", "HISTCONTROL=ignorespace", "HISTCONTROL=ignoreboth"])
async def test_the_marks_of_our_own_do_not_stay_in_the_history_of_bash(
    hands: ToolClient, setting: str
) -> None:
    session = await hands.open(
        command=f"/usr/bin/env HISTFILE=/dev/null {setting} bash --norc --noprofile"
    )
    await hands.data("send_text", session_id=session, text="echo by hand")
    await hands.shows(session, "by hand")

    await hands.data("run_command", session_id=session, command="echo ours")
    await hands.data("send_text", session_id=session, text="echo by hand, too")
    await hands.shows(session, "by hand, too")
    result = await hands.data("run_command", session_id=session, command="history")

    kept = [line.split(None, 1)[1] for line in result["output"].split("\n")]
    assert kept[:2] == ["echo by hand", "echo by hand, too"]
    assert not any("133" in line for line in kept[:2])


@pytest.mark.parametrize("shell", ["fish --no-config", "zsh -f -o hist_ignore_space"])
async def test_the_marks_of_our_own_do_not_stay_in_the_history_of(
    hands: ToolClient, shell: str
) -> None:
    session = await hands.open(command=f"/usr/bin/env {shell}")
    await hands.data("run_command", session_id=session, command="echo ours")
    await hands.data("send_text", session_id=session, text="echo by hand")
    await hands.shows(session, "by hand")
    await hands.data("send_text", session_id=session, text="clear; history")

    async def shown() -> str:
        return "\n".join(await hands.screen(session))

    text = await eventually(shown, lambda one: "by hand" in one and "133" not in one)
    assert "echo by hand" in text
    assert "ours" not in text
