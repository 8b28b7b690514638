"""What we remember. The only package that speaks SQL."""

from iterm_mcp.store.store import Store, open_store

__all__ = ["Store", "open_store"]
