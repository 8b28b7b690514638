"""The programs that monitoring needs: where they are, and which of those that run are ours."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.monitoring.places import Places

PROMETHEUS, ALERTMANAGER = "prometheus", "alertmanager"
NAMES: Mapping[str, tuple[str, ...]] = {
    PROMETHEUS: ("prometheus",),
    ALERTMANAGER: ("alertmanager", "prometheus-alertmanager"),  # the second is Debian's
}
ELSEWHERE = ("/usr/local/bin", "/opt/homebrew/bin", "/usr/bin")
"""Where they may be though the PATH of a program that a client started does not say so."""

VERSION_SECONDS = 10
END_SECONDS = 10.0

HOW_TO_GET = """\
Debian, Ubuntu:  sudo apt-get install prometheus prometheus-alertmanager
                 sudo systemctl disable --now prometheus prometheus-alertmanager  (ours are apart)
macOS:           brew install prometheus alertmanager
with Docker:     iterm-mcp monitoring compose, which has Grafana too"""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is installed.

    Attributes:
        version: In its own words, such as ``2.42.0``.
    """

    name: str
    path: str
    version: str


def find_program(name: str, path: str | None = None) -> Program | None:
    """Return one of `NAMES` that is installed and is what it is called; None where there is none.

    Args:
        path: Where to look; the environment's PATH, and `ELSEWHERE`.
    """
    first = path if path is not None else os.environ.get("PATH", "")
    for folder in (*first.split(os.pathsep), *ELSEWHERE):
        for one in NAMES[name]:
            found = shutil.which(one, path=folder) if folder else None
            version = "" if found is None else _version(name, found)
            if found is not None and version:
                return Program(name, found, version)
    return None


def _version(name: str, path: str) -> str:
    """Return what a program says of itself; empty where it is another one of that name."""
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    words = done.stdout.decode(errors="replace").split()
    return words[2].partition("+")[0] if words[:2] == [f"{name},", "version"] and words[2:] else ""


def data_argument(name: str, places: Places) -> str:
    """Return the argument by which a program that runs is known for ours."""
    if name == PROMETHEUS:
        return f"--storage.tsdb.path={places.prometheus_data}"
    return f"--storage.path={places.alertmanager_data}"


def find_ours(places: Places) -> dict[str, psutil.Process]:
    """Return which of our programs run, by name.

    A process is ours if this user's, and if it was told to keep its data in our private folder;
    it is known from then on by its id and when it began, so no other one is ever taken for it.
    """
    found: dict[str, psutil.Process] = {}
    wanted = {data_argument(name, places): name for name in NAMES}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.uids().real != os.getuid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            line = process.cmdline()
            known = {Path(line[0]).name, *line[1:]} if line else set[str]()
            for argument, name in wanted.items():
                if argument in known and known & set(NAMES[name]):
                    found[name] = process
    return found


def end_all(processes: Sequence[psutil.Process], seconds: float = END_SECONDS) -> None:
    """Ask processes to end, and kill what has not after a while. Blocks."""
    for one in processes:
        with suppress(psutil.Error):
            one.terminate()
    _, left = psutil.wait_procs(list(processes), timeout=seconds)
    for one in left:
        with suppress(psutil.Error):
            one.kill()
    psutil.wait_procs(left, timeout=seconds)
