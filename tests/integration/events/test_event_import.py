"""``iterm-mcp events import`` and a real daemon; by ``pytest -m long`` also a real Codex."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread
from scripts.acceptance import codex_job
from scripts.acceptance.install import programs_of
from scripts.acceptance.rig import SERVER, open_rig
from scripts.canary.codex_server import CONFIG
from tests.integration.events.asking import account, send
from tests.unit.services.events.packing import packed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.acceptance.rig import Rig

pytestmark = [pytest.mark.headless, pytest.mark.timeout(400)]

JOBS = Path(__file__).parents[2] / "fixtures" / "jobs"
CODEX = JOBS / "codex"
STREAM = (CODEX / "exec.jsonl").read_bytes()
THREAD = json.loads(STREAM.partition(b"\n")[0])["thread_id"]
PROGRAMS = programs_of("clients")  # before a test changes what home is


@pytest.fixture
def rig() -> Iterator[Rig]:
    with open_rig([PROGRAMS]) as opened:
        opened.run([SERVER, "daemon", "start"])
        yield opened


def bring(
    rig: Rig, *words: str, stdin: bytes = b"", code: int = 0, **environ: str
) -> tuple[list[dict[str, Any]], str]:
    """Run the verb; return what it tells of each file, and what stands on stderr."""
    done = subprocess.run(
        [SERVER, "events", "import", "--json", *words],
        env=rig.environ | environ, cwd=rig.folder, input=stdin, capture_output=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stderr.decode()
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b'{"file')]
    return told, done.stderr.decode()


def kinds_of(rig: Rig, source: str) -> list[str]:
    page = send(rig, f"/v1/events?conversation={THREAD}&source={source}&limit=500")
    return [one["kind"] for one in page["events"]]


async def test_what_codex_exec_prints_is_brought_in_as_it_comes_and_once(rig: Rig) -> None:
    (told,), _ = bring(rig, "-", "--model", "gpt-5", stdin=STREAM, ITERM_SESSION_ID="w0t0p0:S-1")
    assert (told["kind"], told["conversations"], told["skipped"]) == ("codex-exec", [THREAD], 0)
    assert told["new"] == told["events"] > 10
    assert list((Path(rig.environ["ITERM_MCP_HOME"]) / "imports").iterdir()) == []
    found = await account(rig, THREAD, lambda one: one["turns"][0]["outcome"] == "done")
    assert (found["session"], len(found["calls"]), len(found["files"])) == ("S-1", 6, 3)
    assert found["spent"]["usage"]["output"] == 960
    assert found["spent"]["computed"] > 0

    saved = rig.folder / "exec.jsonl"
    saved.write_bytes(STREAM)
    (again,), said = bring(rig, str(saved))
    assert (again["new"], again["events"], said) == (0, told["events"], "")
    whole = saved.with_name("rollout.jsonl.zst")
    whole.write_bytes(packed((CODEX / "rollout.jsonl").read_bytes()))
    (later,), _ = bring(rig, str(whole))
    assert (later["kind"], later["new"]) == ("codex", 0)
    assert kinds_of(rig, "codex.rollout") == []


async def test_beside_a_rollout_a_stream_adds_what_that_leaves_out(rig: Rig) -> None:
    home = rig.folder / "codex"
    rollout = home / "sessions" / "2026" / "11" / "21" / f"rollout-2026-11-21-{THREAD}.jsonl.zst"
    rollout.parent.mkdir(parents=True)
    rollout.write_bytes(packed((CODEX / "rollout.jsonl").read_bytes()))
    first, second = bring(
        rig, "-", "--through", stdin=b"Reading prompt...\n" + STREAM, CODEX_HOME=str(home)
    )[0]
    assert (first["kind"], second["kind"]) == ("codex", "codex-exec")
    assert set(kinds_of(rig, "codex.exec")) == {"LogReported"}
    assert first["new"] == len(kinds_of(rig, "codex.rollout"))
    assert second["skipped"] == 1


async def test_folders_are_brought_in_whole_and_what_is_none_is_told(rig: Rig) -> None:
    folder = rig.folder / "old"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes((CODEX / "rollout.jsonl").read_bytes())
    (folder / "b.jsonl.zst").write_bytes(packed((JOBS / "gemini" / "chat.jsonl").read_bytes()))
    (folder / "c.txt").write_text("no")
    told, _ = bring(rig, str(folder))
    assert [one["kind"] for one in told] == ["codex", "gemini"]

    (folder / "c.jsonl").write_text("hello\n")
    (folder / "d.jsonl.zst").write_bytes(packed(STREAM)[:-20])
    told, said = bring(rig, str(folder), "missing.jsonl", str(rig.project), code=1)
    assert [one["new"] for one in told] == [0, 0]
    assert "c.jsonl: these lines are of no known kind. Give a rollout" in said
    assert "d.jsonl.zst: d.jsonl.zst ends amid what was packed" in said
    assert "No such file or directory: 'missing.jsonl'" in said
    assert "no file ends with .jsonl" in said
    _, said = bring(rig, "-", stdin=b"hello\n", code=1)
    (kept,) = (Path(rig.environ["ITERM_MCP_HOME"]) / "imports").iterdir()
    assert f"what came is in {kept}" in said
    assert kept.read_bytes() == b"hello\n"


@pytest.mark.long
@pytest.mark.parametrize("ephemeral", [False, True], ids=["with a rollout", "ephemeral"])
async def test_a_real_codex_is_read_through_a_pipe(rig: Rig, *, ephemeral: bool) -> None:
    if rig.find("codex") is None:
        pytest.skip("Codex is not installed")
    model, printed = await to_thread.run_sync(do_job, rig, ["--ephemeral"] if ephemeral else [])
    thread = json.loads(printed[printed.index("{") :].partition("\n")[0])["thread_id"]
    found = await account(rig, thread, lambda one: one["turns"][0]["outcome"] == "done")
    own = [one["usage"] for one in model.answered if ephemeral <= (one["who"] != "subagent")]
    tokens = found["spent"]["usage"]
    assert sum(tokens.values()) - tokens["reasoning"] == sum(one["total_tokens"] for one in own)
    assert found["spent"]["answers"] == (1 if ephemeral else len(own))
    assert [one["outcome"] for one in found["calls"]].count("failed") == 1
    assert len([one for one in found["calls"] if not one["subagent"]]) == 6
    assert bool(rollouts(rig)) is not ephemeral


def do_job(rig: Rig, words: list[str]) -> tuple[codex_job.CodexJobModel, str]:
    """Let Codex do its job, and read what it prints; return that as it comes through."""
    codex_job.furnish(rig.project)
    home = rig.folder / ".codex"
    home.mkdir(exist_ok=True)
    with codex_job.serve_codex_job() as model:
        config = CONFIG.format(base_url=model.base_url, project=rig.project)
        (home / "config.toml").write_text(config, "utf-8")
        command = [
            "codex", "exec", "--json", "--dangerously-bypass-approvals-and-sandbox",
            "--skip-git-repo-check", *words, codex_job.PROMPT,
        ]  # fmt: skip
        ran = subprocess.run(
            ["sh", "-c", '"$@" | "$0" events import --through --model gpt-5 -', SERVER, *command],
            env=rig.environ | {"CODEX_HOME": str(home)}, cwd=rig.project, capture_output=True,
            check=True, stdin=subprocess.DEVNULL, timeout=200, text=True,
        )  # fmt: skip
    return model, ran.stdout


def rollouts(rig: Rig) -> list[Path]:
    return list((rig.folder / ".codex" / "sessions").rglob("*.jsonl"))
