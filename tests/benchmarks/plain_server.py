"""The baseline: an MCP server as the SDK's first page shows it, on its own stdio."""

from mcp.server import MCPServer

server = MCPServer("plain", log_level="ERROR")


@server.tool(structured_output=False)
async def list_agents() -> str:
    """Answer at once."""
    return '{"agents":[],"teams":[]}'


if __name__ == "__main__":
    server.run("stdio")
