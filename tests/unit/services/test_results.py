"""Results that agents publish: forms, limits, visibility, files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.crews import ANN, BEN, BOSS, CEM, CREW, NIGHT, OTHER, PERSON, add_crews

from iterm_mcp.errors import InvalidRequestError, NotFoundError, RefusedError
from iterm_mcp.models.ids import TeamName
from iterm_mcp.models.results import FileState, Form
from iterm_mcp.services.sharing.results import ResultService
from iterm_mcp.store import results as result_store

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock


@pytest.fixture
async def results(store: Store, clock: FakeClock) -> ResultService:
    await add_crews(store, clock)
    return ResultService(store, clock)


async def test_texts_and_json_come_as_they_were_published(results: ResultService) -> None:
    text = await results.share(ANN, "report", "all\ngreen 👍")
    data = await results.share(BEN, "counts", {"passed": [1, 2.5, None, True]}, form=Form.JSON)

    assert (text.author, text.content, text.size) == ("ann", "all\ngreen 👍", 14)
    assert data.content == '{"passed": [1, 2.5, null, true]}'
    assert await results.get(CEM, text.number) == text
    assert [one.number for one in await results.list(CEM)] == [data.number, text.number]
    assert await results.file_state(text) is None


async def test_results_are_told_apart_by_author_team_name_and_number(
    results: ResultService,
) -> None:
    first = await results.share(ANN, "report", "1")
    second = await results.share(BEN, "report", "2")
    await results.share(CEM, "report", "3")
    await results.share(PERSON, "wish", "4")

    async def found(**wanted: object) -> list[str]:
        return [one.content for one in await results.list(PERSON, **wanted)]  # type: ignore[arg-type]

    assert await found(author="ann") == ["1"]
    assert await found(team=CREW) == ["2", "1"]
    assert await found(team=NIGHT) == ["2"]
    assert await found(name="report") == ["3", "2", "1"]
    assert await found(after=second.number) == ["4", "3"]
    assert await found(after=first.number, limit=1) == ["4"]
    with pytest.raises(NotFoundError):
        await found(team=TeamName("nobody"))


async def test_what_is_for_a_team_others_do_not_see(results: ResultService) -> None:
    hidden = await results.share(BEN, "plan", "x", team=CREW)

    for one in (BOSS, BEN, PERSON):
        assert await results.list(one) == [hidden]
    assert await results.list(CEM) == []
    with pytest.raises(NotFoundError):
        await results.get(CEM, hidden.number)
    with pytest.raises(RefusedError, match="does not stand in team"):
        await results.share(BEN, "plan", "x", team=OTHER)
    with pytest.raises(NotFoundError):
        await results.share(BEN, "plan", "x", team=TeamName("nobody"))


async def test_who_leaves_a_team_still_sees_what_it_published_there(
    results: ResultService, store: Store
) -> None:
    hidden = await results.share(BEN, "plan", "x", team=CREW)
    await store.agents.move_team(NIGHT, None)

    assert await results.list(BEN) == [hidden]


async def test_a_file_is_shared_by_its_path_and_it_is_told_what_became_of_it(
    results: ResultService, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text("12345")
    shared = await results.share(ANN, "report", str(file), form=Form.FILE)

    assert (shared.content, shared.size) == (str(file), 5)
    kept = await results.get(BEN, shared.number)
    assert await results.file_state(kept) is FileState.SAME
    os.utime(file, (1, 1))
    assert await results.file_state(kept) is FileState.CHANGED
    file.unlink()
    assert await results.file_state(kept) is FileState.GONE


@pytest.mark.parametrize("path", ["report.html", "/nowhere/report.html", "/tmp", "/a\0b"])
async def test_a_path_at_which_no_file_is_is_refused(results: ResultService, path: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await results.share(ANN, "report", path, form=Form.FILE)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("", "x", Form.TEXT),
        ("two\nlines", "x", Form.TEXT),
        ("n" * 101, "x", Form.TEXT),
        ("long", "é" * 128_001, Form.TEXT),
        ("no json", float("nan"), Form.JSON),
        ("no json", {"x": {1}}, Form.JSON),
    ],
)
async def test_what_cannot_be_a_result_is_refused_with_what_to_do(
    results: ResultService, name: str, content: object, form: Form
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await results.share(ANN, name, content, form=form)
    assert refused.value.hint
    assert await results.list(PERSON) == []


async def test_of_each_author_the_newest_are_kept(
    results: ResultService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_store, "MOST_OF_AUTHOR", 2)
    await results.share(BEN, "kept", "0")
    for number in range(3):
        await results.share(ANN, "report", str(number))

    assert [one.content for one in await results.list(PERSON)] == ["2", "1", "0"]
    assert [one.author for one in await results.list(PERSON)] == ["ann", "ann", "ben"]
