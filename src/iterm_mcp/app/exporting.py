"""Which metrics go where, besides to those who scrape."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from iterm_mcp import __version__
from iterm_mcp.telemetry.exporting.running import export_options

if TYPE_CHECKING:
    from iterm_mcp.config import Settings
    from iterm_mcp.telemetry.exporting.running import ExportOptions


def exports_of(settings: Settings) -> ExportOptions:
    """Return what a user has set, and who we are to a collector."""
    resource = {
        "service.name": os.environ.get("OTEL_SERVICE_NAME") or "iterm-mcp",
        "service.version": __version__,
        "service.instance.id": settings.machine or socket.gethostname(),
        "host.name": socket.gethostname(),
    }
    return export_options(settings, os.environ, resource, __version__)
