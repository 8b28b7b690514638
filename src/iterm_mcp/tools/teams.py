"""Tools for teams: where they stand, and what their agents may do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

from mcp.types import ToolAnnotations
from pydantic import Field

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.ids import TeamName
from iterm_mcp.models.roles import Role
from iterm_mcp.services.permissions.role_file import read_role
from iterm_mcp.tools import answers
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.tiers import MUTATE
from iterm_mcp.tools.tool import ADDS, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.permissions.service import Permissions

CHANGES = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)


class TeamTools:
    """The tools over teams and roles."""

    def __init__(
        self,
        agents: AgentService,
        permissions: Permissions,
    ) -> None:
        self._agents = agents
        self._permissions = permissions

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(self.move_team, "Move team", ADDS, "hierarchy parent group agents"),
            ToolRow(
                self.manage_roles,
                "Manage roles",
                CHANGES,
                "permissions agents may tools paths",
                tier=MUTATE,
            ),
        ]

    async def move_team(
        self,
        name: Annotated[str, Field(description="The team that moves.")],
        parent: Annotated[str | None, Field(description="Its new parent; none: the top.")] = None,
    ) -> Json:
        """Put a team, with the teams below it, under another team or at the top."""
        above = None if parent is None else TeamName(parent)
        return answers.team(await self._agents.move_team(TeamName(name), above))

    async def manage_roles(
        self,
        action: Annotated[Literal["list", "set", "remove"], Field(description="What to do.")],
        name: Annotated[str, Field(description="For set and remove.")] = "",
        rules: Annotated[
            dict[str, str | list[str]],
            Field(
                description="For set: tools, denied, tier, reach (all, tree, own), paths, "
                "grants (roles it may give), description."
            ),
        ] = {},
    ) -> Json:
        """Say what an agent of a role may call, on whom and in which folders; for people only."""
        if action != "list":
            if not name:
                raise InvalidRequestError(f"{action} needs a name", hint="Name the role.")
            if action == "set":
                await self._permissions.set_role(read_role(name, rules, source="tool"))
            else:
                await self._permissions.remove_role(name)
        roles = await self._permissions.roles()
        return {"roles": [_role(one) for _, one in sorted(roles.items())]}


def _role(role: Role) -> Json:
    """Return a role; what is as for anybody is left out."""
    usual = asdict(Role(role.name, source=""))
    return {"name": role.name} | {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(role).items()
        if value != usual[key]
    }
