"""Where things stand, worked out from an environment alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from iterm_mcp.paths import Paths, find_paths, make_private_folder

ON_LINUX = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has its own state folder")


def test_a_moved_home_holds_everything_that_is_ours() -> None:
    paths = find_paths({"HOME": "/home/ann", "ITERM_MCP_HOME": "/srv/state"})

    ours = {name: getattr(paths, name) for name in properties() if not name.startswith("library_")}

    assert paths.private
    assert [name for name, path in ours.items() if not path.startswith("/srv/state/")] == []
    assert len(set(ours.values())) == len(ours)


def test_the_library_finds_the_host_of_a_moved_home_below_the_users_own_home() -> None:
    paths = find_paths({"HOME": "/home/ann", "ITERM_MCP_HOME": "/srv/state"})
    folder = f"/home/ann/Library/Application Support/{paths.suite}"
    assert paths.library_socket == f"{folder}/private/socket"
    assert paths.host_socket == "/srv/state/host/private/socket"


def test_two_moved_homes_have_two_suites() -> None:
    one, two = (find_paths({"ITERM_MCP_HOME": state}) for state in ("/srv/one", "/srv/two"))
    assert one.suite != two.suite
    assert one.suite == find_paths({"ITERM_MCP_HOME": "/srv/one"}).suite


def test_a_moved_home_may_be_relative_or_below_the_users_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ann")
    assert find_paths({"ITERM_MCP_HOME": "here"}).state == f"{Path.cwd()}/here"
    assert find_paths({"ITERM_MCP_HOME": "~/here"}).state == "/home/ann/here"


def test_without_a_moved_home_the_host_stands_where_the_library_looks() -> None:
    paths = find_paths({"HOME": "/home/ann", "ITERM_MCP_HOME": ""})
    assert not paths.private
    assert paths.suite == "iterm-mcp"
    assert paths.host_socket == paths.library_socket
    assert paths.state.startswith("/home/ann/")


@ON_LINUX
@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({}, "/home/ann/.local/state/iterm-mcp"),
        ({"XDG_STATE_HOME": ""}, "/home/ann/.local/state/iterm-mcp"),
        ({"XDG_STATE_HOME": "/srv/xdg"}, "/srv/xdg/iterm-mcp"),
    ],
)
def test_state_stands_in_the_desktop_standards_folder(given: dict[str, str], state: str) -> None:
    assert find_paths({"HOME": "/home/ann"} | given).state == state


@ON_LINUX
def test_a_relative_state_folder_is_ignored_as_the_standard_wants() -> None:
    """It would mean another folder to the daemon, which runs elsewhere."""
    paths = find_paths({"HOME": "/home/ann", "XDG_STATE_HOME": "state"})
    assert paths.state == "/home/ann/.local/state/iterm-mcp"


def test_this_process_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITERM_MCP_HOME", "/srv/mine")
    assert find_paths().state == "/srv/mine"


def test_a_user_without_a_home_variable_has_the_one_of_the_system() -> None:
    assert find_paths({}).user_home == os.path.expanduser("~")  # noqa: PTH111 - strings, as there


def test_a_private_folder_is_the_owners_alone_even_when_it_was_not(tmp_path: Path) -> None:
    open_to_all = tmp_path / "old"
    open_to_all.mkdir(mode=0o755)
    new = tmp_path / "deep" / "new"
    for folder in (open_to_all, new):
        make_private_folder(str(folder))
        assert folder.stat().st_mode & 0o777 == 0o700


def properties() -> list[str]:
    return [name for name, value in vars(Paths).items() if isinstance(value, property)]
