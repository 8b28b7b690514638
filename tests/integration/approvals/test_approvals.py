"""What agents ask is seen and answered: by hooks, by keys, by rules, by people; once."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.approvals.conftest import SECONDS, open_desk
from tests.integration.line_client import open_client
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.approvals.conftest import Desk
    from tests.integration.fake_agent.agents import Folder
    from tests.integration.homes import Home

pytestmark = pytest.mark.headless


async def test_a_hook_is_answered_over_mcp_without_a_keystroke(desk: Desk, folder: Folder) -> None:
    asker = await desk.start(folder, "hooked")
    asked = await asker.asks("[[tool Bash touch x]]")

    assert (asked["agent"], asked["asks"], asked["tool"]) == ("hooked", "permission", "Bash")
    assert asked["input"]["command"] == "touch x"
    given = await asker.answer(asked, "allow")

    assert (given["answer"]["channel"], given["answer"]["choice"]) == ("hook", "allow")
    assert await asker.answered() == {"by": "hook", "value": "allow"}
    await asker.agent.happens("tool_used")
    assert (await asker.settled())["approval_id"] == asked["approval_id"]
    log = Path(desk.home.paths.audit)
    await eventually(lambda: asked["approval_id"] in log.read_text())


async def test_a_denial_over_http_reaches_the_agent_with_its_reason(
    desk: Desk, folder: Folder
) -> None:
    asker = await desk.start(folder, "denied")
    asked = await asker.asks("[[tool Bash rm -r build]]")

    listed = (await desk.get("/v1/approvals?agent=denied")).json()["approvals"]
    assert [one["approval_id"] for one in listed] == [asked["approval_id"]]
    path = f"/v1/approvals/{asked['approval_id']}/answer"
    answer = await desk.post(path, {"choice": "deny", "message": "keep it", "by": "the page"})

    assert (answer.status_code, answer.json()["answer"]["by"]) == (200, "the page")
    denied = await asker.agent.happens("denied")
    assert (denied["by"], denied["reason"]) == ("hook", "keep it")
    late = await desk.post(path, {"choice": "allow"})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "already_answered")
    assert late.json()["error"]["hint"]


async def test_without_hooks_the_dialog_is_seen_on_the_screen_and_answered_by_keys(
    desk: Desk, folder: Folder
) -> None:
    asker = await desk.start(folder, "keyed", hooks=False)
    asked = await asker.asks("[[tool Bash touch x]]")
    given = await asker.answer(asked, "deny")

    assert given["answer"]["channel"] == "keys"
    assert await asker.answered() == {"by": "keys", "value": "deny"}
    refusal = await desk.tools.refusal(
        "answer_approval", approval_id=asked["approval_id"], choice="allow"
    )
    assert refusal["code"] == "already_answered"
    assert len(asker.agent.folder.truth("dialog_answered")) == 1


async def test_a_question_is_a_record_with_its_options_and_one_is_chosen_by_its_text(
    desk: Desk, folder: Folder
) -> None:
    asker = await desk.start(folder, "curious")
    asked = await asker.asks("[[ask Which way? | left | right]]")

    assert asked["asks"] == "question"
    assert asked["options"][:2] == ["left", "right"]
    await asker.answer(asked, "right")

    assert (await asker.agent.happens("chosen"))["answer"] == "right"


async def test_a_person_at_the_terminal_answers_first_and_the_record_says_so(
    desk: Desk, folder: Folder
) -> None:
    asker = await desk.start(folder, "personal")
    asked = await asker.asks("[[tool Bash touch x]]")
    await asker.agent.sees("Do you want to proceed?")
    await asker.agent.type("1")

    assert await asker.answered() == {"by": "keys", "value": "allow"}
    settled = await asker.settled()
    assert settled["approval_id"] == asked["approval_id"]
    assert (settled["answer"]["choice"], settled["answer"]["channel"]) == ("unknown", "person")
    refusal = await desk.tools.refusal(
        "answer_approval", approval_id=asked["approval_id"], choice="deny"
    )
    assert "answered it at the terminal" in refusal["error"]


async def test_when_a_person_and_a_client_answer_at_once_the_agent_gets_one_answer(
    desk: Desk, folder: Folder
) -> None:
    asker = await desk.start(folder, "contested")
    asked = await asker.asks("[[tool Bash touch x]]")
    await asker.agent.sees("Do you want to proceed?")

    async with anyio.create_task_group() as group:
        group.start_soon(asker.agent.type, "1")
        result = await desk.tools.result(
            "answer_approval", approval_id=asked["approval_id"], choice="allow"
        )
    settled = await asker.settled()

    assert len(asker.agent.folder.truth("dialog_answered")) == 1
    channel = settled["answer"]["channel"]
    assert channel in {"hook", "person"}
    assert bool(result.get("isError")) is (channel == "person")


async def test_whose_answer_it_was_is_never_said_of_another_when_a_person_presses_a_key_too(
    desk: Desk, folder: Folder
) -> None:
    asker = await desk.start(folder, "rivalled")
    for count in range(1, 4):
        asked = await asker.asks("[[tool Bash touch x]]")
        await asker.agent.sees("Do you want to proceed?")

        async with anyio.create_task_group() as group:
            group.start_soon(desk.press, asker, "1")
            await desk.tools.result(
                "answer_approval", approval_id=asked["approval_id"], choice="deny"
            )
        truth = await asker.agent.happens("dialog_answered", count)
        given = (await asker.settled())["answer"]

        assert given["choice"] in {"unknown", truth["value"]}
        if given["choice"] != "unknown":
            assert (truth["by"], given["channel"]) == ("hook", "hook")
        await asker.agent.ready()


async def test_a_rule_answers_at_once_and_what_it_does_not_know_is_asked(
    desk: Desk, folder: Folder
) -> None:
    desk.rules("[[rule]]\nname='look'\ndecision='allow'\ntools=['Bash']\ncommands=['ls( -l)?']\n")
    asker = await desk.start(folder, "ruled")
    await asker.agent.say("[[tool Bash ls -l]] [[tool Bash ls -l; rm x]]")

    assert await asker.answered() == {"by": "hook", "value": "allow"}
    # The agent may go on before it is written down that it has the answer.
    asked = await eventually(
        asker.approval, lambda one: one["input"]["command"] == "ls -l; rm x", within_seconds=SECONDS
    )
    await asker.answer(asked, "deny")
    listed = await desk.tools.data("list_approvals", agent="ruled", answered=2)
    assert [one["answer"]["by"] for one in listed["answered"]][1] == "rule 'look'"
    for answer in ("allow", "deny"):
        await eventually(
            partial(_told, desk, "PermissionAnswered", f'"answer":"{answer}"'),
            within_seconds=SECONDS,
        )


async def _told(desk: Desk, kind: str, payload: str) -> bool:
    found = await desk.tools.data("query_events", kinds=[kind], agent="ruled")
    return any(payload in one["payload"] for one in found["events"])


async def test_a_hook_goes_on_waiting_with_the_next_daemon_when_one_is_killed(
    live_home: Home, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(live_home, monkeypatch) as desk:
        asker = await desk.start(folder, "patient", relay=True)
        asked = await asker.asks("[[tool Bash touch x]]")
        await live_home.kill_daemon()
        again = await asker.approval()
        assert again["approval_id"] == asked["approval_id"]
        await eventually(lambda: _hooks_recorded(desk), within_seconds=20)
        given = await asker.answer(again, "allow")

        assert given["answer"]["channel"] == "hook"
        assert await asker.answered() == {"by": "hook", "value": "allow"}
        await asker.agent.happens("tool_used")


async def test_what_was_asked_over_http_is_answered_by_keys_once_another_daemon_is_there(
    live_home: Home, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(live_home, monkeypatch) as desk:
        asker = await desk.start(folder, "patient")
        asked = await asker.asks("[[tool Bash touch x]]")
        await live_home.kill_daemon()
        again = await asker.approval()
        assert again["approval_id"] == asked["approval_id"]
        given = await asker.answer(again, "allow")

        assert given["answer"]["channel"] == "keys"
        assert await asker.answered() == {"by": "keys", "value": "allow"}
        await asker.agent.happens("tool_used")


async def _hooks_recorded(desk: Desk) -> bool:
    """Tell whether the present daemon has taken in an event."""
    text = (await desk.get("/metrics")).text
    return 'iterm_mcp_agent_hooks_total{kind="claude",outcome="recorded"}' in text


async def test_subscribers_are_told_when_something_is_asked_and_when_it_is_answered(
    desk: Desk, folder: Folder
) -> None:
    asker = await desk.start(folder, "heard")
    uri = "iterm://approvals"
    async with open_client(desk.home.environ) as client:
        await client.greet()
        assert "result" in await client.ask("resources/subscribe", uri=uri)
        asked = await asker.asks("[[tool Bash touch x]]")
        told = await client.read()
        assert (told["method"], told["params"]["uri"]) == (
            "notifications/resources/updated",
            uri,
        )
    async with open_client(desk.home.environ) as client:
        await client.greet()
        assert "result" in await client.ask("resources/subscribe", uri=uri)
        await asker.answer(asked, "allow")
        assert (await client.read())["params"]["uri"] == uri
        await client.request("resources/read", uri=uri)
        read = await client.read()
        while "result" not in read:  # another change was told in between
            read = await client.read()
        listed = json.loads(read["result"]["contents"][0]["text"])
    assert listed["answered"][0]["approval_id"] == asked["approval_id"]


async def test_events_of_strangers_disturb_nobody_and_bad_ones_are_refused(
    desk: Desk, folder: Folder
) -> None:
    del folder
    event = {"hook_event_name": "PermissionRequest", "tool_name": "Bash", "tool_input": {}}
    unknown = await desk.post("/v1/hooks/claude?agent=nobody", event)
    assert (unknown.status_code, unknown.json()) == (200, {})
    for body, status, code in (
        (b"{", 400, "bad_event"),
        (b"[]", 400, "bad_event"),
        (b" " * ((4 << 20) + 1), 413, "bad_event"),
    ):
        refused = await desk.post("/v1/hooks/claude", body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)
    assert (await desk.post("/v1/hooks/emacs", event)).status_code == 404
    assert (await desk.post("/v1/hooks/claude", event, authorization="no")).status_code == 401


async def test_bad_requests_over_http_say_what_would_be_good(desk: Desk, folder: Folder) -> None:
    del folder
    for path, body in (
        ("/v1/approvals/nope/answer", {"choice": 7}),
        ("/v1/approvals/nope/answer", {"choice": "allow", "x": 1}),
        ("/v1/approvals/nope/answer", b"x" * 70_000),
        ("/v1/approvals/explain", b"{"),
    ):
        answer = await desk.post(path, body)
        error = json.loads(answer.content)["error"]
        assert (answer.status_code, bool(error["hint"])) == (400, True)
    assert (await desk.get("/v1/approvals?answered=x")).status_code == 400
    assert (await desk.post("/v1/approvals/nope/answer", {"choice": "allow"})).status_code == 404
