"""What a Claude Code TUI tells of its state, as its persona shows it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil
from tests.integration.fake_agent.agents import pid_of, start
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.terminal.iterm import ItermTerminal


async def test_the_registry_file_names_the_process_and_its_start(
    terminal: ItermTerminal, folder: Folder
) -> None:
    session_id = "11111111-2222-4333-8444-555555555555"
    agent = await start(terminal, folder, "claude", "--session-id", session_id)
    entry = folder.registry()
    assert entry

    assert entry["pid"] == pid_of(folder.truth("started")[0])
    assert entry["sessionId"] == session_id
    assert entry["cwd"] == str(folder.project)
    assert (entry["kind"], entry["entrypoint"]) == ("interactive", "cli")
    assert psutil.pid_exists(entry["pid"])
    await agent.type("/exit\r")
    await eventually(folder.registry, lambda found: found is None)


async def test_exit_is_told_and_a_kill_is_not(terminal: ItermTerminal, folder: Folder) -> None:
    agent = await start(terminal, folder, "claude", "--settings", folder.settings())
    await agent.say("remember me")
    await agent.ends([1])
    await agent.becomes("idle")
    os.kill(pid_of(folder.truth("started")[0]), signal.SIGKILL)
    await eventually(lambda: not psutil.pid_exists(pid_of(folder.truth("started")[0])))
    entry = folder.registry()
    assert entry
    assert (entry["status"], folder.told_hooks("SessionEnd")) == ("idle", [])

    (folder.path / ".claude" / "sessions" / f"{entry['pid']}.json").unlink()
    resumed = await start(
        terminal, folder, "claude", "--settings", folder.settings(), "--resume", entry["sessionId"],
        wait=False,
    )  # fmt: skip
    await resumed.happens("state", 3, state="ready")
    await resumed.say("/exit")
    ended = await resumed.hears("SessionEnd")

    assert [one["source"] for one in folder.told_hooks("SessionStart")] == ["startup", "resume"]
    assert ended["session_id"] == entry["sessionId"]
    assert ended["reason"] == "prompt_input_exit"
    assert (await resumed.happens("exited"))["code"] == 0


async def test_a_permission_is_waited_for_told_late_and_typed_text_answers_it(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(
        terminal, folder, "claude", "--settings", folder.settings(),
        options=("--notify-seconds", "0.2"),
    )  # fmt: skip

    await agent.say("[[tool Bash touch x]]")
    await agent.becomes("waiting", "permission prompt")
    await agent.sees("Do you want to proceed?")
    noticed = await agent.hears("Notification")
    await agent.type("also do 2 things")
    answered = await agent.happens("dialog_answered")
    await agent.becomes("idle")
    await agent.hears("PermissionRequest")

    assert noticed["notification_type"] == "permission_prompt"
    assert (answered["by"], answered["value"]) == ("keys", "always")
    asked = folder.told_hooks("PermissionRequest")[0]
    assert asked["tool_input"]["command"] == "touch x"
    assert "tool_use_id" not in asked
    assert folder.told_hooks("PreToolUse")[0]["tool_use_id"]
    assert folder.told_hooks("PostToolUse")
    await agent.sees("things")  # what came after the answer is a draft now
    assert not folder.truth("received", number=2)


async def test_a_persons_refusal_ends_the_turn_without_a_word(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude", "--settings", folder.settings())

    await agent.say("[[tool Bash touch x]] [[say never]]")
    await agent.becomes("waiting", "permission prompt")
    await agent.sees("Do you want to proceed?")
    await agent.type("\x1b")
    ended = await agent.ends([1])
    await agent.becomes("idle")

    assert (ended["outcome"], ended["said"]) == ("refused", "")
    assert not folder.told_hooks("Stop")
    assert not folder.told_hooks("PostToolUse")
    assert len(folder.transcript("user")) == 1  # what became of it is written with the next prompt
    await agent.say("next")
    await agent.ends([2])
    _, denied, interruption, _ = folder.transcript("user")
    assert denied["toolDenialKind"] == "user-rejected"
    (block,) = interruption["message"]["content"]
    assert block["text"] == "[Request interrupted by user for tool use]"


async def test_a_hook_decides_while_the_dialog_stands(
    terminal: ItermTerminal, folder: Folder
) -> None:
    decide = (
        "sleep 0.3; cat > /dev/null; echo '"
        '{"hookSpecificOutput": {"decision": {"behavior": "allow"}}}\''
    )
    settings = folder.settings(PermissionRequest=[{"type": "command", "command": decide}])
    agent = await start(terminal, folder, "claude", "--settings", settings)

    await agent.say("[[tool Bash touch x]]")
    await agent.becomes("waiting", "permission prompt")
    answered = await agent.happens("dialog_answered")

    assert (answered["by"], answered["value"]) == ("hook", "allow")
    assert (await agent.ends([1]))["outcome"] == "done"
    await agent.happens("tool_used")


async def test_a_person_who_is_faster_than_a_hook_wins_and_the_hook_runs_on(
    terminal: ItermTerminal, folder: Folder
) -> None:
    deny = '{"hookSpecificOutput": {"decision": {"behavior": "deny"}}}'
    late = f"cat > /dev/null; sleep 1; echo over > {folder.path}/over; echo '{deny}'"
    settings = folder.settings(PermissionRequest=[{"type": "command", "command": late}])
    agent = await start(terminal, folder, "claude", "--settings", settings)

    await agent.say("[[tool Bash touch x]]")
    await agent.sees("Do you want to proceed?")
    await agent.type("1")
    ended = await agent.ends([1])
    await eventually((folder.path / "over").exists, within_seconds=20)

    assert ended["outcome"] == "done"
    assert len(folder.truth("tool_used")) == 1
    assert [one["by"] for one in folder.truth("dialog_answered")] == ["keys"]


async def test_a_question_waits_for_input_and_takes_a_choice(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude", "--settings", folder.settings())

    await agent.say("[[ask Which way? | left | right]]")
    await agent.becomes("waiting", "input needed")
    await agent.sees("2. right")
    asked = await agent.hears("PermissionRequest")
    await agent.type("2")
    chosen = await agent.happens("chosen")

    assert chosen["answer"] == "right"
    assert asked["tool_name"] == "AskUserQuestion"


async def test_a_rate_limit_looks_busy_and_only_the_screen_tells(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude", "--settings", folder.settings())

    await agent.say("[[retry 9 6 rate_limit]]")
    await agent.sees("429 slow down · retrying in 6s · attempt 1/10")

    assert folder.status() == ("busy", None)
    assert [one["hook_event_name"] for one in folder.told_hooks()] == [
        "SessionStart",
        "UserPromptSubmit",
    ]
    assert folder.states()[-1] == "rate_limited"


async def test_a_failed_turn_is_told_by_stop_failure_alone(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude", "--settings", folder.settings())

    await agent.say("[[fail authentication_failed]]")
    failed = await agent.hears("StopFailure")
    await agent.becomes("idle")

    assert failed["error"] == "authentication_failed"
    assert not folder.told_hooks("Stop")


async def test_a_background_shell_outlasts_the_turn_and_makes_one_of_its_own(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude", "--settings", folder.settings())

    await agent.say("[[background 1 sleep 9]]")
    await agent.becomes("shell")
    second = await agent.hears("Stop", 2)
    await agent.becomes("idle")

    (task,) = folder.told_hooks("Stop")[0]["background_tasks"]
    assert (task["type"], task["status"], task["command"]) == ("shell", "running", "sleep 9")
    assert second["background_tasks"] == []
    assert folder.told_hooks("UserPromptSubmit")[1]["prompt"].startswith("<task-notification>")


async def test_the_title_tells_idle_from_busy(terminal: ItermTerminal, folder: Folder) -> None:
    agent = await start(terminal, folder, "claude")

    async def title() -> str:
        values = await terminal.read_variables(agent.session_id, ["terminalWindowName"])
        return str(values["terminalWindowName"])

    await eventually(title, lambda one: one == "✳ Claude Code")
    await agent.say("[[work 60]]")
    await eventually(title, lambda one: one[0] in "◐◓◑◒")


async def test_gates_stand_before_the_start_and_leave_no_trace_elsewhere(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(
        terminal, folder, "claude", "--settings", folder.settings(),
        options=("--gate", "theme", "--gate", "trust"), wait=False,
    )  # fmt: skip

    await agent.sees("Choose the text style")
    await agent.type("1")
    await agent.sees("Yes, I trust this folder")
    assert folder.status() is None
    assert not folder.told_hooks()
    await agent.type("\x1b[B")
    await agent.type("\r")
    await agent.ready()

    assert [one["kind"] for one in folder.truth("dialog_answered")] == ["theme", "trust"]


async def test_an_untrusted_folder_is_left(terminal: ItermTerminal, folder: Folder) -> None:
    agent = await start(terminal, folder, "claude", options=("--gate", "trust"), wait=False)

    await agent.sees("No, exit")
    await agent.type("\r")

    assert (await agent.happens("exited"))["code"] == 1
