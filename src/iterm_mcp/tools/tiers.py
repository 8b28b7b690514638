"""How much harm a tool can do, read from what it says about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.access import TIERS
from iterm_mcp.errors import RefusedError

if TYPE_CHECKING:
    from mcp.types import ToolAnnotations

READ, MUTATE, DESTRUCTIVE = TIERS


def tier_of(annotations: ToolAnnotations | None) -> str:
    """Return the tier of a tool: one of `TIERS`.

    What types into a session may do anything there, but what it does is the session's: it
    mutates. Destructive is what ends things of ours. A tool that says nothing is destructive.
    """
    if annotations is None:
        return DESTRUCTIVE
    if annotations.read_only_hint:
        return READ
    if annotations.destructive_hint is False or annotations.open_world_hint:
        return MUTATE
    return DESTRUCTIVE


def allows(limit: str, tier: str) -> bool:
    """Tell whether a client that is limited to one tier may call a tool of another."""
    return not limit or TIERS.index(tier) <= TIERS.index(limit)


def check_tier(limit: str, tool: str, tier: str) -> None:
    """Let a call of an allowed tier pass.

    Raises:
        RefusedError: It is above the limit.
    """
    if not allows(limit, tier):
        raise RefusedError(
            f"{tool} is of the tier {tier}, and this client is limited to {limit}",
            hint="The user set that limit, with --tier or ITERM_MCP_TIER: do without, or ask them.",
            code="tier_refused",
        )
