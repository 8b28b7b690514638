"""This machine among those that share work."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from anyio import to_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from iterm_mcp.config import Settings
    from iterm_mcp.tasks.engine import EngineOptions, TaskEngine
    from iterm_mcp.tasks.front.redis_front import RedisFront


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """How it takes part.

    Attributes:
        url: Of a database that several machines share; empty for a file in the state folder.
        front: Of a Redis that carries a backlog between machines with a file each; or empty.
        name: Empty for one that the state folder keeps.
        capacity: How many attempts it takes at once, whatever the limits.
        lease_seconds: Without a word for so long, its work is given to others.
    """

    url: str = ""
    front: str = ""
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    capacity: int = 100
    lease_seconds: float = 60.0


def machine_settings(settings: Settings) -> MachineSettings:
    """Return what a user has set."""
    pairs = (one.split("=", 1) for one in settings.machine_labels.split(",") if one.strip())
    return MachineSettings(
        settings.tasks_url,
        settings.tasks_front,
        settings.machine,
        {name.strip(): value.strip() for name, value in pairs},
        settings.machine_capacity,
        settings.machine_lease_seconds,
    )


@asynccontextmanager
async def open_shared_backlog(
    machine: MachineSettings,
    options: EngineOptions,
    engine: TaskEngine,
    most_at_once: Callable[[], int],
) -> AsyncIterator[RedisFront | None]:
    """Take part in a shared backlog for the block; None where there is none.

    Args:
        most_at_once: How many tasks run here at once; 0 for any number.

    Raises:
        InvalidRequestError: The URL cannot be.
        StoreError: The extra is not installed, or the state folder cannot be used.
    """
    if not machine.front:
        yield None
        return
    # All of this costs time and memory that a machine of its own need not pay.
    lease = await to_thread.run_sync(import_module, "iterm_mcp.tasks.lease")
    fronts = await to_thread.run_sync(import_module, "iterm_mcp.tasks.front.redis_front")
    parts = await to_thread.run_sync(import_module, "iterm_mcp.tasks.front.options")
    name = await to_thread.run_sync(lease.machine_name, options)
    at_once = min(most_at_once() or machine.capacity, machine.capacity)
    part = parts.FrontOptions(
        machine.front, f"{options.folder}/front", name, at_once=at_once,
        alive_seconds=machine.lease_seconds, clock=options.clock,
    )  # fmt: skip
    async with fronts.open_front(part, engine) as front:
        yield front
