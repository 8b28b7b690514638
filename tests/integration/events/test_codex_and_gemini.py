"""What Codex and Gemini CLI write, hook and export reaches the daemon's accounts.

Recorded jobs of real ones by default; by ``pytest -m long`` the real programs do them again, with
scripted models on this machine. ``uv run scripts/clients.py --install`` brings them.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread
from scripts.acceptance import codex_job, gemini_job
from scripts.acceptance.install import programs_of
from scripts.acceptance.rig import SERVER, open_rig
from scripts.canary.codex_server import CONFIG
from tests.integration.events.asking import account, bearer, send, url_of

from iterm_mcp.agents.reports import Reports, report_token
from iterm_mcp.agents.telemetry import codex_words, exporting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.acceptance.rig import Rig

pytestmark = [pytest.mark.headless, pytest.mark.timeout(400)]

JOBS = Path(__file__).parents[2] / "fixtures" / "jobs"
PROGRAMS = programs_of("clients")  # before a test changes what home is


@pytest.fixture
def rig() -> Iterator[Rig]:
    with open_rig([PROGRAMS]) as opened:
        opened.run([SERVER, "daemon", "start"])
        yield opened


def lay(kind: str, name: str, where: str) -> str:
    """Put a recorded file where the agent writes; return its conversation."""
    path = Path(where)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = (JOBS / kind / name).read_bytes()
    path.write_bytes(content)
    head = json.loads(content.partition(b"\n")[0])
    return str(head.get("sessionId") or head["payload"]["session_id"])


def export(rig: Rig, kind: str) -> None:
    """Send what one exported, packed as exporters may."""
    for line in (JOBS / "otlp" / f"{kind}.jsonl").read_text("utf-8").splitlines():
        one = json.loads(line)
        body = gzip.compress(json.dumps(one["body"]).encode())
        assert send(rig, one["path"], body, **{"Content-Encoding": "gzip"}) == {}


def told_by_hooks(rig: Rig, kind: str) -> list[bytes]:
    """Return what the hooks are told, with the paths of this home."""
    told = (JOBS / kind / "hooks.jsonl").read_bytes()
    return told.replace(b"/home/user", str(rig.folder).encode()).splitlines()


def place(rig: Rig, kind: str, name: str = "transcript_path") -> str:
    """Return where a hook says that the agent writes."""
    told = [json.loads(line) for line in told_by_hooks(rig, kind)]
    paths = [one[name] for one in told if one.get(name)]
    return str(paths[0])


def hooks(rig: Rig, kind: str) -> None:
    for line in told_by_hooks(rig, kind):
        assert send(rig, f"/v1/hooks/{kind}", line) == {}


async def test_recorded_jobs_are_told_by_files_hooks_and_exports_at_once(rig: Rig) -> None:
    codex = lay("codex", "rollout.jsonl", place(rig, "codex"))
    lay("codex", "subagent.jsonl", place(rig, "codex", "agent_transcript_path"))
    gemini = lay("gemini", "chat.jsonl", place(rig, "gemini"))
    for kind in ("codex", "gemini"):
        await to_thread.run_sync(hooks, rig, kind)
        await to_thread.run_sync(export, rig, kind)
    await to_thread.run_sync(export, rig, "claude")

    books = json.loads((JOBS / "codex" / "model.json").read_bytes())
    found = await account(
        rig, codex, lambda one: one["spent"]["answers"] == len(books) and one["end_reason"]
    )
    assert [one["outcome"] for one in found["turns"]] == ["done"]
    assert len(found["calls"]) == 7
    assert {Path(one["path"]).name for one in found["files"]} == {
        "new.txt", "old.txt", "gone.txt", "helper.txt",
    }  # fmt: skip
    cost = send(rig, f"/v1/conversations/{codex}/cost")
    assert (cost["answers"], cost["reported"], cost["unpriced"]) == (len(books), None, 0)
    assert cost["nanodollars"] == cost["computed"] > 0

    told = await account(rig, gemini, lambda one: len(one["calls"]) == 6 and one["end_reason"])
    assert [one["prompt"] for one in told["turns"]] == ["Do the whole job."]
    (claude,) = send(rig, "/v1/conversations?agent_kind=claude")["conversations"]
    said = send(rig, f"/v1/conversations/{claude['conversation']}/cost")
    assert said["basis"] == "reported"
    assert said["reported"] > 0


@pytest.mark.long
async def test_a_real_codex_does_a_job(rig: Rig) -> None:
    if rig.find("codex") is None:
        pytest.skip("Codex is not installed")
    model, out = await to_thread.run_sync(do_codex_job, rig)
    thread = json.loads(out.splitlines()[0])["thread_id"]
    usage = [one["usage"] for one in model.answered]
    found = await account(
        rig, thread,
        lambda one: one["spent"]["answers"] == len(usage) and one["turns"][0]["outcome"] == "done",
    )  # fmt: skip
    tokens = found["spent"]["usage"]
    assert sum(tokens.values()) - tokens["reasoning"] == sum(one["total_tokens"] for one in usage)
    assert [one["outcome"] for one in found["calls"]].count("failed") == 1
    left = {path.name for path in rig.project.iterdir()}
    kept = {Path(one["path"]).name for one in found["files"] if one["change"] != "deleted"}
    assert kept == left
    logs = send(rig, f"/v1/events?conversation={thread}&kind=LogReported&limit=100")["events"]
    assert "codex.tool_result" in {one["subject"] for one in logs}


def do_codex_job(rig: Rig) -> tuple[codex_job.CodexJobModel, str]:
    codex_job.furnish(rig.project)
    home = rig.folder / ".codex"
    home.mkdir(exist_ok=True)
    token = report_token(bearer(rig).removeprefix("Bearer "))
    reports = Reports(url_of(rig), token, telemetry=True)
    with codex_job.serve_codex_job() as model:
        config = CONFIG.format(base_url=model.base_url, project=rig.project)
        (home / "config.toml").write_text(config, "utf-8")
        told = rig.run(
            ["codex", "exec", "--json", "--dangerously-bypass-approvals-and-sandbox",
             "--skip-git-repo-check", *codex_words(reports), codex_job.PROMPT],
            CODEX_HOME=str(home), **exporting("codex", reports),
        )  # fmt: skip
    return model, told[told.index("{") :]


@pytest.mark.long
async def test_a_real_gemini_does_a_job(rig: Rig) -> None:
    if rig.find("gemini") is None:
        pytest.skip("Gemini CLI is not installed")
    model = await to_thread.run_sync(do_gemini_job, rig)
    (chat,) = (rig.folder / ".gemini" / "tmp").glob("*/chats/session-*.jsonl")
    conversation = json.loads(chat.read_text("utf-8").partition("\n")[0])["sessionId"]
    usage: list[dict[str, Any]] = [one["usage"] for one in model.answered]
    found = await account(
        rig, conversation,
        lambda one: one["spent"]["answers"] >= len(usage) and len(one["calls"]) == 6,
    )  # fmt: skip
    tokens = found["spent"]["usage"]
    assert sum(tokens.values()) - tokens["reasoning"] == sum(
        one["totalTokenCount"] for one in usage
    )
    assert [one["outcome"] for one in found["calls"]].count("failed") == 2


def do_gemini_job(rig: Rig) -> gemini_job.GeminiJobModel:
    gemini_job.furnish(rig.project)
    home = rig.folder / ".gemini"
    home.mkdir(exist_ok=True)
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    (home / "settings.json").write_text(json.dumps(settings), "utf-8")
    with gemini_job.serve_gemini_job(rig.project) as model:
        rig.run(
            ["gemini", "--approval-mode", "yolo", "--skip-trust", "-p", gemini_job.PROMPT],
            GEMINI_API_KEY="none", GOOGLE_GEMINI_BASE_URL=model.base_url,
            GEMINI_CLI_TRUST_WORKSPACE="true",
        )  # fmt: skip
    return model
