"""Which of an agent's calls its role lets through."""

from __future__ import annotations

import os.path
from dataclasses import replace
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.access import TIERS
from iterm_mcp.errors import ConflictError, RefusedError
from iterm_mcp.models.approvals import ApprovalId
from iterm_mcp.models.deliveries import DeliveryId
from iterm_mcp.models.roles import BUILT_IN, Reach, Role
from iterm_mcp.services.permissions import roles as rules
from iterm_mcp.services.permissions.roles import Aims

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agents import Agent, Registry
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.services.permissions.role_file import RoleFile
    from iterm_mcp.services.sessions.search import SessionSearch
    from iterm_mcp.store import Store

READ = TIERS[0]
ANSWERS = "answer_approval"


class Permissions:
    """Knows all roles, and lets an agent's calls through or not.

    A role is built in, stands in the person's file, or was set by a tool; the file wins over
    the tool, and both over what is built in. An agent whose role is none of these is limited by
    nothing. One that calls itself an agent, and is not registered, may only look.
    """

    def __init__(self, store: Store, file: RoleFile, search: SessionSearch, clock: Clock) -> None:
        self._agents = store.agents
        self._roles = store.roles
        self._approvals = store.approvals
        self._deliveries = store.deliveries
        self._triggers = store.triggers
        self._file = file
        self._search = search
        self._clock = clock

    async def roles(self) -> dict[str, Role]:
        """Return every role by name.

        Raises:
            InvalidRequestError: The person's file cannot be used.
        """
        return {
            **{role.name: role for role in BUILT_IN},
            **await self._roles.load(),
            **await self._file.load(),
        }

    async def set_role(self, role: Role) -> None:
        """Keep a role, instead of an older one of its name; it counts from the next call on.

        Raises:
            InvalidRequestError: It means nothing.
            ConflictError: The person's file has one of that name.
        """
        rules.check_role(role)
        await self._check_not_in_file(role.name)
        await self._roles.save(role, self._clock.now())

    async def remove_role(self, name: str) -> None:
        """Forget a role that was set; agents of it are then limited as if it had never been.

        Raises:
            NotFoundError: None of that name was set.
            ConflictError: It stands in the person's file, or is built in.
        """
        await self._check_not_in_file(name)
        if name in {role.name for role in BUILT_IN} and name not in await self._roles.load():
            raise ConflictError(
                f"the role {name!r} is built in", hint="Set one of its name to replace it."
            )
        await self._roles.remove(name)

    async def check(
        self, name: AgentName, tool: str, tier: str, arguments: Mapping[str, object]
    ) -> None:
        """Let a call of an agent's client pass.

        Raises:
            RefusedError: Its role forbids it, or there is no such agent and it would change
                something.
            InvalidRequestError: The person's file of roles cannot be used.
        """
        registry = await self._agents.load()
        agent = next((one for one in registry.agents if one.name == name), None)
        if agent is None:
            if tier != READ:
                raise RefusedError(
                    f"this client says that it is agent {name!r}, and no agent has that name",
                    hint="Register it first, from a client that is no agent; until then it may "
                    "only look.",
                    code="unknown_agent",
                )
            return
        named = await self._named(tool, arguments)
        if tool == ANSWERS and name in named.agents:
            raise RefusedError(
                f"agent {name!r} may not answer its own question",
                hint="A person or its manager answers it.",
                code="own_approval",
            )
        roles = await self.roles()
        role = roles.get(agent.role)
        if role is None:
            if tool in rules.GOVERNS:
                rules.check_tool(Role(agent.role or "none"), tool, tier)
            return
        rules.check_tool(role, tool, tier)
        if role.paths:
            folders = await to_thread.run_sync(_resolved, role.paths)
            paths = await to_thread.run_sync(_resolved, rules.paths_of(arguments))
            rules.check_paths(replace(role, paths=tuple(folders)), tool, paths)
        if tier != READ:
            aims = rules.aims_of(tool, arguments).and_also(named)
            await self._check_aims(role, agent, tool, aims, registry)
            rules.check_enrolling(role, rules.enrolled(tool, arguments), aims.teams, roles)

    async def _check_aims(
        self,
        role: Role,
        agent: Agent,
        tool: str,
        aims: Aims,
        registry: Registry,
    ) -> None:
        if role.reach is Reach.ALL:
            return
        owners = {one.session_id: one.name for one in registry.agents}
        homes = [owners.get(await self._search.find(one)) for one in aims.sessions]
        if tool in rules.ENROLS:  # a session that becomes somebody's home is nobody's yet
            homes = [one for one in homes if one is not None]
        rules.check_aims(role, agent, aims, homes, registry)

    async def _named(self, tool: str, arguments: Mapping[str, object]) -> Aims:
        """Return whom a call concerns that names approvals, messages or triggers by their ids."""
        action = arguments.get("action")
        if tool == ANSWERS:
            approval = await self._approvals.find(ApprovalId(str(arguments.get("approval_id"))))
            return Aims() if approval is None else Aims(agents=(approval.agent,))
        if tool == "manage_messages" and action != "list":
            given = arguments.get("delivery_ids")
            ids = [DeliveryId(str(one)) for one in given] if isinstance(given, list) else []
            found = await self._deliveries.find(ids)
            agents = tuple(one.agent for one in found.values())
            return Aims(agents=agents, everybody=not ids and not arguments.get("agent"))
        if tool == "manage_triggers" and action == "remove":
            wanted = arguments.get("trigger_id")
            triggers = await self._triggers.load()
            return Aims(tuple(one.session_id for one in triggers if one.trigger_id == wanted))
        return Aims()

    async def _check_not_in_file(self, name: str) -> None:
        if name in await self._file.load():
            raise ConflictError(
                f"the role {name!r} stands in the person's own file of roles",
                hint="Have them change it there, or choose another name.",
            )


def _resolved(paths: Sequence[str]) -> list[str]:
    """Follow links, so that none leads out of a folder."""
    return [os.path.realpath(os.path.expanduser(one)) for one in paths]  # noqa: PTH111 - texts
