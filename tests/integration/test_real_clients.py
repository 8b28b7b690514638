"""The real MCP clients against our server, as far as they are on this machine.

``uv run scripts/clients.py --install`` brings them; nothing here needs a network or a login.
"""

from __future__ import annotations

import pytest
from scripts.acceptance.install import programs_of
from scripts.clients import CLIENTS, run
from scripts.conformance import REVISIONS, RUN_SECONDS
from scripts.conformance import run as run_suite

pytestmark = [pytest.mark.long, pytest.mark.headless, pytest.mark.timeout(RUN_SECONDS)]

CHECKS = [(client, check) for client, (_, checks) in CLIENTS.items() for check in checks]


@pytest.mark.parametrize(("client", "check"), CHECKS, ids=[check for _, check in CHECKS])
def test_a_real_client_gets_what_it_asks_for(client: str, check: str) -> None:
    result = run(client, check, [programs_of("clients")])
    if result.outcome == "not installed":
        pytest.skip(f"{client} is not installed")
    assert result.outcome == "worked", result.detail


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_a_revision_of_the_protocol_requires_is_there(revision: str) -> None:
    suite = programs_of("conformance") / "conformance"
    if not suite.exists():
        pytest.skip("the conformance suite is not installed")
    assert run_suite(suite, revision, verbose=False) == []
