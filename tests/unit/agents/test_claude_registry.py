"""The file in which a running Claude Code keeps its status."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.claude_registry import (
    Entry,
    process_start,
    read_entry,
    registry_path,
    registry_sightings,
    transcript_path,
)
from iterm_mcp.models.observations import Fact, ObservationSource

RECORDED = Path(__file__).parents[2] / "fixtures" / "claude" / "registry"
CONVERSATION = "caac3366-e3f7-42b0-8c4e-df87af9b1af0"
IDLE = {
    "pid": 6035, "sessionId": CONVERSATION, "cwd": "/home/user/project", "procStart": "453002",
    "status": "idle",
}  # fmt: skip


def entry(**changes: object) -> Entry | None:
    return read_entry(json.dumps(IDLE | changes).encode())


def told(found: Entry | None) -> dict[Fact, dict[str, object]]:
    assert found is not None
    return {one.fact: dict(one.value) for one in registry_sightings(found, "/t.jsonl")}


@pytest.mark.parametrize(
    ("name", "activity"),
    [
        ("idle", {"is": "idle"}),
        ("busy", {"is": "busy"}),
        ("waiting_permission", {"is": "waiting", "for": "permission prompt"}),
        ("waiting_input", {"is": "waiting", "for": "input needed"}),
        ("shell", {"is": "shell"}),
    ],
)
def test_what_a_real_one_wrote_is_understood(name: str, activity: dict[str, str]) -> None:
    found = read_entry((RECORDED / f"{name}.json").read_bytes())

    said = dict(told(found)[Fact.ACTIVITY])
    assert str(said.pop("at")).startswith("2026-11-21T")
    assert said == activity
    assert told(found)[Fact.CONVERSATION]["transcript"] == "/t.jsonl"


def test_the_file_is_the_registrys_word() -> None:
    found = entry()

    assert found is not None
    assert {one.source for one in registry_sightings(found, "")} == {ObservationSource.REGISTRY}


def test_a_status_nobody_knows_tells_nothing_of_what_it_does() -> None:
    assert set(told(entry(status="dreaming"))) == {Fact.CONVERSATION}
    assert set(told(entry(status=None))) == {Fact.CONVERSATION}


@pytest.mark.parametrize(
    "content",
    [
        None, b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"pid": 1}', b'{"pid": "1"}',
        b'{"pid": true, "sessionId": "abc"}', b'{"pid": 1, "sessionId": "../../etc/passwd"}',
    ],
)  # fmt: skip
def test_a_torn_or_foreign_file_tells_nothing(content: bytes | None) -> None:
    assert read_entry(content) is None


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(list(IDLE)), inner),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_content_raises(content: bytes) -> None:
    found = read_entry(content)

    assert found is None or registry_sightings(found, "")


def test_a_file_of_a_former_process_with_the_same_pid_is_not_believed() -> None:
    found = entry()

    assert found is not None
    assert found.belongs_to(6035, "453002")
    assert found.belongs_to(6035, "")  # the system does not tell
    assert not found.belongs_to(6035, "999999")
    assert not found.belongs_to(7, "453002")


def test_its_own_start_is_read_as_the_file_would_say_it() -> None:
    assert process_start(os.getpid()).isdigit() or not Path("/proc/self/stat").exists()
    assert process_start(2**22 + 1) == ""


def test_its_files_stand_where_the_agents_own_environment_says() -> None:
    home = {"HOME": "/home/user"}

    assert registry_path(home, 7) == Path("/home/user/.claude/sessions/7.json")
    assert registry_path({**home, "CLAUDE_CONFIG_DIR": "/c"}, 7) == Path("/c/sessions/7.json")
    assert transcript_path(home, "/home/user/my_project.v2", CONVERSATION) == Path(
        f"/home/user/.claude/projects/-home-user-my-project-v2/{CONVERSATION}.jsonl"
    )
