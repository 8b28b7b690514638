"""Acceptance with the real MCP clients; ``uv run scripts/clients.py`` runs it."""
