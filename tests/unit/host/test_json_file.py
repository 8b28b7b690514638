"""Files of ours and folders of the user's: read when they changed, written whole or not at all."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from iterm_mcp.host import json_file
from iterm_mcp.host.json_file import JsonFile, NotKeptError, read_object
from iterm_mcp.host.watched_folder import WatchedFolder

if TYPE_CHECKING:
    from pathlib import Path


def setter(key: str, value: Any) -> Any:  # noqa: ANN401
    def put(kept: dict[str, Any]) -> None:
        kept[key] = value

    return put


def names_in(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


async def test_what_was_kept_is_there_for_the_next_reader(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    file = JsonFile(str(path))
    assert await file.read() == {}
    assert await file.change(setter("a", [1])) == {"a": [1]}
    assert await JsonFile(str(path)).read() == {"a": [1]}
    assert path.stat().st_mode & 0o777 == 0o600
    assert names_in(tmp_path) == ["kept.json"]


async def test_a_file_is_read_again_only_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    file = JsonFile(str(path))
    await file.change(setter("a", 1))
    assert await file.read() is await file.read()
    path.write_text('{"b": 22}')
    assert await file.change(setter("c", 3)) == {"b": 22, "c": 3}
    path.unlink()
    assert await file.read() == {}


async def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    file = JsonFile(str(tmp_path / "kept.json"))
    async with anyio.create_task_group() as group:
        for n in range(20):
            group.start_soon(file.change, setter(str(n), n))
    assert await file.read() == {str(n): n for n in range(20)}


@pytest.mark.parametrize("text", ["", "[]", "7", "{", '{"a": NaN}', '"\\ud800"'])
async def test_what_is_no_object_counts_as_empty_and_is_put_aside(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "kept.json"
    path.write_text(text)
    file = JsonFile(str(path))
    assert await file.read() == {}
    assert path.read_text() == text
    await file.change(setter("a", 1))
    assert (tmp_path / "kept.json.broken").read_text() == text
    assert json.loads(path.read_text()) == {"a": 1}


async def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link, target = tmp_path / "kept.json", tmp_path / "elsewhere" / "real.json"
    link.symlink_to(target)
    await JsonFile(str(link)).change(setter("a", 1))
    assert link.is_symlink()
    assert json.loads(target.read_text()) == {"a": 1}


async def test_what_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    file = JsonFile(str(path))
    before = await file.change(setter("a", 1))
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (float("nan"), "\ud800", deep):
        with pytest.raises(NotKeptError, match=r"could not write kept\.json"):
            await file.change(setter("b", value))
    assert await file.read() is before
    assert json.loads(path.read_text()) == {"a": 1}


async def test_a_file_whose_folder_is_gone_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(NotKeptError, match="No such file"):
        await JsonFile(str(tmp_path / "gone" / "kept.json")).change(setter("a", 1))


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "inside").touch()
    with pytest.raises(OSError, match="folder"):
        json_file.write_whole(target, b"new")  # a full folder cannot be replaced
    assert names_in(tmp_path) == ["folder"]


def test_what_is_no_plain_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, json_file.MAX_BYTES + 1)
    for path, reason in ((fifo, "plain"), (tmp_path, "plain"), (large, "large")):
        with pytest.raises(ValueError, match=reason):
            read_object(path)


async def test_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    read: list[str] = []

    def reader(path: Path) -> dict[str, Any]:
        read.append(path.name)
        return read_object(path)

    folder = WatchedFolder(str(tmp_path / "user"), {".json": reader})
    assert await folder.read() == {}
    (tmp_path / "user").mkdir()
    for name in ("b.json", "a.json", "c.json", ".hidden.json", "notes.txt"):
        (tmp_path / "user" / name).write_text('{"n": 1}')
    (tmp_path / "user" / "bad.json").write_text("{")
    (tmp_path / "user" / "lost.json").symlink_to("/no/such/file")
    found = await folder.read()
    assert list(found) == ["a.json", "b.json", "c.json"]
    assert await folder.read() is found
    assert sorted(read) == ["a.json", "b.json", "bad.json", "c.json", "lost.json"]
    (tmp_path / "user" / "b.json").write_text('{"n": 22}')
    (tmp_path / "user" / "a.json").unlink()
    assert await folder.read() == {"b.json": {"n": 22}, "c.json": {"n": 1}}
    assert read[5:] == ["b.json"]
