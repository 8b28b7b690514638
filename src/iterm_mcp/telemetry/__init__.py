"""What operators see: metrics and logs."""

from iterm_mcp.telemetry.http_metrics import HttpMetrics
from iterm_mcp.telemetry.logs import open_logs
from iterm_mcp.telemetry.mcp_metrics import McpMetrics
from iterm_mcp.telemetry.meter import Meter
from iterm_mcp.telemetry.metrics import Metrics

__all__ = ["HttpMetrics", "McpMetrics", "Meter", "Metrics", "open_logs"]
