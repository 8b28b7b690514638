"""Running git: bounded, without a terminal, and without the caller's own repository in mind."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.agents.programs import open_program
from iterm_mcp.errors import ConflictError, InvalidRequestError, ItermMcpError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from anyio.abc import ByteReceiveStream

SECONDS = 60.0
LONG_SECONDS = 600.0
"""For what writes all files of a tree."""

MOST_BYTES = 32 << 20
LOCK_TRIES = 8
LOCK_PAUSE_SECONDS = 0.05

_NOT_OURS = {
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_CEILING_DIRECTORIES",
}  # fmt: skip
"""A hook of git's that runs us sets these: they would have us work on another repository."""

_LOCKED = ("could not lock", ".lock': File exists")


class GitError(ItermMcpError):
    """Git refused, or did not answer in time; the text holds what it said."""

    default_code = "git_failed"
    outcome = "conflict"


@dataclass(frozen=True, slots=True)
class Said:
    """How a command of git's ended.

    Attributes:
        out: What it printed; bytes that are no UTF-8 are kept as surrogates.
    """

    code: int
    out: str
    error: str

    @property
    def text(self) -> str:
        """What it printed, without the newline at its end."""
        return self.out.rstrip("\n")

    @property
    def names(self) -> tuple[str, ...]:
        """What it printed with ``-z``, one by one."""
        return tuple(one for one in self.out.split("\0") if one)


class Git:
    """Runs git in a directory.

    Args:
        directory: Of a repository or a worktree.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory

    async def __call__(
        self,
        *arguments: str,
        codes: Collection[int] = (0,),
        seconds: float = SECONDS,
        given: str = "",
        environ: Mapping[str, str] | None = None,
    ) -> Said:
        """Run a command of git's; one that meets another's lock is tried again for a while.

        Args:
            codes: Exit codes that are answers.
            given: Its standard input.
            environ: Further variables.

        Raises:
            GitError: Another exit code, no answer within `seconds`, or too long an answer.
            InvalidRequestError: Git is not installed, or the directory is gone.
        """
        pauses = iter([LOCK_PAUSE_SECONDS * 2**attempt for attempt in range(LOCK_TRIES)])
        while True:
            said = await _run(arguments, self.directory, seconds, given, environ or {})
            if said.code in codes:
                return said
            pause = next(pauses, None) if any(one in said.error for one in _LOCKED) else None
            if pause is None:
                break
            await anyio.sleep(pause)
        words = " ".join((said.error or said.out).split())[-500:] or f"exit code {said.code}"
        raise GitError(
            f"git {arguments[0]} in {self.directory}: {words}", hint="Mend what git tells."
        )

    async def ok(self, *arguments: str, seconds: float = SECONDS) -> bool:
        """Tell whether a command that answers by its exit code says yes."""
        return (await self(*arguments, codes=(0, 1), seconds=seconds)).code == 0

    async def commit_of(self, name: str) -> str:
        """Return the id of the commit that something names; empty when it names none."""
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return (await self(*asked, codes=(0, 1, 128))).text


def git_environ() -> dict[str, str]:
    """Return the environment that git gets."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "LC_ALL": "C.UTF-8"}


async def _run(
    arguments: tuple[str, ...],
    directory: str,
    seconds: float,
    given: str,
    environ: Mapping[str, str],
) -> Said:
    texts: dict[str, bytes] = {}

    async def read(name: str, stream: ByteReceiveStream | None) -> None:
        if stream is not None:
            texts[name] = await _read(stream)

    try:
        async with open_program(
            ["git", "-c", "core.quotePath=false", *arguments],
            {**git_environ(), **environ},
            directory=directory,
            stdin=subprocess.PIPE if given else subprocess.DEVNULL,
        ) as process:
            with anyio.fail_after(seconds):
                async with anyio.create_task_group() as group:
                    group.start_soon(read, "out", process.stdout)
                    group.start_soon(read, "error", process.stderr)
                    if process.stdin is not None:
                        with suppress(anyio.BrokenResourceError):
                            await process.stdin.send(given.encode("utf-8", "surrogateescape"))
                        await process.stdin.aclose()
                code = await process.wait()
    except FileNotFoundError as error:
        if not os.path.isdir(directory):  # noqa: ASYNC240, PTH112 - one look, after a failure
            raise ConflictError(f"{directory} is gone", hint="Restore the worktree.") from None
        raise InvalidRequestError("git is not installed", hint="Install git.") from error
    except NotADirectoryError:
        raise InvalidRequestError(f"{directory} is no directory", hint="Name one.") from None
    except TimeoutError:
        raise GitError(
            f"git {arguments[0]} in {directory} took longer than {seconds:g} s",
            hint="See whether the disk, a hook or a network is slow.",
        ) from None
    shown = {name: text.decode("utf-8", "surrogateescape") for name, text in texts.items()}
    return Said(code, shown.get("out", ""), shown.get("error", ""))


async def _read(stream: ByteReceiveStream) -> bytes:
    """Read all that a process says, and keep as much of it as an answer may have."""
    said = bytearray()
    async for piece in stream:
        if len(said) < MOST_BYTES:
            said += piece
    return bytes(said)
