"""The user's rules as they stand in their file now."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
import structlog

from iterm_mcp.services.approvals.policies import Policy, PolicyRequest, command_of, paths_of
from iterm_mcp.services.approvals.rules import PolicyError, parse_rules
from iterm_mcp.services.deliveries.cascade import ancestry

if TYPE_CHECKING:
    from iterm_mcp.models.agents import Agent, Registry
    from iterm_mcp.services.approvals.dialogs import Dialog
    from iterm_mcp.services.approvals.policies import Verdict

MAX_BYTES = 1 << 20

log = structlog.get_logger()


class PolicyFile:
    """Rules that are read anew when their file has changed.

    Without a file there are none. With one that cannot be used there are none either, so that a
    person is asked about everything, and `problem` says why.

    Attributes:
        problem: Why the file cannot be used; empty when it can, or when there is none.
    """

    def __init__(self, path: str, *, home: str = "") -> None:
        self.path = path
        self._home = home or os.path.expanduser("~")  # noqa: PTH111 - a text in patterns
        self._stamp: tuple[int, int, int] | None = None
        self._policy = Policy()
        self.problem = ""

    async def current(self) -> Policy:
        """Return the rules as they stand in the file now."""
        return await anyio.to_thread.run_sync(self._read)

    async def decide(self, agent: Agent, registry: Registry, dialog: Dialog, cwd: str) -> Verdict:
        """Return what the rules say of a dialog.

        Args:
            cwd: The agent's working directory, to which paths in the tool's input are relative.
        """

        def work() -> Verdict:
            return self._read().decide(policy_request(agent, registry, dialog, cwd))

        return await anyio.to_thread.run_sync(work)

    def _read(self) -> Policy:
        try:
            found = os.stat(self.path)  # noqa: PTH116 - the path is a text everywhere
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                self._policy, self._stamp = self._parse(found.st_size), stamp
        except FileNotFoundError:
            self._policy, self._stamp, self.problem = Policy(), None, ""
        except (OSError, UnicodeDecodeError, PolicyError) as error:
            self._fail(str(error) if isinstance(error, PolicyError) else f"cannot be read: {error}")
            self._stamp = None
        return self._policy

    def _parse(self, size: int) -> Policy:
        if size > MAX_BYTES:
            raise PolicyError(f"{size} bytes are more than {MAX_BYTES}", line=None)
        policy = parse_rules(Path(self.path).read_text("utf-8"), home=self._home)
        self.problem = ""
        return policy

    def _fail(self, why: str) -> None:
        if why != self.problem:
            log.warning("approval_rules_unusable", path=self.path, reason=why)
        self.problem, self._policy = why, Policy()


def policy_request(
    agent: Agent, registry: Registry, dialog: Dialog, cwd: str = ""
) -> PolicyRequest:
    """Return a dialog as rules look at it. It looks at the disk, for links; run it in a thread."""
    parents = {team.name: team.parent for team in registry.teams}
    teams = {one for team in agent.teams for _, one in ancestry(team, parents)}
    plain = paths_of(dialog.input, cwd)
    real = {os.path.realpath(one) for one in plain}
    return PolicyRequest(
        agent.name,
        frozenset(teams),
        agent.role,
        dialog.asks,
        dialog.tool,
        command_of(dialog.input),
        tuple(sorted({*plain, *real})),
        dialog.exact,
    )
