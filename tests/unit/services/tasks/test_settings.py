"""How much work is done at once, as the user writes it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.tasks.settings import (
    MOST_FILE_BYTES,
    Share,
    TaskSettings,
    TaskSettingsFile,
    parse_task_settings,
)

if TYPE_CHECKING:
    from pathlib import Path

GIGABYTE = 10**9


def test_an_empty_file_leaves_five_tasks_at_once() -> None:
    settings = parse_task_settings("")

    assert settings == TaskSettings()
    assert settings.most_at_once == 5
    assert settings.memory_for("claude") == 512 * 10**6


def test_who_is_named_has_its_own_share_and_all_others_have_what_each_has() -> None:
    settings = parse_task_settings(
        """
        [each.team]
        most_at_once = 3
        [teams.backend]
        most_at_once = 2
        starts_per_minute = 6
        [accounts.work]
        starts_per_minute = 10
        [kinds.claude]
        most_at_once = 4
        memory = "1GB"
        """
    )

    assert settings.team("backend") == Share(most_at_once=2, starts_per_minute=6)
    assert settings.team("other") == Share(most_at_once=3)
    assert settings.account("work").starts_per_minute == 10
    assert settings.account("other") == Share()
    assert settings.kind("claude").most_at_once == 4
    assert settings.memory_for("claude") == GIGABYTE
    assert settings.memory_for("codex") == 512 * 10**6


def test_the_nearest_repository_above_counts() -> None:
    settings = parse_task_settings(
        """
        [repositories."/src"]
        most_at_once = 3
        [repositories."/src/app"]
        most_at_once = 1
        """
    )

    assert settings.repository("/src/app/part").most_at_once == 1
    assert settings.repository("/src/apple").most_at_once == 3
    assert settings.repository("/elsewhere") == Share()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("most_at_once = 5\nmost_at_onse = 3", "line 2: most_at_onse: there is no such key"),
        ("[admission]\nleast_memory = '1 XB'", "line 2: admission.least_memory: '1 XB' is no size"),
        ("[teams.a]\n\nmost_at_once = -1", "line 3: teams.a.most_at_once: input should be"),
        ("[teams.a]\nmost = 1", "line 2: teams.a.most: there is no such key"),
        ("[kinds.a]\nmost = 1", "line 2: kinds.a.most: there is no such key"),
        ("[each]\nmost = 1", "line 2: each.most: there is no such key"),
        ("[admission]\nmost = 1", "line 2: admission.most: there is no such key"),
        ("a = \n", "it is no TOML: Invalid value (at line 1, column 5)"),
        ("teams = 3", "line 1: teams: input should be"),
        ("[admission]\nleast_disk = []", "line 2: admission.least_disk: input should be"),
    ],
    ids=["key", "size", "number", "team", "kind", "each", "admission", "toml", "table", "list"],
)
def test_what_is_wrong_is_told_with_its_line(text: str, words: str) -> None:
    with pytest.raises(InvalidRequestError) as told:
        parse_task_settings(text)

    assert words in str(told.value)
    assert told.value.hint


def test_the_hint_for_an_unknown_key_lists_those_that_there_are() -> None:
    with pytest.raises(InvalidRequestError) as told:
        parse_task_settings("[kinds.claude]\nmost = 1")

    assert told.value.hint == "The keys are: most_at_once, starts_per_minute, memory."


class TestFile:
    async def test_a_missing_file_is_all_by_default(self, tmp_path: Path) -> None:
        file = TaskSettingsFile(str(tmp_path / "tasks.toml"))

        assert await file.load() == TaskSettings()
        assert file.problem is None

    async def test_it_is_read_again_when_it_has_changed(self, tmp_path: Path) -> None:
        path = tmp_path / "tasks.toml"
        path.write_text("most_at_once = 1")
        file = TaskSettingsFile(str(path))
        first = await file.load()
        path.write_text("most_at_once = 22")
        second = await file.load()

        assert (first.most_at_once, second.most_at_once) == (1, 22)
        assert await file.load() is second
        assert file.last is second

    async def test_the_last_that_was_understood_holds_while_it_is_not(self, tmp_path: Path) -> None:
        path = tmp_path / "tasks.toml"
        path.write_text("most_at_once = 7")
        file = TaskSettingsFile(str(path))
        await file.load()
        path.write_text("most_at_once = 'x'")

        assert (await file.load()).most_at_once == 7
        assert "tasks.toml: line 1: most_at_once" in str(file.problem)

        path.unlink()

        assert (await file.load()).most_at_once == 5
        assert file.problem is None

    @pytest.mark.parametrize(
        ("content", "words"),
        [(b"\xff", "it is not UTF-8"), (b"#" * (MOST_FILE_BYTES + 1), "it has more than")],
        ids=["coding", "length"],
    )
    async def test_what_is_no_text_is_told(
        self, tmp_path: Path, content: bytes, words: str
    ) -> None:
        path = tmp_path / "tasks.toml"
        path.write_bytes(content)
        file = TaskSettingsFile(str(path))
        await file.load()

        assert words in str(file.problem)

    async def test_what_cannot_be_read_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "tasks.toml"
        path.mkdir()
        file = TaskSettingsFile(str(path))

        assert await file.load() == TaskSettings()
        assert os.strerror(21) in str(file.problem)
