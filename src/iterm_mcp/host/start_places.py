"""In which directory a new session starts, as its profile wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import anyio

from iterm_mcp.host import environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host.session import Session

Kind = Literal["Window", "Tab", "Pane"]
"""What a session is opened in that is new."""


async def find_directory(
    profile: Mapping[str, Any], kind: Kind, near: Session | None
) -> str | None:
    """Return where a session starts; None where the profile, or what there is, says home.

    ``Custom Directory`` of ``Advanced`` has a choice and a directory for each kind:
    ``AWDS Tab Option`` and ``AWDS Tab Directory``, and so on.

    Args:
        near: The session that it is opened from, whose directory it may take over.
    """
    wanted = _plain(profile, kind)
    if wanted.get("Custom Directory") == "Recycle" and near is not None:
        path = near.path
        return path if await anyio.Path(path).is_dir() else None
    return environment.own_directory(wanted)


def _plain(profile: Mapping[str, Any], kind: Kind) -> Mapping[str, Any]:
    """Return what an advanced choice comes to; it cannot be advanced again."""
    if profile.get("Custom Directory") != "Advanced":
        return profile
    return {
        "Custom Directory": profile.get(f"AWDS {kind} Option"),
        "Working Directory": profile.get(f"AWDS {kind} Directory"),
    }
