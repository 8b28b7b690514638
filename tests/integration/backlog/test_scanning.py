"""Marks in real repositories of git."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.integration.backlog.yards import APP, OTHER

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.backlog import Where
from iterm_mcp.services.backlog.scanning import EXCLUDED, LARGE, VENDORED, Look

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.backlog.yards import Yard


async def test_marks_are_told_with_place_owner_age_and_surroundings(yard: Yard) -> None:
    text = APP.replace("    # FIXME", "    # XXX: new\n    # FIXME")
    yard.commit("app.py", text, author="carl", at="2025-06-01T12:00:00+02:00")
    found = await yard.backlog.scan(yard.look(blame=True))
    assert [(one.tag, one.line, one.author, one.owner) for one in found.marks] == [
        ("TODO", 5, "Ann", "bob"), ("XXX", 10, "carl", "carl"), ("FIXME", 11, "Ann", "Ann"),
    ]  # fmt: skip
    new = found.marks[1]
    assert new.written_at == datetime(2025, 6, 1, 10, tzinfo=UTC)
    assert new.commit == found.commit == yard.git("rev-parse", "HEAD")
    assert (new.author_mail, new.function, new.where) == (
        "carl@example.com", "def lock():", Where.COMMENT,
    )  # fmt: skip
    assert (found.files, found.unblamed, found.left_out) == (1, 0, 0)
    assert found.top == str(yard.repository)


async def test_white_space_and_moves_between_files_do_not_make_an_author(yard: Yard) -> None:
    block = "".join(f"    value_{number} = compute({number})\n" for number in range(9))
    yard.commit("app.py", f"def f():\n    # TODO: long ago\n{block}")
    moved = f"class A:\n    def f():\n        # TODO: long ago\n{block.replace('    ', '        ')}"
    yard.commit("new.py", moved, author="carl", at="2025-06-01T12:00:00+02:00")
    yard.git("rm", "--quiet", "app.py")
    yard.git("commit", "--quiet", "-m", "Move it")
    (one,) = (await yard.backlog.scan(yard.look(blame=True))).marks
    assert one.path == "new.py"
    assert one.author in {"Ann", "carl"}  # git follows copies as far as it cares to
    yard.commit("new.py", moved.replace("        #", "  #"), author="dora", at="2025-07-01T12:00Z")
    (again,) = (await yard.backlog.scan(yard.look(blame=True))).marks
    assert (again.author, again.mark_id) == (one.author, one.mark_id)


async def test_only_what_people_of_the_repository_wrote_counts(yard: Yard) -> None:
    yard.commit("vendor/lib.py", OTHER)
    yard.commit("web/app.min.js", "// TODO: x\n")
    yard.commit("made.py", OTHER)
    yard.commit("theirs/x.py", OTHER)
    yard.commit(".gitattributes", "made.py linguist-generated\ntheirs/** linguist-vendored=true\n")
    (yard.repository / "blob.bin").write_bytes(b"\0# TODO: x\n")
    yard.commit("latin.py", "# TODO: x\n")
    (yard.repository / "latin.py").write_bytes("# TODO: grüßen\n".encode("latin-1"))
    (yard.repository / "link.py").symlink_to("app.py")
    yard.commit("large.py", f"# TODO: x\n{'x = 1' * 1000}\n")
    (yard.repository / "untracked.py").write_text("# TODO: x\n")
    yard.settings.write_text("most_file_bytes = 4000\n")
    found = await yard.backlog.scan(yard.look())
    assert [one.path for one in found.marks] == ["app.py", "app.py", "latin.py"]
    assert found.skipped == {EXCLUDED: 2, VENDORED: 2, LARGE: 1}
    assert found.marks[2].text == "gr\ufffd\ufffden"


async def test_a_commit_is_looked_at_and_not_what_is_checked_out(yard: Yard) -> None:
    first = yard.git("rev-parse", "HEAD")
    yard.commit("app.py", "x = 1\n")
    assert (await yard.backlog.scan(yard.look())).marks == ()
    assert len((await yard.backlog.scan(yard.look(commit=first))).marks) == 2
    (yard.repository / "app.py").write_text("# TODO: not committed\n")
    assert (await yard.backlog.scan(yard.look())).marks == ()


async def test_names_of_files_may_be_anything(yard: Yard) -> None:
    names = ["a b.py", "ü:x.py", "new\nline.py", "*.py", "-x.py", '"q".py', "tab\t.py"]
    for name in names:
        yard.commit(name, f"# TODO: in {len(name)}\n")
    found = await yard.backlog.scan(yard.look(blame=True))
    assert {one.path for one in found.marks} == {*names, "app.py"}
    assert found.unblamed == 0
    assert [one.path for one in (await yard.backlog.scan(yard.look("*.py"))).marks] == ["*.py"]


async def test_only_some_files_and_folders_may_be_looked_at(yard: Yard) -> None:
    yard.commit("src/a.py", OTHER)
    yard.commit("src/deep/b.py", OTHER)
    inside = Look(str(yard.repository / "src"), paths=("src/deep", "app.py"), blame=False)
    found = await yard.backlog.scan(inside)
    assert sorted({one.path for one in found.marks}) == ["app.py", "src/deep/b.py"]


async def test_there_is_an_end_to_what_is_kept(yard: Yard) -> None:
    yard.commit("many.py", "".join(f"# TODO: {number}\n" for number in range(300)))
    yard.settings.write_text("most_marks = 120\nblame_seconds = 0\n")
    found = await yard.backlog.scan(yard.look(blame=True))
    assert (len(found.marks), found.left_out, found.unblamed) == (120, 182, 120)
    yard.settings.write_text("most_marks = 1000\n")
    assert (await yard.backlog.scan(yard.look(blame=True))).unblamed == 0


async def test_many_files_are_read_in_several_goes(yard: Yard) -> None:
    for number in range(700):
        (yard.repository / f"f{number:03}.py").write_text(f"# TODO: {number}\n")
    yard.git("add", "--all")
    yard.git("commit", "--quiet", "-m", "Many")
    found = await yard.backlog.scan(yard.look())
    assert len(found.marks) == 702
    assert len({one.mark_id for one in found.marks}) == 702


async def test_what_is_no_repository_or_no_commit_is_told(yard: Yard, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="'nope' is no commit of"):
        await yard.backlog.scan(yard.look(commit="nope"))
    with pytest.raises(InvalidRequestError, match="in no checkout"):
        await yard.backlog.scan(Look(str(tmp_path)))
    yard.settings.write_text("tags = 3")
    with pytest.raises(InvalidRequestError, match="tags"):
        await yard.backlog.scan(yard.look())
