"""iterm-mcp: the control plane for terminals and for the agents that live in them."""

__version__ = "0.1.0"
