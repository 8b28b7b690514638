"""Agents' hooks into the event store: read by their kind's reader, whoever delivered them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from iterm_mcp.models.events import Links

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from iterm_mcp.models.events import Event, Kept
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.approvals.hook_intake import HookSender

TRANSCRIPTS = ("transcript_path", "agent_transcript_path")


class HookReader(Protocol):
    """Reads hooks of one kind of agents."""

    def read(
        self, payload: Mapping[str, Json], at: datetime, delivery: str, links: Links | None = None
    ) -> list[Event]:
        """Return what a hook tells.

        Args:
            delivery: The same if the same firing is handed over again, and else another.
            links: What is known of its sender.
        """


class Takes(Protocol):
    """The way into the event store."""

    async def take(self, events: Sequence[Event]) -> Kept:
        """Keep events; when it returns they stand on the disk.

        Raises:
            StoreError: They could not be kept, or not now.
        """


class HookEvents:
    """Takes hooks in, of every agent on this machine, registered or not.

    Args:
        readers: By kind. Hooks of other kinds are not kept.
        mentioned: Told of each transcript that a hook names, with the kind; must not wait.
    """

    def __init__(
        self,
        intake: Takes,
        readers: Mapping[str, HookReader],
        mentioned: Callable[[str, str], None] | None = None,
    ) -> None:
        self._intake = intake
        self._readers = readers
        self._mentioned = mentioned

    def read(
        self,
        kind: str,
        payload: Mapping[str, Json],
        sender: HookSender,
        at: datetime,
        delivery: str,
    ) -> list[Event]:
        """Return what a hook tells, to be kept by `keep`."""
        reader = self._readers.get(kind)
        if reader is None:
            return []
        if self._mentioned is not None:
            for name in TRANSCRIPTS:
                if (path := payload.get(name)) and isinstance(path, str):
                    self._mentioned(kind, path)
        links = Links(session=sender.session, agent=sender.agent)
        return reader.read(payload, at, delivery, links)

    async def keep(self, events: Sequence[Event]) -> None:
        """Keep what was read; when it returns it stands on the disk.

        Raises:
            StoreError: It could not be kept, or not now: try again later.
        """
        if events:
            await self._intake.take(events)
