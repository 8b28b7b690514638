"""The verbs of events through a real daemon, over recorded jobs of an agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread
from tests.waiting import eventually
from typer.testing import CliRunner

from iterm_mcp.cli import app

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.tool_client import ToolClient
    from typer.testing import Result

pytestmark = [pytest.mark.headless, pytest.mark.timeout(120)]

JOB = Path(__file__).parents[2] / "fixtures" / "claude" / "job" / "transcript.jsonl"
RECORDED = "6cf3efb9-f762-4ccc-850a-b3853a1e195e"
FIRST, SECOND = "11111111-f762-4ccc-850a-b3853a1e195e", "22222222-f762-4ccc-850a-b3853a1e195e"


def lay(home: Home, conversation: str) -> None:
    """Leave a job in a transcript that the daemon follows."""
    folder = Path(home.environ["HOME"], ".claude", "projects", "-verbs")
    folder.mkdir(parents=True, exist_ok=True)
    text = JOB.read_text("utf-8").replace(RECORDED, conversation)
    for mark in ("toolu_", "msg_", "req_"):
        text = text.replace(f'"{mark}', f'"{mark}{conversation[:2]}')
    (folder / f"{conversation}.jsonl").write_text(text, "utf-8")


class Verbs:
    """Runs ``iterm-mcp events`` in this process: a new one for each would take most of the time."""

    async def run(self, *words: str) -> Result:
        return await to_thread.run_sync(lambda: CliRunner().invoke(app, ["events", *words]))

    async def says(self, *words: str) -> str:
        ended = await self.run(*words)
        assert ended.exit_code == 0, ended.output
        return ended.stdout


@pytest.fixture
async def verbs(shared_home: Home, tools: ToolClient, monkeypatch: pytest.MonkeyPatch) -> Verbs:
    del tools  # whose relay has started the daemon
    for name in ("HOME", "ITERM_MCP_HOME", "ITERM_MCP_HTTP_PORT", "ITERM_MCP_TERMINAL"):
        monkeypatch.setenv(name, shared_home.environ[name])
    for one in (FIRST, SECOND):
        lay(shared_home, one)

    async def both() -> bool:
        told = await Verbs().says("conversations", "--since", "2026-01-01", "--json")
        known = {one["conversation"] for one in json.loads(told)["conversations"]}
        return known >= {FIRST, SECOND}

    await eventually(both, within_seconds=30)
    return Verbs()


async def test_a_job_is_found_summed_up_and_compared(verbs: Verbs) -> None:
    listed = await verbs.says("conversations", "--since", "2026-01-01", "--agent-kind", "claude")
    assert FIRST in listed
    failed = await verbs.says("find", "broken", "--failed", "--conversation", FIRST)
    assert "ToolFailed" in failed
    assert "exit 3" in failed
    summed = await verbs.says("summary", FIRST)
    assert "failed 1 times: Bash: Exit code 3 broken" in summed
    assert "file created: /home/user/project/new.txt +3 -0" in summed
    assert json.loads(await verbs.says("summary", FIRST, "--json"))["conversation"] == FIRST
    two = await verbs.says("compare", FIRST, SECOND)
    assert "=  Bash rm gone.txt               Bash rm gone.txt" in two
    five = await verbs.says("compare", FIRST, *[SECOND] * 4)
    assert "=====  Bash rm gone.txt" in five
    assert "Bash" not in await verbs.says("compare", FIRST, SECOND, "--different")
    assert len(json.loads(await verbs.says("compare", FIRST, SECOND, "--json"))["accounts"]) == 2
    costs = await verbs.says("costs", "--by", "model", "--since", "2026-01-01")
    assert any(line.startswith("all  $") for line in costs.splitlines())
    assert "rows" in json.loads(await verbs.says("costs", "--json"))
    assert "permutation" in await verbs.says("shifts", "7")
    assert "shifts" in json.loads(await verbs.says("shifts", "--json"))


async def test_pages_go_on_where_the_last_one_ended(verbs: Verbs) -> None:
    asked = ("find", "--conversation", FIRST, "-n", "9", "--json")
    page = json.loads(await verbs.says(*asked))
    numbers = [one["number"] for one in page["events"]]
    while page["cursor"]:
        page = json.loads(await verbs.says(*asked, "--cursor", page["cursor"]))
        numbers += [one["number"] for one in page["events"]]
    assert numbers == sorted(set(numbers), reverse=True)
    assert len(numbers) > 9
    oldest = json.loads(await verbs.says("find", "--conversation", FIRST, "--oldest", "--json"))
    assert oldest["events"][0]["number"] == numbers[-1]
    nothing = await verbs.run("find", "nothing-is-called-so")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "no such events" in nothing.stderr
    more = await verbs.run("find", "--conversation", FIRST, "-n", "1")
    assert "--cursor" in more.stderr
    wrong = await verbs.run("find", "-p", "(")
    assert (wrong.exit_code, "regular expression" in wrong.stderr) == (1, True)


async def test_a_filter_is_saved_used_and_removed(verbs: Verbs) -> None:
    assert "--saved broken" in await verbs.says("filters", "save", "broken", "--failed")
    assert "broken  failed=true" in await verbs.says("filters", "list")
    assert json.loads(await verbs.says("filters", "list", "--json"))["filters"]
    found = await verbs.says("find", "--saved", "broken", "--conversation", FIRST)
    assert found.count("\n") == 1
    assert "removed" in await verbs.says("filters", "remove", "broken")
    gone = await verbs.run("find", "--saved", "broken")
    assert (gone.exit_code, "filters list" in gone.stderr) == (1, True)


async def test_what_happened_is_annotated_tagged_and_found_again(verbs: Verbs) -> None:
    page = json.loads(await verbs.says("find", "--conversation", FIRST, "-n", "2", "--json"))
    last, first = [one["number"] for one in page["events"]]
    said = await verbs.says(
        "annotate", str(first), "odd ending", "-t", "verbs", "--conversation", FIRST
    )
    number = said.split()[1]
    await verbs.says("tag", f"{first}-{last}", "verbs", "slow")
    made = json.loads(await verbs.says("bookmark", FIRST, "--json"))
    found = await verbs.says("annotations", "odd")
    assert f"event {first} of {FIRST}  #verbs  " in found
    assert found.rstrip().endswith("odd ending")
    assert f"events {first}-{last}  #slow  #verbs" in await verbs.says("annotations", "-t", "slow")
    of = json.loads(await verbs.says("annotations", "--of", FIRST, "--bookmarks", "--json"))
    assert [one["annotation_id"] for one in of["annotations"]] == [made["annotation"]]
    assert "removed" in await verbs.says("unannotate", number)
    again = await verbs.run("unannotate", number)
    assert (again.exit_code, "no annotation" in again.stderr) == (1, True)
    for of in ("event 7", "999999999"):
        assert (await verbs.run("annotate", of, "x")).exit_code == 1
    for words in (("annotations", "--of", "1-2"), ("annotate", FIRST, "x", "--conversation", "c")):
        assert (await verbs.run(*words)).exit_code == 2


async def test_events_are_followed_from_a_number_on(verbs: Verbs, tools: ToolClient) -> None:
    page = json.loads(await verbs.says("find", "--conversation", FIRST, "-n", "3", "--json"))
    third = page["events"][-1]["number"]
    told = await verbs.says(
        "follow", "--conversation", FIRST, "--after", str(third), "--count", "2", "--json"
    )
    numbers = [json.loads(one)["number"] for one in told.splitlines()]
    assert numbers == [one["number"] for one in page["events"][1::-1]]
    shown = await verbs.says("follow", "--conversation", FIRST, "--snapshot", "1", "--count", "1")
    assert shown.split()[0] == str(page["events"][0]["number"])
    lines: list[str] = []
    async with anyio.create_task_group() as group:

        async def follow() -> None:
            lines.append(
                await verbs.says(
                    "follow", "--snapshot", "0", "--event", "ToolCalled", "--count", "1"
                )
            )

        group.start_soon(follow)

        async def told_once() -> bool:
            await tools.data("list_sessions")
            return bool(lines)

        await eventually(told_once, within_seconds=30)
    assert "ToolCalled" in lines[0]
    wrong = await verbs.run("follow", "--saved", "nobody-saved-this")
    assert (wrong.exit_code, "nobody-saved-this" in wrong.stderr) == (1, True)
