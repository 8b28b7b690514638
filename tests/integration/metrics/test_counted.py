"""A real daemon with real sessions and fake agents: what its scrape tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.alerts.test_attention import ask
from tests.integration.http_home import start_daemon
from tests.integration.lives.conftest import Camp, open_ground
from tests.integration.metrics.scraped import scrape, told
from tests.integration.tool_client import open_tools
from tests.integration.worktrees.repositories import commit, git
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.homes import Home

pytestmark = [pytest.mark.headless, pytest.mark.long]

GRAPH = """
graph: g
defaults: {directory: /tmp, retry: {attempts: 1}}
tasks:
  good: {run: 'true'}
  bad: {run: exit 3}
"""


@pytest.fixture
async def camp() -> AsyncIterator[Camp]:
    async with open_ground() as (home, folder), open_tools(home) as tools:
        # However busy the machine of the tests is.
        with open(home.paths.task_settings, "w") as file:  # noqa: ASYNC230, PTH123
            file.write("[admission]\nmost_load = 0\nmost_memory_pressure = 0\nleast_memory = 0\n")
        yield Camp(home, folder, tools)


async def test_an_agents_whole_life_is_counted(camp: Camp) -> None:
    home = camp.home
    before = await scrape(home)
    assert before.value("agent_starts_total", kind="claude", outcome="ok") == 0
    assert before.value("agent_restarts_total", kind="claude", outcome="failed") == 0
    agent = await camp.start()
    await agent.becomes("ready")
    up = await told(home, 1, "agent_start_duration_seconds_count", kind="claude")
    assert up.value("agent_starts_total", kind="claude", outcome="ok") == 1
    assert 0 < (up.value("agent_start_duration_seconds_sum", kind="claude") or 0) < 30

    sent = await camp.tools.data("cascade_message", agents={agent.name: "Say something."})
    assert sent
    done = await told(home, 1, "agent_turns_total", kind="claude", outcome="done")
    assert (done.value("agent_turn_duration_seconds_count", kind="claude") or 0) == 1
    ended = await told(home, 1, "receipts_ended_total", outcome="ended", reason="none")
    assert ended.value("messages_waiting") == 0
    await spends_what_the_store_priced(home)

    agent.kill()
    await agent.lives_again(2)
    await told(home, 1, "agent_restarts_total", kind="claude", outcome="ok")
    await camp.tools.data("stop_agent", name=agent.name, forget=True)
    await eventually(lambda: scrape(home), lambda one: one.total("agents") == 0, within_seconds=30)


async def spends_what_the_store_priced(home: Home) -> None:
    """Compare the counters with the sums of the events that the store holds."""

    async def both() -> tuple[list[float], list[float]]:
        answers = (await ask(home, "/events?kind=ModelAnswered&limit=100"))["events"]
        kept = [
            sum(one["usage"]["total"] for one in answers),
            sum(one["cost"]["dollars"] for one in answers),
        ]
        one = await scrape(home)
        return kept, [one.total("tokens_total"), one.total("cost_usd_total")]

    await eventually(both, lambda pair: pair[0][0] > 0 and pair[0] == pytest.approx(pair[1]))


async def test_tasks_are_told_from_the_first_one_on_also_by_the_next_daemon(camp: Camp) -> None:
    home = camp.home
    assert "task_engine_up" not in (await scrape(home)).names, "nobody asked for a task"
    await camp.tools.data("submit_tasks", document=GRAPH)
    one = await told(home, 1, "tasks", kind="shell", state="dead")
    assert one.value("task_engine_up") == 1
    assert one.value("task_dead_letters") == 1
    assert one.value("machines", state="ready") == 1
    assert one.value("task_queue_waiting", queue="everything") == 0
    assert one.value("task_attempts_total", kind="shell", outcome="failed") == 1
    settled = await told(home, 1, "tasks_settled_total", kind="shell", outcome="succeeded")
    assert settled.value("task_wait_seconds_count") == 2
    assert settled.value("task_duration_seconds_count", kind="shell") == 2

    await home.kill_daemon()
    await start_daemon(home)
    later = await told(home, 1, "tasks", kind="shell", state="dead")
    assert later.value("tasks", kind="shell", state="succeeded") == 1
    assert later.value("tasks_settled_total", kind="shell", outcome="dead") == 0


async def test_worktrees_of_whoever_made_them_are_counted(camp: Camp) -> None:
    home = camp.home
    start = await told(home, 0, "worktrees", state="ready")
    assert start.value("worktree_operations_total", operation="create", outcome="ok") == 0
    repository = camp.folder / "app"
    repository.mkdir()
    git(repository, "init", "--quiet", "--initial-branch=main")
    commit(repository, "a.txt", "one\n")
    await ask(home, "/worktrees", "POST", name="w", directory=str(repository), owner="ann")
    one = await told(home, 1, "worktrees", state="ready")
    assert (one.value("worktrees_disk_bytes") or 0) > 0
    assert one.value("worktree_operations_total", operation="create", outcome="ok") == 1


async def test_a_task_database_that_is_away_is_told_and_holds_up_no_scrape(home: Home) -> None:
    home.environ["ITERM_MCP_TASKS_URL"] = "postgresql://nobody@127.0.0.1:1/nothing"
    await start_daemon(home)
    one = await told(home, 0, "task_engine_up")
    assert "tasks" not in one.names
    assert "task_dead_letters" not in one.names
    assert one.value("agents_quarantined") == 0
