"""What the registry holds, sent to those that do not scrape: StatsD and OpenTelemetry."""

from iterm_mcp.telemetry.exporting.running import open_exporters

__all__ = ["open_exporters"]
