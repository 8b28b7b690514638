"""What keeps a client's configuration from being changed."""

from __future__ import annotations

from iterm_mcp.errors import ItermMcpError


class ConfigError(ItermMcpError):
    """A configuration cannot be read, or not changed safely; it stands as it was."""

    default_code = "config_unusable"
