"""Finding programs, and asking them what they are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from iterm_mcp.agents.programs import open_program
from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.agents.kind import StartRequest

ANSWER_SECONDS = 4.5
"""How long a program may take for one answer, of a probe's 5 seconds; all are asked at once."""

ANSWER_BYTES = 256 * 1024
_VERSION = re.compile(r"\d+(?:\.\d+)+(?:[-+.\w]*)?")


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the path of a program on PATH, or of one that is named by its path; None for none."""
    return shutil.which(str(Path(name).expanduser()), path=environ.get("PATH", os.defpath))


_said: dict[tuple[str, ...], tuple[tuple[object, ...], str]] = {}
"""What programs have answered, and what their files were then."""


async def ask_program(
    path: str, arguments: Sequence[str], environ: Mapping[str, str], *, anew: bool = False
) -> str | None:
    """Return what a program prints, at most 256 KiB of it; None when it fails or is too slow.

    It has no terminal and no input, and is ended with all that it started. While its file is the
    same, it is not asked again what it has answered once, unless `anew` says so.
    """
    if anew:
        return await _ask(path, arguments, environ)
    key = (path, environ.get("HOME", ""), *arguments)
    signature = await to_thread.run_sync(_signature, path)
    known = _said.get(key)
    if known is not None and known[0] == signature:
        return known[1]
    said = await _ask(path, arguments, environ)
    if said is not None:
        _said[key] = signature, said
    return said


def _signature(path: str) -> tuple[object, ...]:
    """Return what is another when the program is."""
    try:
        found = Path(path).stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


async def _ask(path: str, arguments: Sequence[str], environ: Mapping[str, str]) -> str | None:
    said = bytearray()
    code = None
    try:
        async with open_program([path, *arguments], environ, stderr=subprocess.STDOUT) as process:
            with anyio.move_on_after(ANSWER_SECONDS):
                assert process.stdout is not None  # noqa: S101 - it was asked for
                async for piece in process.stdout:
                    said += piece
                    if len(said) > ANSWER_BYTES:
                        break
                else:
                    code = await process.wait()
    except OSError:
        return None
    return bytes(said).decode("utf-8", "replace") if code == 0 else None


async def ask_both(path: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return a program's version and help, asked for at once; empty where it does not answer."""
    said: dict[str, str] = {}

    async def ask(flag: str) -> None:
        said[flag] = await ask_program(path, [flag], environ) or ""

    async with anyio.create_task_group() as group:
        for flag in ("--version", "--help"):
            group.start_soon(ask, flag)
    return version_in(said["--version"]), said["--help"]


def packaged_version(path: str, package: str) -> str:
    """Return the version of the npm package that a program belongs to; empty for none.

    Node takes a second of a processor to start; its package says the same at once.
    """
    for folder in list(Path(path).resolve().parents)[:4]:
        try:
            told = json.loads((folder / "package.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(told, dict) and told.get("name") == package:
            return str(told.get("version") or "")
    return ""


def version_in(text: str | None) -> str:
    """Return the first version number in what a program said; empty for none."""
    found = _VERSION.search(text or "")
    return found[0] if found else ""


def runs_program(command: tuple[str, ...], *names: str) -> bool:
    """Tell whether a command runs a program of such a name, also as a script of an interpreter."""
    if not command:
        return False
    first = PurePath(command[0]).name
    if first in names:
        return True
    if not first.startswith(("node", "bun", "deno", "python")):
        return False
    script = next((word for word in command[1:] if not word.startswith("-")), "")
    return PurePath(script).name.removesuffix(".js") in names


def refuse_fields(kind: str, request: StartRequest, *names: str) -> None:
    """Make sure that nothing is asked of a start that a kind cannot do.

    Raises:
        InvalidRequestError: One of these fields of the request is set.
    """
    for name in names:
        if getattr(request, name):
            raise InvalidRequestError(
                f"a {kind} cannot be started with {name}",
                hint=f"Leave {name} out, or choose another kind.",
                code="start_not_possible",
            )
