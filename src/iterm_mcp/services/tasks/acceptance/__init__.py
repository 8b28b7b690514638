"""Whether a task did what was asked of it. Nobody is believed who only says so."""

from iterm_mcp.services.tasks.acceptance.schemas import check_schema
from iterm_mcp.services.tasks.acceptance.verifying import verify

__all__ = ["check_schema", "verify"]
