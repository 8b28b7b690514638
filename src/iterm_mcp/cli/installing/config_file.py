"""A user's file, replaced whole or not at all, with a copy of what it held beside it."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

from iterm_mcp.cli.installing.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

MAX_BYTES = 64 << 20
NEW_MODE = 0o600
"""Of a file that was not there: it may be given secrets."""


def read(path: Path) -> bytes | None:
    """Return what a file holds; None when there is none.

    Raises:
        ConfigError: It is no plain file, or too large to be a configuration.
        OSError: It cannot be read.
    """
    if path.exists() and not path.is_file():
        raise ConfigError("it is not a plain file", hint="Move it aside, and try again.")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    if len(data) > MAX_BYTES:
        raise ConfigError("it is too large for a configuration", hint="Change it by hand.")
    return data


def decode(data: bytes | None) -> str:
    """Return a file's text.

    Raises:
        ConfigError: It is none.
    """
    try:
        return (data or b"").decode()
    except UnicodeDecodeError as error:
        line = (data or b"").count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"it is not UTF-8: line {line}", hint="Mend that line, and try again."
        ) from None


def replace(path: Path, before: bytes | None, after: bytes | None) -> None:
    """Have the file, or what a link leads to, hold `after`; its mode stays. None: no file.

    Raises:
        ConfigError: It no longer holds `before`, or it is not to be written; nothing has changed.
        OSError: It could not be written; nothing has changed.
    """
    target = path.resolve()
    mode = target.stat().st_mode & 0o7777 if before is not None else NEW_MODE
    if not mode & 0o222:
        raise ConfigError(
            "it is read-only", hint="Whoever made it so has to change it, or to permit it."
        )
    if after is None:
        _same(path, before)
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(after)
            file.flush()
            os.fchmod(fd, mode)
            os.fsync(fd)
        _same(path, before)
        os.replace(name, target)  # noqa: PTH105 - beside its twin below
    except BaseException:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise


def back_up(path: Path, data: bytes, at: datetime) -> Path:
    """Keep what a file holds in another beside it, of the same mode; return where."""
    stem = f"{path.name}.{at:%Y%m%d-%H%M%S}"
    number = 0
    while True:
        number += 1
        suffix = f"-{number}" if number > 1 else ""
        backup = path.with_name(f"{stem}{suffix}.backup")
        try:
            fd = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, NEW_MODE)
        except FileExistsError:
            continue
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            os.fchmod(fd, path.stat().st_mode & 0o7777)
        return backup


def _same(path: Path, before: bytes | None) -> None:
    if read(path) != before:
        raise ConfigError(
            "it was changed by another program at this very moment", hint="Try again."
        )
