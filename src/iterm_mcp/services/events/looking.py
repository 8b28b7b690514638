"""Looking at the files of a directory: by git where it keeps them, else one by one. Bounded.

Everything here waits for the disk, and for git; call it in a thread. Files that git ignores are
left out, and so are those of repositories within the repository.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISLNK, S_ISREG
from tempfile import TemporaryFile
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING

from iterm_mcp.services.events.trees import (
    FileFacts,
    Tree,
    differences,
    mentioned,
    read_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.services.events.trees import Difference, Text

GIT_SECONDS = 5.0
SCAN_SECONDS = 2.0
MOST_OUTPUT_BYTES = 2 << 20
MOST_FILES = 20_000
MOST_CHANGED = 1000
"""Files that one command is said to have changed."""

MOST_TEXT_BYTES = 256 << 10
"""Of a file whose lines are counted."""

MOST_READ_BYTES = 4 << 20
"""Of all files together, at one look."""

MOST_COMMITS = 50
SKIPPED = frozenset(
    {".git", ".hg", ".svn", "node_modules", ".venv", "venv", "__pycache__", ".cache", ".tox",
     ".mypy_cache", ".ruff_cache", ".pytest_cache"}
)  # fmt: skip
"""Folders of no work of anybody's."""

_GIT = (
    "git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
    "-c", "core.quotePath=false",
)  # fmt: skip


class GitError(Exception):
    """Git is not there, did not answer in time, or refused."""


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """A commit."""

    sha: str
    at_seconds: int
    message: str


class Looker:
    """Looks at directories.

    Args:
        git_seconds: How long one command of git's may take.
        scan_seconds: How long a directory may be looked through that git does not keep.
        most_files: How many files such a directory may have.
    """

    def __init__(
        self,
        git_seconds: float = GIT_SECONDS,
        scan_seconds: float = SCAN_SECONDS,
        most_files: int = MOST_FILES,
    ) -> None:
        self._git_seconds = git_seconds
        self._scan_seconds = scan_seconds
        self._most_files = most_files

    def root(self, directory: str) -> str | None:
        """Return the top of the repository that a directory belongs to, else the directory.

        None when there is no such directory.
        """
        try:
            here = Path(os.path.normpath(directory))  # as the agent itself names it
            if not here.is_absolute() or not here.is_dir():
                return None
            for one in (here, *here.parents):
                if (one / ".git").exists():
                    return str(one)
        except (OSError, ValueError):
            return None
        return str(here)

    def look(self, root: str, known: Tree | None = None) -> Tree:
        """Return how a directory is now.

        Args:
            known: How it was: files that are as they were are not read again.
        """
        if (Path(root) / ".git").exists():
            try:
                return self._by_git(root, known)
            except GitError:
                pass
        return self._one_by_one(root, known)

    def dated(self, root: str, path: str) -> int:
        """Return when the folder of a file was last changed; 0 where nobody can tell."""
        folder = os.path.dirname(os.path.join(root, path))  # noqa: PTH118, PTH120 - strings
        while len(folder) >= len(root):
            try:
                return os.lstat(folder).st_mtime_ns
            except OSError:  # gone, too
                folder = os.path.dirname(folder)  # noqa: PTH120
        return 0

    def compare(self, before: Tree, after: Tree) -> list[Difference]:
        """Return what became of files; at most `MOST_CHANGED`.

        Raises:
            GitError: The former commit cannot be read.
        """
        moved: set[str] = set()
        if before.head != after.head and before.head and after.head:
            moved = self._moved(after.root, before.head, after.head)
        paths = sorted({*mentioned(before, after), *moved})
        unknown = [one for one in paths if one not in before.files and one not in before.gone]
        clean = [one for one in paths if one not in after.files and one not in after.gone]
        committed = self._committed(before, unknown) if before.head else {}
        found = _facts(after.root, clean, {}) if after.kept_by_git else {}
        return differences(before, after, moved, committed, found)[:MOST_CHANGED]

    def commits(self, root: str, before: str, after: str) -> list[CommitFacts]:
        """Return the commits that are in one and not in the other, oldest first.

        Raises:
            GitError: Git cannot tell.
        """
        span = f"{before}..{after}" if before else after
        told = self._git(
            root, "log", f"--max-count={MOST_COMMITS}", "--format=%H%x1f%ct%x1f%s%x00", span, "--"
        )
        found: list[CommitFacts] = []
        for row in told.split(b"\0"):
            sha, _, rest = row.strip().decode(errors="replace").partition("\x1f")
            at, _, message = rest.partition("\x1f")
            if sha and at.isdecimal():
                found.append(CommitFacts(sha, int(at), message))
        return found[::-1]

    def _by_git(self, root: str, known: Tree | None) -> Tree:
        told = self._git(
            root, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all",
            "--no-renames", "--ignore-submodules=all",
        )  # fmt: skip
        complete = len(told) <= MOST_OUTPUT_BYTES
        head = branch = ""
        there: list[str] = []
        gone: set[str] = set()
        for row in told.decode(errors="surrogateescape").split("\0")[:-1]:
            mark, _, rest = row.partition(" ")
            if mark == "#":
                name, _, value = rest.partition(" ")
                head = value if name == "branch.oid" and value != "(initial)" else head
                branch = value if name == "branch.head" and value != "(detached)" else branch
            elif mark == "?":
                there.append(rest)
            elif mark == "1":
                fields = rest.split(" ", 7)
                (gone.add if fields[0].endswith("D") else there.append)(fields[-1])
            elif mark == "u":
                there.append(rest.split(" ", 9)[-1])
        files = _facts(root, there, {} if known is None else known.files)
        # What was staged as deleted and is no file any more is gone as well.
        gone |= {one for one in there if one not in files}
        return Tree(root, files, frozenset(gone), head, branch, kept_by_git=True, complete=complete)

    def _one_by_one(self, root: str, known: Tree | None) -> Tree:
        until = monotonic() + self._scan_seconds
        paths: list[str] = []
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(os.path.join(root, folder)) as entries:  # noqa: PTH118
                    for entry in entries:
                        path = f"{folder}{entry.name}"
                        if entry.is_dir(follow_symlinks=False):
                            if entry.name not in SKIPPED:
                                folders.append(f"{path}/")
                        else:
                            paths.append(path)
                        if len(paths) + len(folders) > self._most_files or monotonic() > until:
                            return Tree(root, complete=False)
            except OSError:
                continue  # not ours to read, or gone meanwhile
        return Tree(root, _facts(root, paths, {} if known is None else known.files))

    def _moved(self, root: str, before: str, after: str) -> set[str]:
        told = self._git(root, "diff", "--name-only", "-z", "--no-renames", before, after, "--")
        whole = told[: told.rfind(b"\0") + 1]
        return {one.decode(errors="surrogateescape") for one in whole.split(b"\0") if one}

    def _committed(self, before: Tree, paths: Iterable[str]) -> dict[str, FileFacts]:
        """Return files as a commit has them; those that it has not are left out."""
        named = [one for one in paths if "\n" not in one][:MOST_CHANGED]
        if not named:
            return {}
        asked = "".join(f"{before.head}:{one}\n" for one in named)
        told = self._git(before.root, "cat-file", "--batch-check", asked=asked)
        blobs: dict[str, tuple[str, int]] = {}
        for path, row in zip(named, told.splitlines(), strict=False):
            name, _, rest = row.decode(errors="replace").partition(" ")
            kind, _, size = rest.rpartition(" ")
            if kind == "blob" and size.isdecimal():
                blobs[path] = name, int(size)
        texts = self._texts(before.root, dict(blobs.values()))
        return {
            path: FileFacts(size, (), 0, texts.get(name)) for path, (name, size) in blobs.items()
        }

    def _texts(self, root: str, sizes: Mapping[str, int]) -> dict[str, Text | None]:
        """Return the texts of blobs, as far as there is room."""
        wanted: list[str] = []
        room = MOST_READ_BYTES
        for name, size in sizes.items():
            if size <= min(MOST_TEXT_BYTES, room):
                room -= size
                wanted.append(name)
        if not wanted:
            return {}
        asked = "".join(f"{one}\n" for one in wanted)
        told = self._git(root, "cat-file", "--batch", asked=asked, most=2 * MOST_READ_BYTES)
        found: dict[str, Text | None] = {}
        start = 0
        for name in wanted:
            start = told.find(b"\n", start) + 1
            if not start:
                break  # git stopped amid its answer
            found[name] = read_text(told[start : start + sizes[name]])
            start += sizes[name] + 1
        return found

    def _git(
        self, root: str, *arguments: str, asked: str = "", most: int = MOST_OUTPUT_BYTES
    ) -> bytes:
        """Return what a command of git's says; of more than `most` bytes one more than that.

        Raises:
            GitError: It failed, or took too long.
        """
        environment = {key: one for key, one in os.environ.items() if not key.startswith("GIT_")}
        try:
            with TemporaryFile() as given:  # a pipe might fill while nobody reads the other
                given.write(asked.encode(errors="surrogateescape"))
                given.seek(0)
                with subprocess.Popen(
                    (*_GIT, "-C", root, *arguments),
                    stdin=given,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={**environment, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
                ) as process:
                    return self._said(process, most)
        except (OSError, ValueError) as error:
            raise GitError(str(error)) from error

    def _said(self, process: subprocess.Popen[bytes], most: int) -> bytes:
        timer = Timer(self._git_seconds, process.kill)
        timer.start()
        try:
            told = b"" if process.stdout is None else process.stdout.read(most + 1)
            if len(told) > most:
                process.kill()
            elif process.wait() != 0:
                raise GitError(f"git ended with {process.returncode}")
        finally:
            timer.cancel()
            process.kill()
        return told


def _facts(root: str, paths: Iterable[str], known: Mapping[str, FileFacts]) -> dict[str, FileFacts]:
    """Return the files that are there; of those that are as they were, what was known."""
    found: dict[str, FileFacts] = {}
    room = MOST_READ_BYTES
    for path in paths:
        whole = os.path.join(root, path)  # noqa: PTH118 - paths may be of any bytes
        try:
            stat = os.lstat(whole)
        except (OSError, ValueError):
            continue
        if not (S_ISREG(stat.st_mode) or S_ISLNK(stat.st_mode)):
            continue
        mark = (stat.st_mtime_ns, stat.st_ino)
        before = known.get(path)
        if before is not None and (before.size, before.mark) == (stat.st_size, mark):
            found[path] = before
            continue
        text = None
        if S_ISREG(stat.st_mode) and stat.st_size <= min(MOST_TEXT_BYTES, room):
            room -= stat.st_size
            text = _read(whole)
        changed = max(stat.st_mtime_ns, stat.st_ctime_ns)
        found[path] = FileFacts(stat.st_size, mark, changed, text)
    return found


def _read(path: str) -> Text | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - it is a descriptor
            content = file.read(MOST_TEXT_BYTES + 1)
    except OSError:
        return None
    return None if len(content) > MOST_TEXT_BYTES else read_text(content)
