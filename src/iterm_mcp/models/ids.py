"""Ids are strings that must not be mixed up."""

from typing import NewType

SessionId = NewType("SessionId", str)
"""One shell in one pane; an upper-case UUID, or ``active`` where a tool says so."""

WindowId = NewType("WindowId", str)
TabId = NewType("TabId", str)

AgentName = NewType("AgentName", str)
TeamName = NewType("TeamName", str)
LockId = NewType("LockId", str)
