"""Where agents that we start report over HTTP what they do, and how they show that they may. Pure.

The token opens nothing but the way in of hooks and of exported telemetry. It goes into an agent's
environment, never onto its command line, where everybody on the machine could read it.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

TOKEN = "ITERM_MCP_REPORT_TOKEN"  # noqa: S105 - a variable's name
HEADERS = {
    "X-Iterm-Mcp-Agent": "ITERM_MCP_AGENT",
    "X-Iterm-Mcp-Epoch": "ITERM_MCP_EPOCH",
    "X-Iterm-Mcp-Session": "ITERM_SESSION_ID",
}
"""The headers that say whose a report is, with the variables in which that stands."""


@dataclass(frozen=True, slots=True)
class Reports:
    """The way in for reports.

    Attributes:
        url: Of the HTTP side, without a path.
        token: See `report_token`.
        telemetry: Agents shall also export what they measure of themselves.
        traces: The URL to which they shall export their own traces; empty for nowhere. It is a
            user's collector, not us.
    """

    url: str
    token: str = field(repr=False)
    telemetry: bool = False
    traces: str = ""


def report_token(token: str) -> str:
    """Return the token that reports are sent with, made out of the one of the HTTP side."""
    made = hmac.digest(token.encode(), b"reports", hashlib.sha256)
    return urlsafe_b64encode(made).decode().rstrip("=")
