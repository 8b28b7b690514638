from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.line_client import SECONDS, LineClient, open_client

from iterm_mcp.paths import make_private_folder

if TYPE_CHECKING:
    from tests.integration.homes import Home

pytestmark = pytest.mark.headless

WHAT_WAS_IMPORTED = """
import sys
import iterm_mcp.relay
names = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(sorted(names - {'sitecustomize', '__main__', 'iterm_mcp'}))
print(sorted(name for name in sys.modules if name.startswith('iterm_mcp')))
print(sorted({'re', 'json', 'socket', 'enum', 'typing', 'subprocess'} & set(sys.modules)))
"""


@pytest.mark.parametrize("modern", [False, True])
async def test_a_client_of_either_era_gets_through(home: Home, *, modern: bool) -> None:
    async with open_client(home.environ, modern=modern) as client:
        greeting = await client.greet()
        result = await client.call("list_agents")

    assert "iterm-mcp" in str(greeting["result"])
    assert result["structuredContent"] == {"agents": [], "teams": []}


async def test_two_relays_at_once_get_one_daemon(home: Home) -> None:
    pids: set[int | None] = set()

    async def one() -> None:
        async with open_client(home.environ) as client:
            await client.greet()
            pids.add(home.daemon_pid())

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(one)

    assert len(pids) == 1
    assert None not in pids


@pytest.mark.parametrize("modern", [False, True])
async def test_after_the_daemon_is_killed_the_next_call_works(home: Home, *, modern: bool) -> None:
    async with open_client(home.environ, modern=modern) as client:
        await client.greet()
        await client.call("create_team", name="crew")
        before = home.daemon_pid()
        await home.kill_daemon()

        result = await client.call("list_agents")

        assert [team["name"] for team in result["structuredContent"]["teams"]] == ["crew"]
        assert home.daemon_pid() not in {before, None}


async def test_a_request_in_flight_is_answered_when_the_daemon_dies(home: Home) -> None:
    async with open_client(home.environ) as client:
        await client.greet()
        # There is no terminal, so this one waits.
        number = await client.request("tools/call", name="list_sessions", arguments={})
        await _settled(home, client)
        await home.kill_daemon()

        answer = await client.read()

        assert answer["id"] == number
        assert answer["error"]["code"] == -32000
        assert "may or may not" in answer["error"]["message"]
        assert not (await client.call("list_agents"))["isError"]


async def _settled(home: Home, client: LineClient) -> None:
    """Let a later request be answered: the one before it is under way by then."""
    number = await client.request("tools/call", name="list_agents", arguments={})
    answer = await client.read()
    assert answer["id"] == number
    assert home.daemon_pid()


async def test_what_never_left_for_a_dead_daemon_goes_to_the_next(home: Home) -> None:
    count = 3000
    async with open_client(home.environ) as client:
        await client.greet()
        pid = home.daemon_pid()
        assert pid
        os.kill(pid, signal.SIGSTOP)  # so that its socket fills up
        for _ in range(count):
            await client.request(
                "tools/call", name="list_agents", arguments={}, _meta={"padding": "x" * 400}
            )
        await home.kill_daemon()

        answers = [await client.read() for _ in range(count)]

    numbers = [int(answer["id"]) for answer in answers]
    lost = {number for number, answer in zip(numbers, answers, strict=True) if "error" in answer}
    assert len(set(numbers)) == count
    assert lost, "what had left may have taken effect"
    assert len(lost) < count
    assert max(lost) < min(set(numbers) - lost), "the first ones had left"


@pytest.mark.long
async def test_killing_it_again_and_again_loses_nothing(home: Home) -> None:
    async with open_client(home.environ) as client:
        await client.greet()
        for number in range(3):
            await client.call("create_team", name=f"team{number}")
            await home.kill_daemon()

        result = await client.call("list_agents")

    assert len(result["structuredContent"]["teams"]) == 3


async def test_it_ends_at_the_end_of_its_input_with_its_answers_out(home: Home) -> None:
    async with open_client(home.environ) as client:
        await client.greet()
        for _ in range(50):
            await client.request("tools/call", name="list_agents", arguments={})
        await client.close()

        answers = [await client.read() for _ in range(50)]
        with anyio.fail_after(SECONDS):
            code = await client.process.wait()

    assert code == 0
    assert len({answer["id"] for answer in answers}) == 50


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_ends_cleanly_when_told_to(home: Home, number: signal.Signals) -> None:
    async with open_client(home.environ) as client:
        await client.greet()

        client.process.send_signal(number)
        with anyio.fail_after(SECONDS):
            code = await client.process.wait()

    assert code == 0
    assert home.daemon_pid()


async def test_a_line_that_is_not_json_is_answered(home: Home) -> None:
    async with open_client(home.environ) as client:
        await client.greet()
        await client.write("this is no JSON")
        broken = await client.read()
        await client.write('{"jsonrpc":"2.0","what":1}')
        senseless = await client.read()

        assert broken["error"]["code"] == -32700
        assert senseless["error"]["code"] == -32600
        assert not (await client.call("list_agents"))["isError"]


async def test_large_messages_pass_whole(home: Home) -> None:
    async with open_client(home.environ) as client:
        await client.greet()

        result = await client.call("create_team", name="x", description="y" * 500_000)

        assert result["isError"]
        assert not (await client.call("list_agents"))["isError"]


async def test_a_daemon_that_cannot_start_is_an_error_that_names_its_log(home: Home) -> None:
    make_private_folder(home.paths.state)
    await anyio.Path(home.paths.database).write_bytes(b"Dear diary, " * 1000)

    async with open_client(home.environ) as client:
        answer = await client.ask("initialize")

    assert answer["error"]["code"] == -32000
    assert f"{home.paths.logs}/daemon.log" in answer["error"]["message"]
    log = await anyio.Path(f"{home.paths.logs}/daemon.log").read_text()
    assert "not a database" in log


def test_it_imports_the_standard_library_only_and_little_of_it() -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    output = subprocess.run(
        [sys.executable, "-c", WHAT_WAS_IMPORTED],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env=environ,
    ).stdout.splitlines()

    assert output[0] == "[]"
    own = ["access", "greeting", "json_lines", "paths", "relay"]
    assert output[1] == str(["iterm_mcp", *(f"iterm_mcp.{name}" for name in own)])
    assert output[2] == "[]"
