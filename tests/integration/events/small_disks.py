"""Disks of a few megabytes, made of a file: they can be full, or turn read-only under a program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

MEGABYTES = 48
FILLING = "filling"


class SmallDisk:
    """A file system of its own, mounted at `folder`."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image = image
        self.folder = folder

    def mount(self) -> None:
        """Mount it; whatever a crash left is mended before."""
        _run("e2fsck", "-p", str(self._image))
        _run("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.folder))

    def unmount(self) -> None:
        _run("umount", str(self.folder))

    def turn_read_only(self) -> None:
        """Do what the system does when a disk fails: nothing can be written any more."""
        _run("mount", "-o", "remount,abort", str(self.folder))

    def fill(self) -> None:
        """Leave no room at all."""
        with (self.folder / FILLING).open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                while True:
                    try:
                        file.write(b"\0" * size)
                    except OSError:
                        break

    def make_room(self) -> None:
        (self.folder / FILLING).unlink()


@contextmanager
def small_disk() -> Iterator[SmallDisk]:
    """Yield a disk for the block; skip the test where none can be mounted."""
    if sys.platform != "linux" or os.geteuid() or not which("mkfs.ext4"):
        pytest.skip("only root on Linux mounts disks")
    above = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-"))
    disk = SmallDisk(above / "image", above / "d")
    disk.folder.mkdir()
    try:
        with (above / "image").open("wb") as image:
            image.truncate(MEGABYTES << 20)
        _run("mkfs.ext4", "-q", "-m", "0", "-F", str(above / "image"))
        try:
            disk.mount()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no disk can be mounted here: {error.output.decode()}")
        try:
            yield disk
        finally:
            disk.unmount()
    finally:
        shutil.rmtree(above)


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    mended = command[0] == "e2fsck" and done.returncode == 1
    if done.returncode and not mended:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout)
