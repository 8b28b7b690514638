"""The real Claude Code does a job; the account of it equals what the model and the disk know.

``uv run scripts/clients.py --install`` brings it; no login, no network. Run by ``pytest -m long``.
Its hooks are those that ``iterm-mcp install`` puts into the user's settings, and nothing else is
told to it. The daemon is there, or comes when all is over.
"""

from __future__ import annotations

import json
from time import sleep
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from anyio import to_thread
from scripts.acceptance.install import programs_of
from scripts.acceptance.job_model import LAST_WORDS, PROMPT, serve_job
from scripts.acceptance.job_model import furnish as furnish_project
from scripts.acceptance.rig import SERVER, open_rig
from scripts.agent_canary import KEY
from tests.fixtures.claude.stage import furnish
from tests.waiting import eventually

from iterm_mcp.paths import find_paths

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scripts.acceptance.job_model import JobModel
    from scripts.acceptance.rig import Rig

pytestmark = [pytest.mark.long, pytest.mark.headless, pytest.mark.timeout(400)]

PROGRAMS = programs_of("clients")  # before a test changes what home is
TOOLS = "Bash,Write,Edit,Read,Agent"
SECONDS = 60.0
ASK_SECONDS = 0.5
"""Who asks more often is told to come later."""


def do_job(rig: Rig) -> JobModel:
    """Have it do the job; return the model's books."""
    furnish(rig)
    furnish_project(rig.project)
    with serve_job(rig.project) as model:
        code, printed = rig.judge(
            ["claude", "-p", PROMPT, "--allowedTools", TOOLS],
            ANTHROPIC_BASE_URL=model.base_url,
            ANTHROPIC_API_KEY=KEY,
        )
    assert code == 0
    assert LAST_WORDS in printed
    return model


def transcript(rig: Rig) -> list[dict[str, Any]]:
    (path,) = (rig.folder / ".claude" / "projects").glob("*/*.jsonl")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def ask(rig: Rig, path: str) -> Any:  # noqa: ANN401 - JSON
    paths = find_paths(rig.environ)
    info = json.loads(_text(paths.daemon_info))
    headers = {"Authorization": f"Bearer {_text(paths.token).strip()}"}
    request = Request(f"{info['http']}{path}", headers=headers)
    with build_opener(ProxyHandler({})).open(request, timeout=SECONDS) as answer:
        return json.loads(answer.read())


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - of our paths, which are texts
        return file.read()


async def account_of(rig: Rig, answers: int) -> dict[str, Any]:
    """Return the account of the one conversation once all is told."""

    def read() -> dict[str, Any]:
        try:
            (one,) = ask(rig, "/v1/conversations")["conversations"]
            found: dict[str, Any] = ask(rig, f"/v1/conversations/{one['conversation']}")
        except (URLError, OSError, ValueError):  # not yet
            sleep(ASK_SECONDS)
            return {}
        return found

    def whole(found: Mapping[str, Any]) -> bool:
        return bool(
            found and found["spent"]["answers"] >= answers and found["end_reason"]
            and all(one["outcome"] != "unfinished" for one in found["turns"])
        )  # fmt: skip

    return await eventually(lambda: to_thread.run_sync(read), whole, within_seconds=SECONDS)


@pytest.mark.parametrize("there", [True, False], ids=["daemon there", "daemon away"])
async def test_the_account_equals_what_the_model_and_the_disk_know(*, there: bool) -> None:
    with open_rig([PROGRAMS]) as rig:
        rig.run([SERVER, "install", "claude-code"])
        if there:
            rig.run([SERVER, "daemon", "start"])
        model = await to_thread.run_sync(do_job, rig)
        if not there:
            rig.run([SERVER, "daemon", "start"])
        account = await account_of(rig, len(model.answered))
        books, lines = model.answered, transcript(rig)
        expect_tokens(account, books)
        expect_cost(account, lines)
        expect_calls(account)
        expect_files(account, rig.project)
        (turn,) = account["turns"]
        assert (turn["outcome"], turn["prompt"], turn["calls"]) == ("done", PROMPT, 7)
        assert turn["seconds"] > 0
        assert not [one for one in lines if is_noise(one)]
        assert not list((rig.folder / "state" / "spool").glob("*claude*"))


def expect_tokens(account: Mapping[str, Any], books: list[dict[str, Any]]) -> None:
    usage, used = account["spent"]["usage"], [one["usage"] for one in books]
    assert account["spent"]["answers"] == len(books)
    names = {
        "input": "input_tokens", "output": "output_tokens", "cache_read": "cache_read_input_tokens",
    }  # fmt: skip
    for name, theirs in names.items():
        assert usage.get(name, 0) == sum(one[theirs] for one in used)
    for name, long in {"cache_write": "5m", "cache_write_1h": "1h"}.items():
        written = [one["cache_creation"][f"ephemeral_{long}_input_tokens"] for one in used]
        assert usage.get(name, 0) == sum(written)
    (subagent,) = account["subagents"]
    inner = [one["usage"]["output_tokens"] for one in books if one["who"] == "subagent"]
    assert subagent["type"] == "general-purpose"
    assert subagent["outcome"] == "done"
    assert subagent["spent"]["usage"]["output"] == sum(inner)


def expect_cost(account: Mapping[str, Any], lines: list[dict[str, Any]]) -> None:
    """Ours is to the cent what Claude Code itself reckons."""
    (said,) = [one["totalCostUSD"] for one in lines if one["type"] == "cost-state"][-1:]
    spent = account["spent"]
    assert spent["unpriced"] == 0
    assert spent["computed"] / 1e9 == pytest.approx(said, abs=1e-6)


def expect_calls(account: Mapping[str, Any]) -> None:
    calls = {one["call"]: one for one in account["calls"]}
    order = sorted(calls.values(), key=lambda one: str(one["started_at"]))
    own = [one["call"] for one in order if not one["subagent"]]
    assert own == [f"toolu_agent_{number}" for number in range(6)]
    assert calls["toolu_agent_3"]["outcome"] == "failed"
    done = {name for name, one in calls.items() if one["outcome"] == "done"}
    assert done == {*own, "toolu_subagent_0"} - {"toolu_agent_3"}
    assert all(one["seconds"] is not None and one["seconds"] >= 0 for one in calls.values())


def expect_files(account: Mapping[str, Any], project: Path) -> None:
    told = {one["path"].rpartition("/")[2]: one for one in account["files"]}
    for path in project.iterdir():
        assert told[path.name]["bytes_after"] == path.stat().st_size
    changes = {name: one["change"] for name, one in told.items() if one["change"] != "deleted"}
    assert changes == {"new.txt": "created", "old.txt": "modified", "helper.txt": "created"}


def is_noise(line: Mapping[str, Any]) -> bool:
    """Tell whether a line of a transcript tells of a hook."""
    kind = str(line.get("attachment", {}).get("type", ""))
    return kind.startswith("hook_") or line.get("tag") == "hook_no_verdict"
