"""Alerts and notifications, told to who counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.models.alerts import AlertKind


class AlertObserver(Protocol):
    """Is told what stands and who was notified. No method may raise."""

    def alerts_standing(self, counts: Mapping[AlertKind, int]) -> None:
        """Note how many alerts are open; kinds that are left out have none."""

    def sinks_known(self, names: Iterable[str]) -> None:
        """Note by which sinks people are told."""

    def notified(self, sink: str, outcome: str) -> None:
        """Note what became of a notification: ``sent``, ``failed`` or ``dropped``."""


class SilentAlertObserver:
    """Notes nothing."""

    def alerts_standing(self, counts: Mapping[AlertKind, int]) -> None:
        """Do nothing."""

    def sinks_known(self, names: Iterable[str]) -> None:
        """Do nothing."""

    def notified(self, sink: str, outcome: str) -> None:
        """Do nothing."""
