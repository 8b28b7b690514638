"""Where monitoring has its files, and what of it is remembered."""

from __future__ import annotations

import json
import socket
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.paths import make_private_folder, write_private

if TYPE_CHECKING:
    from iterm_mcp.paths import Paths

LEAST_KEEP_DAYS = 90
HOST = "127.0.0.1"
_MOST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one installation's monitoring, all in one private folder.

    Attributes:
        state: The state folder.
        token: What opens ``/metrics`` and the intake of alerts.
        daemon_info: Where the running daemon says where it is.
    """

    state: Path
    token: Path
    daemon_info: Path

    @property
    def folder(self) -> Path:
        """Everything of ours."""
        return self.state / "monitoring"

    @property
    def prometheus_data(self) -> Path:
        """What Prometheus has scraped."""
        return self.folder / "prometheus"

    @property
    def alertmanager_data(self) -> Path:
        """Silences, and what was told."""
        return self.folder / "alertmanager"

    @property
    def prometheus_config(self) -> Path:
        """Written anew at each start."""
        return self.folder / "prometheus.yml"

    @property
    def alertmanager_config(self) -> Path:
        """Written anew at each start, and when the daemon is somewhere else."""
        return self.folder / "alertmanager.yml"

    @property
    def rules(self) -> Path:
        """A copy of the rules that are shipped: these go with an upgrade, a Prometheus stays."""
        return self.folder / "rules"

    @property
    def targets(self) -> Path:
        """Where the daemon is, as Prometheus reads it again whenever it changes."""
        return self.folder / "targets.json"

    @property
    def options(self) -> Path:
        """What was chosen, by the user and by us."""
        return self.folder / "options.json"

    @property
    def info(self) -> Path:
        """What runs, as its keeper says."""
        return self.folder / "running.json"

    @property
    def lock(self) -> Path:
        """Held by the keeper for as long as it lives."""
        return self.folder / "keeper.lock"

    @property
    def spawn_lock(self) -> Path:
        """Held by the one that starts a keeper."""
        return self.folder / "keeper.spawn.lock"

    @property
    def up_lock(self) -> Path:
        """Held by whoever makes ready for a start."""
        return self.folder / "up.lock"

    def log(self, program: str) -> Path:
        """Return what a program says; there is one older file beside it."""
        return self.folder / f"{program}.log"

    def make(self) -> None:
        """Make the folders, for their owner alone."""
        make_private_folder(str(self.state))
        for folder in (self.folder, self.prometheus_data, self.alertmanager_data, self.rules):
            make_private_folder(str(folder))


def places_of(paths: Paths) -> Places:
    """Return where an installation's monitoring is."""
    return Places(Path(paths.state), Path(paths.token), Path(paths.daemon_info))


@dataclass(frozen=True, slots=True)
class Options:
    """What holds for this start and the next ones.

    Attributes:
        keep_days: How long Prometheus keeps what it scraped; never below `LEAST_KEEP_DAYS`.
        keep_gigabytes: The oldest is dropped beyond so much of the disk; 0 for any.
        scrape_seconds: How often the daemon is scraped.
    """

    prometheus_port: int = 9090
    alertmanager_port: int = 9093
    keep_days: int = LEAST_KEEP_DAYS
    keep_gigabytes: float = 0
    scrape_seconds: int = 15


def load_options(places: Places) -> Options:
    """Return what was chosen before; what is not there or damaged is as usual."""
    told: Any = None
    with suppress(OSError, ValueError):
        told = json.loads(places.options.read_text("utf-8"))
    if not isinstance(told, dict):
        return Options()
    known = {one.name: told[one.name] for one in fields(Options) if _is_number(told, one.name)}
    return Options(**known)


def _is_number(told: dict[str, Any], name: str) -> bool:
    return isinstance(told.get(name), int | float) and not isinstance(told[name], bool)


def save_options(places: Places, options: Options) -> None:
    """Remember what was chosen.

    Raises:
        OSError: It cannot be written.
    """
    write_private(places.options, json.dumps(asdict(options), indent=2) + "\n")


def free_ports(options: Options) -> Options:
    """Return the options with ports that can be had now: those chosen before, else any."""
    first = free_port(options.prometheus_port)
    second = free_port(options.alertmanager_port, other_than=first)
    changed = {"prometheus_port": first, "alertmanager_port": second}
    return Options(**(asdict(options) | changed))


def free_port(wanted: int, other_than: int = 0) -> int:
    """Return a port of the loopback address: the one that is wanted, if it can be had."""
    if 0 < wanted <= _MOST_PORT and wanted != other_than and _is_free(wanted):
        return wanted
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the programs themselves do
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
