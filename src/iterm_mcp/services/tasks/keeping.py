"""What is kept of a run's work: files that were asked for, and all that it changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.errors import shown
from iterm_mcp.services.tasks.handed_over import RESULT_BYTES, NoJsonError, read_json
from iterm_mcp.services.worktrees.git import LONG_SECONDS, Git
from iterm_mcp.services.worktrees.repository import tree_of
from iterm_mcp.services.worktrees.salvage import tree_of_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.worktrees import Worktree
    from iterm_mcp.services.tasks.folders import AttemptFolder

FILE_BYTES = 64 << 20
"""Of each file that is kept."""

TAIL_BYTES = 1 << 20
"""Of what a command printed that is looked at for its result."""


async def keep_files(
    directory: str, wanted: Iterable[str], folder: AttemptFolder
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Copy files; return where each stands now, and what is wrong with the others."""

    def keep() -> tuple[dict[str, str], tuple[str, ...]]:
        kept: dict[str, str] = {}
        problems = []
        for path in dict.fromkeys(wanted):
            problem = _copy(Path(directory), path, folder.files / path)
            if problem:
                problems.append(f"the file {shown(path)!r} {problem}")
            else:
                kept[path] = str(folder.files / path)
        return kept, tuple(problems)

    return await to_thread.run_sync(keep)


def _copy(directory: Path, path: str, target: Path) -> str:
    """Copy a file; return why not, or nothing."""
    try:
        source = (directory / path).resolve()
        if Path(path).is_absolute() or ".." in Path(path).parts:
            return "is not named as it stands below the directory"
        if not source.is_relative_to(directory.resolve()):
            return "leads out of the directory"
        if not source.is_file():
            return "was not written" if not source.exists() else "is no file"
        if source.stat().st_size > FILE_BYTES:
            return f"is larger than the {FILE_BYTES >> 20} MB that are kept"
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.copyfile(source, fresh)
        fresh.replace(target)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return f"could not be kept: {reason}"
    return ""


async def keep_patch(worktree: Worktree, folder: AttemptFolder) -> str:
    """Write all that differs in a worktree from where it began; return the file, if anything does.

    New files are in it, and what git ignores is not.

    Raises:
        GitError: It could not be found out.
    """
    git = Git(worktree.path)
    tree = await tree_of_files(git, await git.commit_of("HEAD"))
    if tree == await tree_of(git, worktree.base_commit):
        await to_thread.run_sync(_unlink, folder.patch)
        return ""
    await git(
        "diff", "--binary", "--no-color", "--no-ext-diff", f"--output={folder.patch}",
        worktree.base_commit, tree, seconds=LONG_SECONDS,
    )  # fmt: skip
    return str(folder.patch)


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


async def read_result(folder: AttemptFolder) -> tuple[bool, Json, str]:
    """Return whether a run has written a result, what it is, and what is wrong with it."""

    def read() -> bytes | None:
        try:
            with folder.result.open("rb") as file:
                return file.read(RESULT_BYTES + 1)
        except OSError:
            return None

    written = await to_thread.run_sync(read)
    if written is None or not written.strip():
        return False, None, ""
    try:
        return True, read_json(written), ""
    except NoJsonError as error:
        return False, None, f"what it wrote as its result is no JSON: {error}"


async def read_text(path: Path) -> str:
    """Return a small file of ours; empty when it is not there."""

    def read() -> str:
        try:
            return path.read_text("utf-8")
        except OSError:
            return ""

    return await to_thread.run_sync(read)


async def read_output(folder: AttemptFolder) -> str:
    """Return the end of what a command printed."""

    def read() -> bytes:
        printed = b""
        for path in (folder.output, folder.output.with_name(f"{folder.output.name}.1")):
            if len(printed) < TAIL_BYTES and path.is_file():
                with path.open("rb") as file:
                    left = TAIL_BYTES - len(printed)
                    file.seek(-min(left, path.stat().st_size), os.SEEK_END)
                    printed = file.read(left) + printed
        return printed

    return (await to_thread.run_sync(read)).decode(errors="replace")


async def find_recording(folder: str, session_id: str) -> str:
    """Return the newest recording of a session, where it was recorded."""
    if not session_id:
        return ""

    def find() -> str:
        found = sorted(one for one in Path(folder).glob("*.cast") if _is_of(one, session_id))
        return str(found[-1]) if found else ""

    return await to_thread.run_sync(find)


def _is_of(path: Path, session_id: str) -> bool:
    return path.stem.endswith(f"-{session_id}")
