"""What an agent's start depended on, as one word that can be compared later."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.agents.configuration import configuration_files, configuration_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.agents.kind import Installed, StartPlan
    from iterm_mcp.models.agent_lives import AgentOrder


async def fingerprint(
    order: AgentOrder, installed: Installed, plan: StartPlan, environ: Mapping[str, str]
) -> str:
    """Return a word that is another when anything of this is.

    That is the program with its version, its arguments, environment and settings, the agent's
    directory, role and teams, and the state of the files that its kind reads at its start.

    Args:
        environ: Where the person's own folders are.
    """
    paths = configuration_files(order.kind, order.directory, environ)
    depends = (
        (installed.path, installed.version, sorted(installed.features)),
        (plan.command, plan.arguments, sorted(plan.environment.items())),
        sorted((str(path), text) for path, text in plan.files.items()),
        (order.directory, order.role, order.teams, order.keep, order.template),
        sorted(order.environment.items()),
        await to_thread.run_sync(configuration_state, paths),
    )
    return hashlib.sha256(repr(depends).encode()).hexdigest()
