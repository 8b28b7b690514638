"""A real daemon: what is spent crosses a budget, is told by a webhook, shown, and acknowledged."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from tests.integration.alerts.receiving import served
from tests.integration.daemon.test_daemon import run_daemon
from tests.waiting import eventually

from iterm_mcp.clock import SystemClock

if TYPE_CHECKING:
    from tests.integration.homes import Home

pytestmark = pytest.mark.headless

BUDGETS = """
[budgets.daily]
period = "day"
tokens = 1000
steps = { 100 = "warn" }
"""
TOKENS = 1500


async def ask(home: Home, path: str, method: str = "GET", **body: object) -> dict[str, Any]:
    token = (await anyio.Path(home.paths.token).read_text()).strip()
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=home.http_url(), timeout=20) as client:
        given = body or None
        answer = await client.request(method, f"/v1{path}", json=given, headers=headers)
        return dict(answer.json())


def set_up(home: Home, port: int) -> None:
    Path(home.paths.budgets).write_text(BUDGETS)
    path = Path(home.paths.alerts)
    path.write_text(
        f'[sinks.ops]\nform = "webhook"\nurl = "http://localhost:{port}/"\n'
        'secret = "s"\nallow_hosts = ["localhost"]\nkinds = ["budget"]\n'
    )
    path.chmod(0o600)


def spend(home: Home) -> None:
    """Leave an answer of a model in a transcript that the daemon follows."""
    folder = Path(home.environ["CLAUDE_CONFIG_DIR"], "projects", "-work")
    folder.mkdir(parents=True)
    at = SystemClock().now().isoformat().replace("+00:00", "Z")
    usage = {"input_tokens": TOKENS - 1, "output_tokens": 1}
    message = {
        "id": "m1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "done"}], "usage": usage, "stop_reason": "end_turn",
    }  # fmt: skip
    line = {
        "type": "assistant", "uuid": "u1", "parentUuid": None, "sessionId": "c1", "requestId": "r1",
        "timestamp": at, "cwd": "/work", "version": "2.0.0", "isSidechain": False,
        "message": message,
    }  # fmt: skip
    (folder / "c1.jsonl").write_text(json.dumps(line) + "\n")


async def verb(home: Home, *words: str) -> str:
    """Return what a verb prints."""
    command = [sys.executable, "-m", "iterm_mcp", *words]
    done = await anyio.run_process(command, env=home.environ, check=False)
    return (done.stdout + done.stderr).decode()


@pytest.mark.long
async def test_a_budget_is_crossed_told_shown_and_acknowledged(home: Home) -> None:
    home.environ["CLAUDE_CONFIG_DIR"] = f"{home.paths.state}/claude"
    with anyio.fail_after(120):
        async with served(seconds=120) as sink:
            set_up(home, sink.port)
            async with run_daemon(home):
                spend(home)
                await eventually(lambda: bool(sink.bodies), within_seconds=60)
                (told,) = json.loads(sink.bodies[0])["data"]["alerts"]
                assert told["text"].startswith("budget daily: 100% reached, 1,500 of 1,000 tokens")
                (budget,) = (await ask(home, "/budgets"))["budgets"]
                assert (budget["percent"], budget["tokens"], budget["crossed"]) == (
                    150,
                    1500,
                    [100],
                )
                alerts = (await ask(home, "/alerts"))["alerts"]
                assert [one["alert_id"] for one in alerts] == [told["alert_id"]]
                place = f"/alerts/{told['alert_id']}/acknowledge"
                assert (await ask(home, place, "POST", by="me"))["acknowledged_by"] == "me"
                assert (await ask(home, "/sinks/ops/test", "POST")) == {"sent": "ops"}
                (shown,) = (await ask(home, "/sinks"))["sinks"]
                assert (shown["name"], shown["problem"]) == ("ops", "")
                wrong = await ask(home, "/alerts/99/acknowledge", "POST", by="me")
                assert wrong["error"]["code"] == "alert_not_found"
                events = (await ask(home, "/events?kind=BudgetCrossed"))["events"]
                assert [one["payload"]["percent"] for one in events] == [100]
            assert "webhook-signature" in sink.heads[0]
            async with run_daemon(home):  # and after a restart it is the same, told no more
                (budget,) = (await ask(home, "/budgets"))["budgets"]
                assert (budget["tokens"], budget["crossed"]) == (1500, [100])
                (alert,) = (await ask(home, "/alerts"))["alerts"]
                assert alert["acknowledged_by"] == "me"
                assert "daily  day  150%  1,500 of 1,000 tokens" in await verb(
                    home, "budgets", "list"
                )
                assert "seen by me" in await verb(home, "alerts", "list", "--settled", "5")
                assert "ops  webhook  0 sent" in await verb(home, "alerts", "sinks")
                assert "no sink 'pigeon'" in await verb(home, "alerts", "test", "pigeon")
            assert len(sink.bodies) == 2


async def test_a_file_of_budgets_is_checked_without_a_daemon(home: Home) -> None:
    path = anyio.Path(home.paths.budgets)
    assert "nothing is limited" in await verb(home, "budgets", "check")
    await path.write_text(BUDGETS)
    assert "1 budgets" in await verb(home, "budgets", "check")
    await path.write_text(BUDGETS.replace("day", "decade"))
    assert "'decade' as its period. Use day, week" in await verb(home, "budgets", "check")
    assert "no daemon answers" in await verb(home, "budgets", "list")
