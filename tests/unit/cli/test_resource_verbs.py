"""What the verb about resources says."""

from __future__ import annotations

import json
import sys

import pytest
from typer.testing import CliRunner

from iterm_mcp.cli import app

ANSWER = {
    "held": "the system holds memory in /g",
    "trees": [
        {
            "name": "ada", "kind": "claude", "paused": True, "held_by": "cgroup",
            "memory_bytes": 2_100_000_000, "cpu_cores": 1.5, "process_count": 12,
            "excess": {"reason": "it takes 2.1 GB of\nmemory, 2.0 GB are allowed"},
        },
        {"name": "bob", "kind": "codex", "paused": False, "cpu_cores": None},
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(method: str, path: str) -> object:
        assert (method, path) == ("GET", "/v1/process-trees")
        return ANSWER

    monkeypatch.setattr(sys.modules["iterm_mcp.cli.agent_verbs"], "ask_http", answer)


def test_every_tree_is_a_line_with_what_it_takes() -> None:
    said = CliRunner().invoke(app, ["agents", "resources"]).stdout.splitlines()

    assert [" ".join(line.split()) for line in said] == [
        (
            "ada claude 2100 MB 1.50 cores 12 processes cgroup stands still "
            "it takes 2.1 GB of memory, 2.0 GB are allowed"
        ),
        "bob codex 0 MB ? cores 0 processes",
        "limits: the system holds memory in /g",
    ]


def test_it_is_told_as_json_where_that_is_asked_for() -> None:
    said = CliRunner().invoke(app, ["agents", "resources", "--json"]).stdout

    assert json.loads(said) == ANSWER
