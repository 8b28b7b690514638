"""Codex, Gemini CLI and a plain program in a terminal, as their personas show them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.integration.fake_agent.agents import read_lines, start
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.terminal.iterm import ItermTerminal


async def test_codex_takes_a_quick_enter_for_a_newline_and_a_patient_one_for_itself(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "codex")

    await agent.type("too quick\r")
    await agent.sees("too quick")
    assert not folder.truth("received")
    await agent.paste("by paste")  # which ends the burst, whatever the clock says
    await agent.enter()

    assert (await agent.happens("received"))["text"] == "too quick\nby paste"


async def test_codex_tells_its_notify_program_its_hooks_and_its_rollout(
    terminal: ItermTerminal, folder: Folder
) -> None:
    folder.settings()
    home = folder.path / ".codex"
    home.mkdir()
    (folder.path / "settings.json").rename(home / "hooks.json")
    program = ["/bin/sh", "-c", f'printf "%s\\n" "$1" >> {folder.path}/notify.jsonl', "notify"]
    notify = json.dumps(program)
    agent = await start(
        terminal, folder, "codex", "-c", "features.hooks=true", "-c", f"notify={notify}"
    )

    await agent.paste("hello [[say bye]]")
    await agent.enter()
    await agent.hears("Stop")
    await agent.ends([1])
    await agent.paste("[[work 60]]")
    await agent.enter()
    await agent.happens("turn_started", 2)
    await agent.type("\x1b")
    interrupted = await agent.hears("Interrupt")

    (told,) = read_lines(folder.path / "notify.jsonl")
    assert (told["type"], told["last-assistant-message"]) == ("agent-turn-complete", "bye")
    assert told["input-messages"] == ["hello [[say bye]]"]
    assert interrupted["turn_id"] != told["turn-id"]
    (rollout,) = (home / "sessions").glob("*/*/*/rollout-*.jsonl")
    kinds = [line["payload"].get("type", line["type"]) for line in read_lines(rollout)]
    assert kinds[:4] == ["session_meta", "task_started", "message", "item_completed"]
    assert {"task_complete", "turn_aborted"} <= set(kinds)


async def test_codex_makes_a_turn_of_each_waiting_message(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "codex")

    for text in ("[[work 60]]", "second", "third"):
        await agent.paste(text)
        await agent.enter()
        await agent.happens("received", text=text)
    await agent.happens("turn_started")
    await agent.type("\x1b")
    await agent.ends([2])
    await agent.ends([3])


async def test_gemini_tells_its_hooks_and_keeps_its_chat(
    terminal: ItermTerminal, folder: Folder
) -> None:
    folder.settings()
    home = folder.path / ".gemini"
    home.mkdir()
    (folder.path / "settings.json").rename(home / "settings.json")
    agent = await start(terminal, folder, "gemini")

    await agent.say("[[tool Bash make]] [[say made]]")
    noticed = await agent.hears("Notification")
    await agent.sees("Allow execution of [Shell]?")
    await agent.type("1")
    after = await agent.hears("AfterAgent")
    await agent.ends([1])

    assert noticed["notification_type"] == "ToolPermission"
    assert after["prompt_response"] == "made"
    events = [one["hook_event_name"] for one in folder.told_hooks()]
    assert events == [
        "SessionStart", "BeforeAgent", "BeforeTool", "Notification", "AfterTool", "AfterAgent"
    ]  # fmt: skip
    (chat,) = home.glob("tmp/*/chats/session-*.json")
    messages = json.loads(chat.read_text())["messages"]
    assert [one["type"] for one in messages] == ["user", "gemini"]


async def test_a_plain_program_echoes_answers_and_knows_nothing_else(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "plain")

    await agent.type("hello [[say hi]]\r")
    await agent.sees("\nhi")
    await agent.type("[[work 60]]\r")
    await agent.happens("turn_started", 2)
    await agent.type("\x03")
    ended = await agent.ends([2])
    await agent.type("[[ask Which? | A | B]]\r")
    await agent.sees("Which? (A, B)")
    await agent.type("A\r")
    await agent.happens("chosen", answer="A")
    await agent.type("exit\r")
    await agent.happens("exited")

    assert ended["outcome"] == "interrupted"
    assert sorted(path.name for path in folder.path.iterdir()) == ["proj", "truth.jsonl"]


async def test_shims_are_found_by_the_real_programs_names(
    terminal: ItermTerminal, folder: Folder
) -> None:
    from iterm_mcp.models.sessions import Program  # noqa: PLC0415
    from iterm_mcp.testing.fake_agent.shims import write_shims  # noqa: PLC0415

    programs = {path.name: path for path in write_shims(folder.path / "bin")}
    truth = str(folder.path / "truth.jsonl")
    opened = await terminal.open_session(
        Program(
            command=str(programs["claude"]),
            arguments=("--session-id", "11111111-2222-4333-8444-555555555555", "[[work 60]]"),
            directory=str(folder.project),
            environment=folder.environ(FAKE_AGENT_TRUTH=truth),
        )
    )

    async def job() -> str:
        return str((await terminal.read_variables(opened.session_id, ["jobName"]))["jobName"])

    await eventually(lambda: folder.truth("turn_started"), within_seconds=20)
    await eventually(job, lambda name: name == "claude", within_seconds=20)
    assert set(programs) == {"claude", "codex", "gemini"}
