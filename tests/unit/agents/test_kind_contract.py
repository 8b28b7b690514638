"""The contract of agents' kinds, over each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contract.agent_kind_contract import AgentKindContract

from iterm_mcp.agents.described import read_described
from iterm_mcp.agents.kinds import BUILT_IN

if TYPE_CHECKING:
    from iterm_mcp.agents.kind import AgentKind

KINDS: list[AgentKind] = [*BUILT_IN, *read_described([]).kinds.values()]


class TestKinds(AgentKindContract):
    @pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
    def kind(self, request: pytest.FixtureRequest) -> AgentKind:
        kind: AgentKind = request.param
        return kind
