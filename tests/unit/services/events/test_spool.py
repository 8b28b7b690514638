"""Events lie in the spool until they are kept, and are taken out of it once."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from iterm_mcp.agents.hook_spool import COUNTER, SCRIPT
from iterm_mcp.errors import StoreError
from iterm_mcp.services.events import spool as spool_module
from iterm_mcp.services.events.spool import MOST_EVENTS, MOST_TORN, Spool

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(folder: Path) -> Spool:
    made = Spool(str(folder))
    made.make()
    return made


def leave(folder: Path, name: str, data: bytes, age: float = 1.0) -> Path:
    path = folder / name
    path.write_bytes(data)
    os.utime(path, (NOW - age, NOW - age))
    return path


def line(agent: str = "", delivery: str = "", **payload: int) -> bytes:
    return f"{agent}\t\t\t{delivery}\n{json.dumps(payload)}\n".encode()


def test_events_come_in_the_order_in_which_they_were_written(spool: Spool, folder: Path) -> None:
    leave(folder, "claude.7", line("ann", n=2), age=1)
    leave(folder, "codex-headless.9", line(n=1), age=2)
    first, second = (one for file in spool.claim(NOW) for one in file.events)
    assert (first.kind, first.payload, first.agent) == ("codex-headless", {"n": 1}, "")
    assert (second.kind, second.payload, second.agent) == ("claude", {"n": 2}, "ann")
    assert second.written_at == NOW - 1


def test_what_is_not_released_comes_again_as_the_same(spool: Spool, folder: Path) -> None:
    leave(folder, "claude.7", line(n=1))
    (before,) = spool.claim(NOW)
    (again,) = Spool(str(folder)).claim(NOW + 1000)
    assert again == before
    spool.release(again)
    assert spool.claim(NOW) == []
    spool.release(again)  # as when two had it


def test_the_same_process_id_does_not_mean_the_same_event(spool: Spool, folder: Path) -> None:
    leave(folder, "claude.7", line(n=1), age=5)
    (first,) = spool.claim(NOW)
    leave(folder, "claude.7", line(n=1), age=4)
    told = [one.delivery for file in spool.claim(NOW) for one in file.events]
    assert len(set(told)) == 2
    assert first.events[0].delivery in told


def test_two_events_in_one_file_are_two(spool: Spool, folder: Path) -> None:
    leave(folder, "claude.7", line(n=1) + line(n=1))
    (file,) = spool.claim(NOW)
    assert len({one.delivery for one in file.events}) == 2


@pytest.mark.parametrize("data", [b"", b"a\t\t\t\n", line(n=1)[:-3], b"\t\t\t\n[1]\n"])
def test_what_is_still_being_written_waits(spool: Spool, folder: Path, data: bytes) -> None:
    path = leave(folder, "claude.7", data)
    assert spool.claim(NOW) == []
    assert path.exists()


def test_what_never_gets_an_end_is_put_aside_with_what_was_whole(
    spool: Spool, folder: Path
) -> None:
    leave(folder, "claude.7", line(n=1) + line(n=2)[:-3], age=100)
    (file,) = spool.claim(NOW)
    assert file.torn
    assert [one.payload for one in file.events] == [{"n": 1}]
    spool.release(file)
    assert spool.claim(NOW) == []
    assert spool.torn == 1


def test_so_many_torn_files_are_left(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "MOST_TORN", 2)
    assert spool.torn == 0
    for pid in range(4):
        leave(folder, f"claude.{pid}", b"{", age=100)
    for file in spool.claim(NOW):
        spool.release(file)
    assert spool.torn == 2 < MOST_TORN


def test_what_was_added_meanwhile_is_not_removed(spool: Spool, folder: Path) -> None:
    leave(folder, "claude.7", line(n=1))
    (file,) = spool.claim(NOW)
    with file.path.open("ab") as late:  # it was opened before it was taken
        late.write(line(n=2))
    spool.release(file)
    (more,) = spool.claim(NOW)
    assert [one.payload for one in more.events] == [{"n": 1}, {"n": 2}]
    assert more.events[0] == file.events[0]


def test_what_we_leave_there_ourselves_comes_out_as_it_is(spool: Spool) -> None:
    spool.write("claude", b'{"n": 1}', ("an\tn", "3", "s"), "d-1")
    spool.write("claude", b'{"n": 1}', ("ann", "3", "s"), "d-1")
    events = [one for file in spool.claim(4e9) for one in file.events]
    assert all(one.own for one in events)
    assert {(one.agent, one.epoch, one.session, one.delivery) for one in events} == {
        ("an n", "3", "s", "d-1"),
        ("ann", "3", "s", "d-1"),
    }


def test_no_more_is_left_there_than_may_be(spool: Spool, folder: Path) -> None:
    (folder / COUNTER).write_bytes(b"." * MOST_EVENTS)
    with pytest.raises(StoreError, match="full"):
        spool.write("claude", b"{}", ("", "", ""), "d")
    assert spool.claim(NOW) == []  # and so it is known to be empty
    spool.write("claude", b"{}", ("", "", ""), "d")
    assert len(spool.claim(4e9)) == 1


def test_a_bounded_number_is_taken_at_once(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pid in range(5):
        leave(folder, f"claude.{pid}", line(n=pid))
    monkeypatch.setattr(spool_module, "CLAIM_FILES", 3)
    assert len(spool.claim(NOW)) == 3
    monkeypatch.setattr(spool_module, "CLAIM_BYTES", 10)
    assert len(spool.claim(NOW)) == 1


def test_what_is_none_of_ours_is_left_alone(spool: Spool, folder: Path) -> None:
    left = {".hidden", "README", SCRIPT, "torn", "claude.1"}
    (folder / "torn").mkdir()
    (folder / "claude.1").mkdir()
    for name in (".hidden", "README"):
        leave(folder, name, b"x", age=1000)
    assert spool.claim(NOW) == []
    assert {path.name for path in folder.iterdir()} == left


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = Spool(str(tmp_path / "file" / "spool"))
    for use in (
        spool.make,
        lambda: spool.claim(NOW),
        lambda: spool.write("claude", b"{}", ("", "", ""), "d"),
    ):
        with pytest.raises(StoreError, match="cannot be used"):
            use()


def test_a_file_that_cannot_be_removed_is_told(spool: Spool, folder: Path) -> None:
    leave(folder, "claude.1", b"{", age=100)
    (file,) = spool.claim(NOW)
    (folder / "torn").write_text("in the way")
    with pytest.raises(StoreError):
        spool.release(file)


def test_how_much_lies_there_and_was_put_aside_is_known_without_another_look(
    spool: Spool, folder: Path
) -> None:
    assert (spool.seen, spool.put_aside) == ((0, 0), 0)
    leave(folder, "claude.7", line(n=1))
    leave(folder, "claude.8", b"nothing\n", age=1000)
    claimed = spool.claim(NOW)
    assert spool.seen == (2, len(line(n=1)) + len(b"nothing\n"))
    for one in claimed:
        spool.release(one)
    assert spool.claim(NOW) == []
    assert (spool.seen, spool.put_aside) == ((0, 0), 1)
