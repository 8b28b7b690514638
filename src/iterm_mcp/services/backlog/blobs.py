"""Files of one commit, as git keeps them: no checkout is looked at, and none is touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from iterm_mcp.services.worktrees.git import Git

CHUNK_BYTES = 8 << 20
"""Of files that are asked for at once."""
CHUNK_FILES = 500
OVERHEAD = 100

VENDORED = ("linguist-vendored", "linguist-generated")
"""Attributes of files that are others' work, or a program's."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A file in a commit."""

    path: str
    size: int


async def grep(
    git: Git, commit: str, words: Sequence[str], paths: Sequence[str], *, ignore_case: bool = False
) -> tuple[str, ...]:
    """Return the text files in which one of some words stands.

    Args:
        paths: Files and folders to look in; everywhere if empty.
    """
    patterns = [part for word in words for part in ("-e", word)]
    case = ("-i",) if ignore_case else ()
    said = await git(
        "grep", "-l", "-z", "-I", "-F", "--full-name", *case, *patterns, commit, "--",
        *(f":(literal){one}" for one in paths), codes=(0, 1), seconds=600,
    )  # fmt: skip
    return tuple(name.removeprefix(f"{commit}:") for name in said.names)


async def sizes(git: Git, commit: str, paths: Sequence[str]) -> tuple[Blob, ...]:
    """Return those of some paths that are files in a commit, with their sizes."""
    if not paths:
        return ()
    asked = "".join(f"{commit}:{path}\0" for path in paths)
    said = await git(
        "cat-file", "-z", "--batch-check=%(objecttype) %(objectsize)", given=asked, seconds=300
    )
    found = []
    for path, line in zip(paths, said.out.split("\n"), strict=False):
        kind, _, size = line.partition(" ")
        if kind == "blob":
            found.append(Blob(path, int(size)))
    return tuple(found)


async def set_apart(git: Git, paths: Sequence[str]) -> frozenset[str]:
    """Return those of some paths that ``.gitattributes`` calls vendored or generated."""
    if not paths:
        return frozenset()
    said = await git(
        "check-attr", "-z", "--cached", "--stdin", *VENDORED, given="\0".join(paths), seconds=300
    )
    parts = said.out.split("\0")
    return frozenset(
        path
        for path, value in zip(parts[::3], parts[2::3], strict=False)
        if value in {"set", "true"}
    )


async def texts(git: Git, commit: str, blobs: Iterable[Blob]) -> AsyncIterator[tuple[Blob, str]]:
    """Yield files with their text, some of them at a time; none is larger than all may be."""
    chunk: list[Blob] = []
    for blob in blobs:
        chunk.append(blob)
        if sum(one.size + OVERHEAD for one in chunk) > CHUNK_BYTES or len(chunk) >= CHUNK_FILES:
            for found in await _read(git, commit, chunk):
                yield found
            chunk = []
    for found in await _read(git, commit, chunk):
        yield found


async def _read(git: Git, commit: str, chunk: Sequence[Blob]) -> list[tuple[Blob, str]]:
    if not chunk:
        return []
    asked = "".join(f"{commit}:{blob.path}\0" for blob in chunk)
    said = await git("cat-file", "-z", "--batch=%(objectsize)", given=asked, seconds=300)
    data = said.out.encode("utf-8", "surrogateescape")
    found, place = [], 0
    for blob in chunk:
        begin = data.index(b"\n", place) + 1
        end = begin + blob.size
        found.append((blob, data[begin:end].decode("utf-8", "replace")))
        place = end + 1
    return found


async def read_files(
    git: Git, commit: str, paths: Sequence[str], most_bytes: int
) -> dict[str, str]:
    """Return the text of those of some paths that are files, and not too large."""
    known = [one for one in await sizes(git, commit, paths) if one.size <= most_bytes]
    return {blob.path: text async for blob, text in texts(git, commit, known)}
