"""Files that are written whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.paths import write_private

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("lasting", [True, False])
def test_a_file_is_its_owners_alone_whatever_it_was_before(
    tmp_path: Path, *, lasting: bool
) -> None:
    path = tmp_path / "here"
    path.write_text("longer than it will be")
    path.chmod(0o644)
    write_private(path, "é\n", lasting=lasting)
    assert path.read_bytes() == "é\n".encode()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_what_was_there_and_nothing_beside(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "full").touch()
    with pytest.raises(OSError, match="taken"):
        write_private(tmp_path / "taken", "text")
    kept = tmp_path / "kept"
    kept.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_private(str(kept), "half \udc80")
    assert kept.read_text() == "old"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["kept", "taken"]
