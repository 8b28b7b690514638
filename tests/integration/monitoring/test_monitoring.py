"""Prometheus and Alertmanager as they are installed, started by our own command."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import psutil
import pytest
from anyio import to_thread
from tests.integration.homes import mode_of
from tests.integration.http_home import start_daemon
from tests.integration.programs import installed, wait_gone
from tests.waiting import eventually

from iterm_mcp.monitoring import asking
from iterm_mcp.monitoring.programs import find_ours, find_program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.monitoring.conftest import Monitored


async def standing(monitored: Monitored) -> dict[str, psutil.Process]:
    return await to_thread.run_sync(find_ours, monitored.places)


def health(found: dict[str, Any], job: str) -> str:
    return next((one["health"] for one in found.get("targets", []) if one["job"] == job), "")


async def asked(url: str, path: str) -> Any:  # noqa: ANN401 - JSON
    return await to_thread.run_sync(asking.ask, url, path)


@pytest.mark.timeout(180)
async def test_up_starts_both_once_and_down_ends_them_whoever_was_killed(
    monitored: Monitored,
) -> None:
    await start_daemon(monitored.home)
    await monitored.up()
    first = await standing(monitored)
    assert set(first) == {"prometheus", "alertmanager"}

    await monitored.up()  # again: the same ones
    assert await standing(monitored) == first
    found = await eventually(monitored.status, lambda one: one["healthy"], within_seconds=60)
    assert health(found, "iterm-mcp") == health(found, "alertmanager") == "up"
    assert found["rules"]["alerting"] >= 10
    assert found["disk_bytes"]["prometheus"] > 0

    # Only this machine can reach them, and series are kept for as long as promised.
    for process in first.values():
        listening = [one for one in process.net_connections() if one.status == psutil.CONN_LISTEN]
        assert {one.laddr.ip for one in listening} == {"127.0.0.1"}
    urls = {name: one["url"] for name, one in found["programs"].items()}
    flags = (await asked(urls["prometheus"], "/api/v1/status/flags"))["data"]
    assert flags["storage.tsdb.retention.time"] in {"90d", "12w6d"}
    assert (await asked(urls["alertmanager"], "/api/v2/status"))["cluster"]["status"] == "disabled"
    for path in (monitored.places.prometheus_config, monitored.places.info):
        assert mode_of(str(path)) == 0o600
    assert mode_of(str(monitored.places.folder)) == 0o700
    token = monitored.home.token()
    assert not [p for p in monitored.places.folder.glob("*.*") if token in p.read_text("utf-8")]

    os.kill(monitored.keeper(), signal.SIGKILL)
    found = await eventually(monitored.status, lambda one: not one["running"])
    assert (found["left_behind"], found["healthy"]) == (["alertmanager", "prometheus"], False)
    await monitored.up()
    second = await standing(monitored)
    assert set(second) == set(first)
    assert not {one.pid for one in first.values()} & {one.pid for one in second.values()}

    code, said = await monitored.run("down")
    assert (code, said) == (0, "stopped\n")
    assert await standing(monitored) == {}
    assert any(monitored.places.prometheus_data.iterdir())  # what was scraped stays
    code, said = await monitored.run("status")
    assert code == 1
    assert "prometheus  does not run, installed" in said


async def test_what_we_write_is_what_both_programs_read(monitored: Monitored) -> None:
    promtool = installed("promtool", "prometheus")
    amtool = installed("amtool", "prometheus-alertmanager")
    code, said = await monitored.run("compose", str(monitored.places.state / "compose"))
    assert code == 0, said
    folder = monitored.places.state / "compose"
    config = folder / "prometheus" / "prometheus.yml"
    native = config.read_text("utf-8").replace("/etc/prometheus", str(config.parent))
    token = str(monitored.places.token)
    config.write_text(native.replace("/run/secrets/iterm_mcp_token", token))
    done = await anyio.run_process([promtool, "check", "config", str(config)], check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert b"rules found" in done.stdout
    told = folder / "alertmanager" / "alertmanager.yml"
    done = await anyio.run_process([amtool, "check-config", str(told)], check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


async def test_where_nothing_was_started_nothing_runs_and_others_are_not_taken_for_ours(
    monitored: Monitored, tmp_path: Path
) -> None:
    found = await monitored.status()
    assert (found["running"], found["healthy"]) == (False, False)
    assert "left_behind" not in found
    other = tmp_path / "prometheus"
    other.write_text("#!/bin/sh\necho something else 1.0\n")
    other.chmod(0o755)
    real = find_program("prometheus", str(tmp_path))
    assert real is not None
    assert real.path != str(other)


@pytest.mark.long
async def test_a_program_that_dies_is_started_again(monitored: Monitored) -> None:
    await monitored.up()
    killed = (await standing(monitored))["prometheus"]
    killed.kill()
    await wait_gone(killed.pid)

    async def again() -> bool:
        return (await standing(monitored)).get("prometheus", killed) != killed

    await eventually(again, within_seconds=20)
    found = await eventually(
        monitored.status,
        lambda one: one["programs"]["prometheus"].get("restarts") == 1 and "rules" in one,
        within_seconds=30,
    )
    assert found["programs"]["prometheus"]["running"]
    log = monitored.places.log("prometheus").read_text("utf-8")
    assert "it is started again in 2 s" in log


@pytest.mark.long
async def test_a_daemon_that_is_somewhere_else_is_found_again(monitored: Monitored) -> None:
    await start_daemon(monitored.home)
    await monitored.up()
    await eventually(
        monitored.status, lambda one: health(one, "iterm-mcp") == "up", within_seconds=60
    )
    pid = monitored.home.daemon_pid()
    assert pid
    os.kill(pid, signal.SIGTERM)
    await eventually(lambda: monitored.home.daemon_pid() is None, within_seconds=15)
    url = await start_daemon(monitored.home)  # a port of its own choice

    async def scraped() -> bool:
        told = (await monitored.status()).get("targets", [])
        return any(one["url"] == f"{url}/metrics" and one["health"] == "up" for one in told)

    await eventually(scraped, within_seconds=60)
    alertmanager = (await monitored.status())["programs"]["alertmanager"]["url"]

    async def pointed() -> bool:
        told = await asked(alertmanager, "/api/v2/status")
        return f"{url}/v1/alertmanager" in told["config"]["original"]

    await eventually(pointed, within_seconds=20)


@pytest.mark.long
async def test_an_alert_reaches_the_daemon_through_alertmanager(monitored: Monitored) -> None:
    url = await start_daemon(monitored.home)
    await monitored.up()
    alertmanager = (await monitored.status())["programs"]["alertmanager"]["url"]
    labels = {"alertname": "SomethingIsWrong", "severity": "warning", "instance": "here"}
    pushed = [{"labels": labels, "annotations": {"summary": "It is wrong."}}]
    headers = {"Authorization": f"Bearer {monitored.home.token()}"}
    async with httpx2.AsyncClient(timeout=10) as http:
        answer = await http.post(f"{alertmanager}/api/v2/alerts", json=pushed)
        assert answer.status_code == 200

        async def told() -> str:
            return (await http.get(f"{url}/v1/alerts", headers=headers)).text

        await eventually(told, lambda text: "SomethingIsWrong" in text, within_seconds=60)


@pytest.mark.long
async def test_what_prometheus_cannot_use_is_told_in_its_own_words(monitored: Monitored) -> None:
    monitored.places.make()
    blocked = monitored.places.prometheus_data / "wal"
    blocked.touch()  # where Prometheus wants a folder
    code, said = await monitored.run("up")
    assert code == 1
    assert "prometheus did not come up" in said
    assert await standing(monitored) == {}


@pytest.mark.long
async def test_all_who_ask_at_once_get_the_same_one(monitored: Monitored) -> None:
    codes: list[int] = []

    async def ask() -> None:
        codes.append((await monitored.run("up"))[0])

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask)
    assert codes == [0, 0, 0]
    assert len(await standing(monitored)) == 2
    ports = json.loads(monitored.places.options.read_text("utf-8"))
    url = (await monitored.status())["programs"]["prometheus"]["url"]
    assert url.endswith(f":{ports['prometheus_port']}")
    assert await to_thread.run_sync(
        partial(asking.is_healthy, "127.0.0.1", ports["prometheus_port"])
    )
