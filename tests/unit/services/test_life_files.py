"""The folders that keepers are given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.agents.life_files import KeeperOrder, KeeperStatus, LifeFiles, parse_status

if TYPE_CHECKING:
    from pathlib import Path

ADA, BOB = AgentName("ada"), AgentName("bob")
STATUS = {
    "keeper": 7, "keeper_started": "b:1", "session": "w0t0p0:ABC", "life": "t", "state": "ended",
    "pid": 8, "started": "b:2", "signal": 9,
}  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> LifeFiles:
    return LifeFiles(tmp_path / "agents")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_a_name_is_reserved_once_whoever_asks(files: LifeFiles, tmp_path: Path) -> None:
    other = LifeFiles(tmp_path / "agents")

    assert [await files.reserve(ADA), await other.reserve(ADA)] == [True, False]
    assert mode(files.folder(ADA)) == 0o700
    await files.remove(ADA)
    assert await other.reserve(ADA)


async def test_an_agent_that_is_handed_out_is_found_by_its_new_name_and_goes_whole(
    files: LifeFiles,
) -> None:
    born, ada, bob = AgentName("spare-one"), AgentName("ada"), AgentName("bob")
    for name in (born, ada, bob):
        assert await files.reserve(name)
    await files.write_private({files.folder(born) / "status.json": "{}"})

    await files.hand_over(ada, born)

    assert (files.folder(ada) / "status.json").read_text() == "{}"
    assert not await files.reserve(ada)
    await files.make(ada)
    await files.remove(ada)
    assert not files.folder(ada).is_symlink()
    assert not files.folder(born).exists()
    assert files.folder(bob).exists()


async def test_orders_and_plans_are_their_owner_s_alone(files: LifeFiles, tmp_path: Path) -> None:
    order = KeeperOrder("t", 1, "/bin/x", ("a",), "/", {"KEY": "secret"}, ("A.*",), ("B",), ("hi",))
    await files.make(ADA)
    await files.write_order(ADA, order)
    await files.write_private({tmp_path / "deep" / "settings.json": "{}"})
    await files.write_private({})

    path = files.folder(ADA) / "order.json"
    assert json.loads(path.read_text()) == {
        "life": "t", "epoch": 1, "command": "/bin/x", "arguments": ["a"], "directory": "/",
        "environment": {"KEY": "secret"}, "scrub": ["A.*"], "keep": ["B"],
        "opening": ["hi"],
    }  # fmt: skip
    assert mode(path) == mode(tmp_path / "deep" / "settings.json") == 0o600
    assert [one.name for one in files.folder(ADA).iterdir()] == ["order.json"]


async def test_a_status_is_read_anew_only_when_it_is_another(files: LifeFiles) -> None:
    await files.make(ADA)
    path = files.folder(ADA) / "status.json"
    before = await files.status(ADA)
    path.write_text(json.dumps(STATUS))
    first = await files.status(ADA)
    second = await files.status(ADA)
    fresh = path.with_name("fresh")
    fresh.write_text(json.dumps(STATUS | {"code": 3}))
    fresh.replace(path)
    third = await files.statuses([ADA, BOB])
    await files.forget(ADA)

    assert before is None
    assert first == KeeperStatus(7, "b:1", "ABC", "t", "ended", 8, "b:2", signal=9)  # type: ignore[arg-type]
    assert second is first
    assert third[BOB] is None
    found = third[ADA]
    assert found is not None
    assert found.code == 3
    assert await files.status(ADA) is None


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"{}", b"\xff", json.dumps(STATUS | {"pid": "x"}).encode()],
)
def test_what_no_keeper_wrote_is_nothing(text: bytes) -> None:
    assert parse_status(text) is None


def test_a_terminal_that_names_no_session_is_known_as_such() -> None:
    found = parse_status(json.dumps(STATUS | {"session": ""}).encode())

    assert found is not None
    assert found.session_id is None
