"""The verbs as far as they need no process: what they print, and with which exit code they end."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from iterm_mcp import __version__
from iterm_mcp.cli import app
from iterm_mcp.paths import find_paths, make_private_folder
from iterm_mcp.processes import InstanceLock

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from iterm_mcp.paths import Paths


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ITERM_MCP_HOME", str(tmp_path / "state"))
    found = find_paths()
    make_private_folder(found.state)
    return found


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def announce(paths: Paths, pid: int, http: str = "http://127.0.0.1:7717") -> None:
    with open(paths.daemon_info, "w", encoding="utf-8") as file:  # noqa: PTH123 - a string
        json.dump({"pid": pid, "http": http}, file)


@pytest.mark.parametrize("word", ["version", "--version"])
def test_the_version_is_printed(word: str) -> None:
    assert run(word).stdout == f"{__version__}\n"


@pytest.mark.parametrize("words", [(), ("daemon",), ("host",)])
def test_a_verb_that_needs_another_word_shows_which_there_are(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert "Usage" in result.output


@pytest.mark.parametrize("name", ["daemon", "host"])
@pytest.mark.usefixtures("paths")
def test_what_does_not_run_says_so_and_how_to_start_it(name: str) -> None:
    result = run(name, "status")
    assert result.exit_code == 1
    assert f"no {name} runs" in result.stdout
    assert f"iterm-mcp {name} start" in result.stdout


@pytest.mark.parametrize("name", ["daemon", "host"])
@pytest.mark.usefixtures("paths")
def test_programs_are_told_in_json(name: str) -> None:
    result = run(name, "status", "--json")
    assert result.exit_code == 1
    status = json.loads(result.stdout)
    assert (status["running"], status["pid"]) == (False, None)


@pytest.mark.parametrize("name", ["daemon", "host"])
@pytest.mark.usefixtures("paths")
def test_what_does_not_run_is_stopped_already(name: str) -> None:
    result = run(name, "stop")
    assert (result.exit_code, result.stdout) == (0, f"no {name} runs\n")


def test_a_running_daemon_tells_where_it_is(paths: Paths) -> None:
    announce(paths, os.getpid())
    with InstanceLock(paths.daemon_lock).acquire():
        shown = run("daemon", "status")
        status = json.loads(run("daemon", "status", "--json").stdout)
    assert shown.exit_code == 0
    assert shown.stdout == (
        f"daemon {os.getpid()} serves {paths.daemon_socket} and http://127.0.0.1:7717\n"
    )
    assert (status["running"], status["pid"]) == (True, os.getpid())
    assert status["http"] == "http://127.0.0.1:7717"


@pytest.mark.parametrize("left", ["other", "nonsense", "nothing"])
def test_the_words_of_a_dead_daemon_do_not_count(paths: Paths, left: str) -> None:
    if left == "other":
        announce(paths, 1)
    elif left != "nothing":
        with open(paths.daemon_info, "w", encoding="utf-8") as file:  # noqa: PTH123 - a string
            file.write("{")
    with InstanceLock(paths.daemon_lock).acquire():
        result = run("daemon", "status")
    assert result.exit_code == 0
    assert result.stdout.endswith("and no HTTP\n")


@pytest.mark.usefixtures("logs_as_before")
@pytest.mark.parametrize("name", ["daemon", "host"])
def test_a_second_one_bows_out(paths: Paths, name: str) -> None:
    lock = {"daemon": paths.daemon_lock, "host": paths.host_lock}[name]
    with InstanceLock(lock).acquire():
        result = run(name, "run")
    assert result.exit_code == 0
    assert f"a {name} runs already, process {os.getpid()}" in result.stderr


def test_each_setting_that_makes_no_sense_is_named(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITERM_MCP_HTTP_PORT", "many")
    monkeypatch.setenv("ITERM_MCP_TERMINAL", "xterm")
    result = run("daemon", "run")
    assert result.exit_code == 2
    names = [line.split(":")[0] for line in result.stderr.splitlines()]
    assert sorted(names) == ["ITERM_MCP_HTTP_PORT", "ITERM_MCP_TERMINAL"]
    assert not os.path.exists(paths.daemon_lock)  # noqa: PTH110 - a string


def test_the_host_names_a_log_level_that_is_none(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITERM_MCP_LOG_LEVEL", "loud")
    result = run("host", "run")
    assert result.exit_code == 1
    assert "ITERM_MCP_LOG_LEVEL is 'loud'" in result.stderr
    assert not os.path.exists(paths.host_lock)  # noqa: PTH110 - a string


def test_a_script_is_given_what_it_needs_ready_for_a_shell(paths: Paths) -> None:
    with open(paths.host_cookie, "w", encoding="ascii") as file:  # noqa: PTH123 - a string
        file.write("it's secret\n")
    shown, values = run("host", "env"), json.loads(run("host", "env", "--json").stdout)
    assert shown.stdout.splitlines() == [
        f"export IT2_SUITE={paths.suite}",
        "export ITERM2_COOKIE='it'\"'\"'s secret'",
    ]
    assert values == {"IT2_SUITE": paths.suite, "ITERM2_COOKIE": "it's secret"}


@pytest.mark.usefixtures("paths")
def test_without_a_host_there_is_nothing_to_give_a_script() -> None:
    result = run("host", "env")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "iterm-mcp host start" in result.stderr
