"""The whole of what the daemon serves: opened once, in order, and closed in reverse."""

from iterm_mcp.app.opening import App, open_app, open_extras
from iterm_mcp.app.services import Services, make_services
from iterm_mcp.app.tools import tool_rows

__all__ = ["App", "Services", "make_services", "open_app", "open_extras", "tool_rows"]
