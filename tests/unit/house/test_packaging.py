"""What is packed for others agrees with what is packed."""

from __future__ import annotations

import json
import struct
import tomllib
from pathlib import Path
from typing import Any

import pytest
from scripts.bundle import ICONS, contents, packed_too

import iterm_mcp
from iterm_mcp.access import TIER_VARIABLE, TIERS
from iterm_mcp.cli.installing.server_entry import NAME

ROOT = Path(__file__).resolve().parents[3]
PACKAGING = ROOT / "packaging"
PLUGIN = PACKAGING / "claude-code-plugin"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def load(*parts: str) -> dict[str, Any]:
    value = json.loads(PACKAGING.joinpath(*parts).read_text("utf-8"))
    assert isinstance(value, dict)
    return value


SERVER = load("server.json")
MANIFEST = load("mcpb", "manifest.json")
PLUGIN_MANIFEST = load("claude-code-plugin", ".claude-plugin", "plugin.json")


@pytest.mark.parametrize(
    "version",
    [
        SERVER["version"],
        *(package["version"] for package in SERVER["packages"]),
        MANIFEST["version"],
        PLUGIN_MANIFEST["version"],
    ],
)
def test_every_package_has_the_version_of_the_project(version: str) -> None:
    assert version == PROJECT["version"] == iterm_mcp.__version__


@pytest.mark.parametrize("manifest", [MANIFEST, PLUGIN_MANIFEST])
def test_every_package_has_the_name_and_licence_of_the_project(manifest: dict[str, Any]) -> None:
    assert (manifest["name"], manifest["license"]) == (PROJECT["name"], PROJECT["license"])


def test_the_registry_finds_in_the_readme_that_the_package_is_ours() -> None:
    assert f"<!-- mcp-name: {SERVER['name']} -->" in (ROOT / "README.md").read_text("utf-8")
    assert {package["identifier"] for package in SERVER["packages"]} == {PROJECT["name"]}
    assert len(SERVER["description"]) <= 100


def test_the_plugin_starts_the_command_that_is_installed_under_the_name_that_install_gives() -> (
    None
):
    servers = load("claude-code-plugin", ".mcp.json")["mcpServers"]
    assert list(servers) == [NAME]
    assert servers[NAME]["command"] in PROJECT["scripts"]


def test_the_tiers_that_are_offered_are_those_that_there_are() -> None:
    (tiers,) = (
        one["choices"]
        for one in SERVER["packages"][0]["environmentVariables"]
        if one["name"] == TIER_VARIABLE
    )
    assert tiers == list(TIERS)
    assert MANIFEST["user_config"]["tier"]["default"] in TIERS
    assert TIER_VARIABLE in MANIFEST["server"]["mcp_config"]["env"]


def test_the_bundle_holds_what_its_manifest_names_and_nothing_compiled() -> None:
    names = contents()
    assert {MANIFEST["icon"], MANIFEST["server"]["entry_point"], "uv.lock"} <= set(names)
    assert MANIFEST["server"]["mcp_config"]["args"][-1] in PROJECT["scripts"]
    assert not [name for name in names if "__pycache__" in name]


def test_the_bundle_holds_what_the_package_is_made_of_besides_its_source() -> None:
    folders = packed_too()
    assert folders
    for folder in folders:
        held = {name for name in contents() if name.startswith(f"{folder}/")}
        assert held == {f"{folder}/{one.name}" for one in (ROOT / folder).iterdir()}


@pytest.mark.parametrize("icon", ICONS, ids=lambda path: path.parent.name)
def test_an_icon_is_a_square_of_512_pixels(icon: Path) -> None:
    data = icon.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (512, 512)


def test_the_plugin_names_the_tools_that_there_are() -> None:
    skill = (PLUGIN / "skills" / "terminals" / "SKILL.md").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    named = {word for word in skill.replace("`", " ` ").split() if "_" in word} - {"session_id"}
    assert named
    assert {name for name in named if f"| `{name}` |" not in readme} == set()
