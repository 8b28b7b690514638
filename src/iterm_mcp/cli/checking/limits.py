"""Who holds the limits of what agents may take: the system, or we by looking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.cli.checking.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.paths import Paths


def check_limits(paths: Paths) -> Iterator[Finding]:
    """Say what holds limits; either way they hold, so nothing is wrong."""
    from iterm_mcp.services.resources.opening import SystemGroups

    found = SystemGroups(paths.state).possible()
    if found.groups is None:
        text = f"agents are looked at every other second, since {found.reason}"
    else:
        text = found.reason
    yield Finding("ok", "limits", text)
