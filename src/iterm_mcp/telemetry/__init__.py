"""What operators see: metrics and logs."""

from iterm_mcp.telemetry.logs import open_logs
from iterm_mcp.telemetry.meter import Meter
from iterm_mcp.telemetry.metrics import Metrics

__all__ = ["Meter", "Metrics", "open_logs"]
