"""The shared backlog as people and programs use it: daemons with homes of their own, and Redis."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from tests.integration.homes import open_home
from tests.integration.http_home import start_daemon
from tests.integration.tasks.verbs import EAGER, says
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.homes import Home
    from tests.integration.tasks.redis import Redis

pytestmark = pytest.mark.headless

SECONDS = 90.0
LEASE_SECONDS = "8"


@asynccontextmanager
async def open_part(redis: Redis, name: str) -> AsyncIterator[Home]:
    """Run a daemon that takes part, however busy the machine of the tests is."""
    async with open_home("headless") as home:
        home.environ["ITERM_MCP_TASKS_FRONT"] = redis.url
        home.environ["ITERM_MCP_MACHINE"] = name
        home.environ["ITERM_MCP_MACHINE_LEASE_SECONDS"] = LEASE_SECONDS
        await anyio.Path(home.paths.task_settings).write_text(EAGER)
        await start_daemon(home)
        yield home


async def ask(home: Home, method: str, path: str, **body: Any) -> dict[str, Any]:  # noqa: ANN401
    headers = {"Authorization": f"Bearer {home.token()}"}
    async with httpx2.AsyncClient(timeout=60, headers=headers) as client:
        answer = await client.request(method, f"{home.http_url()}/v1{path}", json=body or None)
    return {"status": answer.status_code, **dict(answer.json())}


async def connected(home: Home, *names: str) -> None:
    await eventually(
        lambda: ask(home, "GET", "/shared"),
        lambda found: found.get("machines") == list(names),
        within_seconds=SECONDS,
    )


async def over(home: Home, shared: str) -> dict[str, Any]:
    """Wait until a shared graph is over, as a program would."""
    return await eventually(
        lambda: ask(home, "GET", f"/shared/{shared}/wait?seconds=10"),
        lambda found: found.get("state") == "settled",
        within_seconds=SECONDS,
    )


def document(name: str, **runs: str) -> str:
    tasks = {one: {"run": run, "directory": "/"} for one, run in runs.items()}
    return json.dumps({"graph": name, "defaults": {"retry": {"attempts": 1}}, "tasks": tasks})


@pytest.mark.long
async def test_what_is_shared_is_submitted_shown_waited_for_and_cancelled(
    redis: Redis, tmp_path: Path
) -> None:
    async with open_part(redis, "one") as home:
        await connected(home, "one")
        said = await says(home, "submit", "echo 42", "--shared", "--key", "k", "--wait")
        shared = said.split()[0]
        assert shared.startswith("s-")
        assert "settled" in said
        assert "on one" in said
        assert "42" in said
        assert said == await says(home, "show", shared)
        assert "one" in await says(home, "machines")

        given = document("two", good="echo 1", bad="exit 3")
        again = await ask(home, "POST", "/shared", document=given, key="two")
        same = await ask(home, "POST", "/shared", document=given, key="two")
        assert same["shared_id"] == again["shared_id"]
        ended = await over(home, again["shared_id"])
        assert ended["machine"] == "one"
        assert not ended["succeeded"]
        states = {name: one["state"] for name, one in ended["tasks"].items()}
        assert states == {"good": "succeeded", "bad": "dead"}
        assert "bad" in await says(home, "wait", again["shared_id"], code=1)

        mark = tmp_path / "began"
        long = await ask(
            home, "POST", "/shared", document=document("long", run=f"touch {mark}; sleep 600")
        )
        await eventually(mark.exists, within_seconds=SECONDS)
        await says(home, "wait", long["shared_id"], "--seconds", "0", code=2)
        await says(home, "cancel", long["shared_id"], "--reason", "enough")
        ended = await over(home, long["shared_id"])
        assert ended["tasks"]["run"]["state"] == "cancelled"

        redis.stop()
        await eventually(
            lambda: ask(home, "GET", "/shared"),
            lambda found: not found["connected"] and found["problem"],
            within_seconds=SECONDS,
        )
        assert "cannot be had" in await says(home, "machines")
        assert "front_unavailable" in json.dumps(await ask(home, "GET", f"/shared/{shared}"))
        alone = await says(home, "submit", "echo alone", "--shared", "--wait")
        assert "alone" in alone
        redis.start()
        await connected(home, "one")
        assert "alone" in await says(home, "show", alone.split()[0])
        gone = await ask(home, "GET", f"/shared/s-{'0' * 24}")
        assert gone["status"] == 404


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_daemons_share_a_backlog_while_redis_falls_and_one_of_them_is_gone(
    redis: Redis, tmp_path: Path
) -> None:
    starts = tmp_path / "starts"
    note = f'echo "$ITERM_MCP_ATTEMPT" >>{starts}'
    async with open_part(redis, "one") as first, open_part(redis, "other") as other:
        await connected(first, "one", "other")
        quick = [
            await ask(first, "POST", "/shared", document=document(f"g{n}", a=f"{note}; sleep 2"))
            for n in range(12)
        ]
        await eventually(starts.exists, within_seconds=SECONDS)
        redis.stop()
        await anyio.sleep(3)
        redis.start()
        ended = [await over(first, one["shared_id"]) for one in quick]
        assert all(one["succeeded"] for one in ended)
        begun = (await anyio.Path(starts).read_text()).split()
        assert len(begun) == len(set(begun)) == len(quick)

        await connected(other, "one", "other")
        again = tmp_path / "again"
        # Whoever takes it first sleeps for ever.
        run = f"if mkdir {again}; then sleep 600; fi; echo done"
        held = await ask(other, "POST", "/shared", document=document("held", a=run))
        await eventually(again.exists, within_seconds=SECONDS)
        has = (await ask(other, "GET", f"/shared/{held['shared_id']}"))["machine"]
        gone, left = (first, other) if has == "one" else (other, first)
        await gone.kill_daemon()
        ended_held = await over(left, held["shared_id"])

    assert ended_held["succeeded"]
    assert ended_held["machine"] == ({"one", "other"} - {has}).pop()


async def test_a_daemon_that_takes_no_part_says_what_to_set() -> None:
    async with open_home("headless") as home:
        said = await says(home, "submit", "true", "--shared", code=1)
        assert "ITERM_MCP_TASKS_FRONT" in said
        assert await ask(home, "GET", "/shared") == {"status": 200}
