"""Events, conversations and comparisons as files."""

from __future__ import annotations

from iterm_mcp.services.events.exporting.exporter import Exporter

__all__ = ["Exporter"]
