"""Putting our server into the configurations of MCP clients, and taking it out again."""
