from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.backlog import Where
from iterm_mcp.services.backlog.finding import DEFAULT_TAGS
from iterm_mcp.services.backlog.settings import MOST_FILE_BYTES, BacklogSettings, read_settings

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, text: str) -> BacklogSettings:
    path = folder / "backlog.toml"
    path.write_text(text)
    return read_settings(str(path))


def test_without_a_file_the_usual_words_count(tmp_path: Path) -> None:
    settings = read_settings(str(tmp_path / "none.toml"))
    assert settings.finder.tags == DEFAULT_TAGS
    assert settings.finder.where == {Where.COMMENT, Where.TEXT}
    assert settings.of("/src/app") is None


def test_a_file_says_what_counts_and_how_repositories_are_tested(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        'tags = ["DEBT", "@later"]\nwhere = ["code"]\nignore_case = true\nanywhere = true\n'
        '[[repository]]\npath = "/src"\ntests = []\n'
        '[[repository]]\npath = "/src/app"\ntests = ["make check"]\nkind = "codex"\n',
    )
    finder = settings.finder
    assert finder.tags == ("DEBT", "@later")
    assert finder.where == {Where.CODE}
    assert (finder.ignore_case, finder.anywhere) == (True, True)
    own = settings.of("/src/app/sub")
    assert own is not None
    assert (own.tests, own.kind) == (("make check",), "codex")
    other = settings.of("/src/other")
    assert other is not None
    assert other.tests == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tags = []", "tags"),
        ('tags = ["two words"]', "is no word"),
        ('where = ["poem"]', "where.0"),
        ("mots_marks = 3", "mots_marks"),
        ("most_marks = 0", "most_marks"),
        ("tags = [", "Invalid value"),
        ("#" * (MOST_FILE_BYTES + 1), "bytes"),
    ],
)
def test_what_cannot_be_understood_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        read(tmp_path, text)
    assert caught.value.code == "bad_backlog_file"
