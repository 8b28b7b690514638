"""What becomes of text that is sent to a Claude Code TUI, as its persona shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.fake_agent.agents import start

if TYPE_CHECKING:
    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.terminal.iterm import ItermTerminal

FIVE = "l1\nl2\nl3\nl4\nl5"


async def test_a_message_goes_verbatim_and_its_turn_is_told_everywhere(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude", "--settings", folder.settings())

    await agent.say("say hi [[work 0.3]] [[say hi yourself]]")
    await agent.becomes("busy")
    received = await agent.happens("received")
    ended = await agent.ends([1])
    await agent.becomes("idle")

    assert received["text"] == "say hi [[work 0.3]] [[say hi yourself]]"
    assert received["stage"] == "submitted"
    assert (ended["outcome"], ended["said"]) == ("done", "hi yourself")
    submitted, stopped = folder.told_hooks("UserPromptSubmit"), folder.told_hooks("Stop")
    assert [one["prompt"] for one in submitted] == [received["text"]]
    assert "source" not in submitted[0]
    assert stopped[0]["last_assistant_message"] == "hi yourself"
    assert stopped[0]["background_tasks"] == []
    assert stopped[0]["prompt_id"] == submitted[0]["prompt_id"]
    (line,) = folder.transcript("user")
    assert (line["message"]["content"], line["promptSource"]) == (received["text"], "typed")
    assert [one["subtype"] for one in folder.transcript("system")] == [
        "stop_hook_summary",
        "turn_duration",
    ]


async def test_a_large_paste_is_hidden_and_demoted_but_a_typed_lead_stands_before_it(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude")

    await agent.paste("1\n2\n3")
    await agent.enter()
    assert (await agent.happens("received"))["text"] == "1\n2\n3"
    await agent.type("Do this:")
    await agent.paste(FIVE)
    await agent.sees("Do this:[Pasted text #1 +4 lines]")
    await agent.enter()
    received = await agent.happens("received", 2)

    assert received["text"].startswith('Do this:\n\n<pasted_content id="')
    assert received["unwrapped"] == f"Do this:\n{FIVE}"


async def test_messages_to_a_busy_agent_wait_and_become_one_turn(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude", "--settings", folder.settings())

    await agent.say("[[work 60]] first")
    await agent.happens("turn_started")
    await agent.say("second")
    await agent.sees("Queued")
    told = await agent.hears("UserPromptSubmit", 2)
    await agent.say("third")
    await agent.happens("received", 3)
    await agent.hears("UserPromptSubmit", 3)
    await agent.type("\x1b")
    await agent.ends([2, 3])

    assert told["prompt"] == "second"
    assert told["prompt_id"] == folder.told_hooks("UserPromptSubmit")[0]["prompt_id"]
    assert [one["stage"] for one in folder.truth("received")] == ["submitted", "queued", "queued"]
    operations = [one["operation"] for one in folder.transcript("queue-operation")]
    assert operations == ["enqueue", "enqueue", "dequeue", "dequeue"]
    assert [one.get("promptSource") for one in folder.transcript("user")] == [
        "typed",
        None,  # the interruption
        "queued",
        "queued",
    ]


async def test_escape_interrupts_silently_and_gives_the_prompt_back(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude", "--settings", folder.settings())

    await agent.say("[[work 60]] victim")
    await agent.happens("turn_started")
    await agent.type("\x1b")
    await agent.happens("restored")
    await agent.becomes("idle")
    await agent.say("next message")
    received = await agent.happens("received", 2)

    assert received["text"] == "[[work 60]] victimnext message"
    assert not folder.told_hooks("Stop")
    (line,) = folder.transcript("user")  # no word of the interruption, and no turn_duration
    assert line["message"]["content"] == "[[work 60]] victim"
    assert not folder.transcript("system")


async def test_a_half_typed_draft_is_fused_with_what_comes(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude")

    folder.order("draft half typed")
    await agent.sees("half typed")
    await agent.type(" injected")
    await agent.enter()

    assert (await agent.happens("received"))["text"] == "half typed injected"


async def test_a_dim_suggestion_is_no_draft(terminal: ItermTerminal, folder: Folder) -> None:
    agent = await start(terminal, folder, "claude")

    folder.order("ghost fix the tests")
    await agent.sees("fix the tests")
    await agent.enter()
    await agent.say("hello")

    assert (await agent.happens("received"))["text"] == "hello"


async def test_a_stranded_enter_leaves_the_text_in_the_composer_and_one_more_sends_it(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude")

    folder.order("strand 1")
    await agent.happens("fault")
    await agent.say("stranded")
    await agent.happens("enter_eaten")
    assert not folder.truth("received")
    await agent.enter()

    assert (await agent.happens("received"))["text"] == "stranded"
    await agent.ends([1])


async def test_a_bang_runs_a_command_without_a_prompt_hook(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude", "--settings", folder.settings())

    await agent.say("!echo bang$((6*7))")
    await agent.sees("bang42")
    await agent.hears("Stop")

    assert not folder.told_hooks("UserPromptSubmit")
    assert not folder.truth("received")


async def test_a_hook_may_refuse_a_prompt_and_keep_a_turn_from_ending(
    terminal: ItermTerminal, folder: Folder
) -> None:
    refuse = {"type": "command", "command": "grep -q forbidden && echo no >&2 && exit 2; exit 0"}
    more = (
        "grep -q 'stop_hook_active\": false' && "
        'echo \'{"decision": "block", "reason": "also [[say more]]"}\'; exit 0'
    )
    settings = folder.settings(
        UserPromptSubmit=[refuse], Stop=[{"type": "command", "command": more}]
    )
    agent = await start(terminal, folder, "claude", "--settings", settings)

    await agent.say("forbidden")
    assert (await agent.happens("refused"))["reason"] == "no"
    await agent.say("welcome")
    ended = await agent.ends([2])

    assert ended["said"] == "ok\nmore"
    assert [one["stop_hook_active"] for one in folder.told_hooks("Stop")] == [False, True]


async def test_a_slow_agent_gets_everything_in_the_end(
    terminal: ItermTerminal, folder: Folder
) -> None:
    agent = await start(terminal, folder, "claude")

    folder.order("slow 0.2")
    await agent.happens("fault")
    await agent.type("slowly\r")

    assert (await agent.happens("received"))["text"] == "slowly"
