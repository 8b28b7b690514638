"""The folder that an agent's keeper is given: the order that we write, the status that it writes.

See `iterm_mcp.agents.keeper`. Every folder is its owner's alone, and every file 0600: orders hold
prompts, and environments may hold keys.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.paths import write_private

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ORDER, STATUS = "order.json", "status.json"
STATUS_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class KeeperOrder:
    """What a keeper shall start.

    Attributes:
        life: The token of the life that it is for; a keeper starts each only once.
        scrub: Regular expressions of names that the agent shall not see, but for those in `keep`.
        opening: Lines that a bridge writes to it right at its start.
    """

    life: str
    epoch: int
    command: str
    arguments: tuple[str, ...]
    directory: str
    environment: Mapping[str, str] = field(default_factory=dict)
    scrub: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    opening: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeeperStatus:
    """What a keeper says of itself and of its agent.

    Attributes:
        keeper: Its process, with what tells it from later ones of the same id.
        session_id: The session that it stands in; None where the terminal told it none.
        life: The token of the order that it has taken; empty before the first.
        state: waiting (for an order), running, or ended.
        pid: The agent's process, with `started` as for the keeper; 0 before the first.
        dismissed: A person closed the pane after the agent's end.
        hung_up: ``pane`` when it alone was closed, ``terminal`` when the terminal ended.
        problem: Why the program could not be started; empty when it could.
    """

    keeper: int
    keeper_started: str
    session_id: SessionId | None
    life: str
    state: str
    pid: int = 0
    started: str = ""
    code: int | None = None
    signal: int | None = None
    dismissed: bool = False
    hung_up: str = ""
    problem: str = ""


class LifeFiles:
    """The folders of all agents' keepers.

    Args:
        folder: Where they stand, one for each agent, by name.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._read: dict[AgentName, tuple[tuple[int, int], KeeperStatus | None]] = {}

    def folder(self, agent: AgentName) -> Path:
        """Return an agent's folder."""
        return self._folder / agent

    async def reserve(self, agent: AgentName) -> bool:
        """Make an agent's folder; False when somebody has it, in whichever process.

        Raises:
            OSError: It cannot be made.
        """
        return await to_thread.run_sync(_reserve, self._folder, agent)

    async def hand_over(self, agent: AgentName, born: AgentName) -> None:
        """Have a reserved name lead to the folder of an agent that was born with another.

        Raises:
            OSError: It cannot be made to.
        """

        def link() -> None:
            path = self.folder(agent)
            path.rmdir()
            path.symlink_to(born)

        self._read.pop(agent, None)
        await to_thread.run_sync(link)

    async def make(self, agent: AgentName) -> None:
        """Make an agent's folder, or tighten the one that stands."""
        await to_thread.run_sync(_make, self.folder(agent))

    async def forget(self, agent: AgentName) -> None:
        """Remove what former keepers left, so that a new one waits for its order."""

        def remove() -> None:
            for name in (ORDER, STATUS):
                (self.folder(agent) / name).unlink(missing_ok=True)

        await to_thread.run_sync(remove)

    async def write_order(self, agent: AgentName, order: KeeperOrder) -> None:
        """Hand an order to the agent's keeper. It takes the first at once, others on USR1."""
        content = json.dumps(
            {
                name: dict(value) if name == "environment" else value
                for name in KeeperOrder.__slots__
                for value in [getattr(order, name)]
            }
        )
        await self.write_private({self.folder(agent) / ORDER: content})

    async def write_private(self, files: Mapping[Path, str]) -> None:
        """Write files for their owner alone, each as a whole, in folders that are made if need be.

        Raises:
            OSError: One cannot be written.
        """
        if files:
            await to_thread.run_sync(_write_all, dict(files))

    async def status(self, agent: AgentName) -> KeeperStatus | None:
        """Return what an agent's keeper says; None when none has said anything."""
        return (await self.statuses([agent]))[agent]

    async def statuses(self, agents: Iterable[AgentName]) -> dict[AgentName, KeeperStatus | None]:
        """Return what the keepers of these agents say. What did not change is not read again."""
        wanted = list(agents)
        return await to_thread.run_sync(lambda: {one: self._status(one) for one in wanted})

    async def remove(self, agent: AgentName) -> None:
        """Remove an agent's folder; its name may be given again."""
        self._read.pop(agent, None)
        await to_thread.run_sync(_remove, self.folder(agent))

    def _status(self, agent: AgentName) -> KeeperStatus | None:
        path = self.folder(agent) / STATUS
        try:
            found = path.stat()
            key = found.st_ino, found.st_mtime_ns
            known = self._read.get(agent)
            if known is not None and known[0] == key:
                return known[1]
            with path.open("rb") as file:
                status = parse_status(file.read(STATUS_BYTES))
        except OSError:
            self._read.pop(agent, None)
            return None
        self._read[agent] = key, status
        return status


def parse_status(text: bytes) -> KeeperStatus | None:
    """Return what a status file says; None for what no keeper wrote."""
    try:
        content: dict[str, Any] = json.loads(text)
        session = str(content["session"]).rpartition(":")[2]
        return KeeperStatus(
            keeper=int(content["keeper"]),
            keeper_started=str(content["keeper_started"]),
            session_id=SessionId(session) if session else None,
            life=str(content["life"]),
            state=str(content["state"]),
            pid=int(content.get("pid", 0)),
            started=str(content.get("started", "")),
            code=content.get("code"),
            signal=content.get("signal"),
            dismissed=bool(content.get("dismissed")),
            hung_up=str(content.get("hung_up", "")),
            problem=str(content.get("problem", "")),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _reserve(folder: Path, agent: AgentName) -> bool:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        (folder / agent).mkdir(mode=0o700)
    except FileExistsError:
        return False
    return True


def _remove(folder: Path) -> None:
    """Remove a folder, and where a name only leads to another, that one too."""
    if folder.is_symlink():
        target = folder.resolve()
        folder.unlink(missing_ok=True)
        folder = target
    shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def _write_all(files: dict[Path, str]) -> None:
    for path, content in files.items():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, content, lasting=True)
