"""What the doctor finds where no process is needed to find it, and what it says is to be done."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from iterm_mcp import __version__
from iterm_mcp.cli import app
from iterm_mcp.cli.checking import (
    client_entries,
    installation,
    limits,
    programs,
    round_trip,
    state_folder,
)
from iterm_mcp.cli.installing.clients import Machine
from iterm_mcp.paths import find_paths, make_private_folder
from iterm_mcp.processes import InstanceLock
from iterm_mcp.services.resources.cgroups import Found, Groups
from iterm_mcp.services.resources.opening import SystemGroups

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.cli.checking.finding import Finding
    from iterm_mcp.paths import Paths


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    for name in [one for one in os.environ if one.startswith("ITERM_MCP_")]:
        monkeypatch.delenv(name)
    for name in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("ITERM_MCP_HOME", str(tmp_path / "s"))
    found = find_paths()
    make_private_folder(found.state)
    return found


def only(findings: Iterable[Finding]) -> Finding:
    """Return the one finding; what is wrong must come with what to do."""
    (one,) = findings
    assert one.hint or one.level == "ok"
    return one


def write(path: str, text: str, mode: int = 0o600) -> None:
    Path(path).write_text(text, "utf-8")
    Path(path).chmod(mode)


def test_the_version_is_named() -> None:
    assert __version__ in only(installation.check_installation((3, 11))).text


def test_an_old_python_is_told() -> None:
    assert only(installation.check_installation((3, 10))).level == "fail"


@pytest.mark.usefixtures("paths")
def test_a_setting_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(installation.check_settings()).level == "ok"
    monkeypatch.setenv("ITERM_MCP_HTTP_PORT", "many")
    found = only(installation.check_settings())
    assert (found.level, found.text.split(":")[0]) == ("fail", "ITERM_MCP_HTTP_PORT")


def test_it_is_told_what_pictures_there_are_and_what_more_there_could_be() -> None:
    assert "draws PNG" in only(installation.check_pictures()).text
    without = only(installation.check_pictures("no_such_renderer"))
    assert (without.level, "iterm-mcp[png]" in without.hint) == ("ok", True)


def test_the_emulator_is_tried() -> None:
    assert only(installation.check_emulator()).level == "ok"


def test_an_emulator_that_does_not_fit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iterm_mcp.host.selfcheck._REPLY", b"another")
    found = only(installation.check_emulator())
    assert found.level == "fail"
    assert "reply" in found.text


def test_an_emulator_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("iterm_mcp.host.selfcheck", raising=False)
    monkeypatch.setitem(sys.modules, "iterm_mcp.host.selfcheck", None)
    assert "cannot be loaded" in only(installation.check_emulator()).text


def test_a_folder_of_ones_own_is_well(paths: Paths) -> None:
    assert only(state_folder.check_folder(paths)).level == "ok"


def test_a_folder_that_others_may_enter_is_told(paths: Paths) -> None:
    Path(paths.state).chmod(0o755)
    found = only(state_folder.check_folder(paths))
    assert found.level == "warn"
    assert "mode 755" in found.text
    assert f"chmod 700 '{paths.state}'" in found.hint


def test_a_folder_that_is_none_is_told(paths: Paths) -> None:
    Path(paths.state).rmdir()
    assert "made at the first start" in only(state_folder.check_folder(paths)).text
    Path(paths.state).touch()
    assert "is no folder" in only(state_folder.check_folder(paths)).text


def test_what_others_own_and_what_cannot_be_written_is_told(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "not writable" in only(state_folder.check_folder(paths)).text
    monkeypatch.setattr("os.getuid", lambda: 99_999)
    assert "belongs to another user" in only(state_folder.check_folder(paths)).text
    Path(paths.state).rmdir()
    assert "nothing may be made" in only(state_folder.check_folder(paths)).text


def test_a_path_too_long_for_a_socket_is_told() -> None:
    long = find_paths({"HOME": "/nowhere", "ITERM_MCP_HOME": "/nowhere/" + "x" * 100})
    found = next(iter(state_folder.check_folder(long)))
    assert found.level == "fail"
    assert "ITERM_MCP_HOME" in found.hint


@pytest.mark.parametrize(
    ("text", "mode", "level", "words"),
    [
        (None, 0, "ok", "first daemon"),
        ("secret\n", 0o600, "ok", "yours alone"),
        ("secret\n", 0o644, "fail", "others may read it"),
        ("\n", 0o600, "warn", "is empty"),
        ("é", 0o600, "fail", "it is no token"),
    ],
)
def test_the_token_is_looked_at(
    paths: Paths, text: str | None, mode: int, level: str, words: str
) -> None:
    if text is not None:
        write(paths.token, text, mode)
    found = only(state_folder.check_token(paths))
    assert (found.level, words in found.text) == (level, True)
    assert "secret" not in found.text + found.hint


def test_a_token_that_is_no_file_is_told(paths: Paths) -> None:
    Path(paths.token).mkdir()
    assert "directory" in only(state_folder.check_token(paths)).text


@pytest.mark.parametrize(("free", "level"), [(1 << 40, "ok"), (500 << 20, "warn"), (1, "fail")])
def test_room_is_looked_for(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free}))
    assert only(state_folder.check_disk(paths)).level == level


def test_a_socket_that_nobody_has_is_told(paths: Paths) -> None:
    assert only(state_folder.check_sockets(paths)).level == "ok"
    Path(paths.daemon_socket).touch()
    found = only(state_folder.check_sockets(paths))
    assert (found.level, "was left" in found.text) == ("warn", True)


def test_a_program_that_runs_and_never_listens_is_told(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_folder, "START_SECONDS", 0.0)
    monkeypatch.setattr(state_folder, "sleep", lambda _: None)
    monkeypatch.setattr(state_folder, "accepts", lambda _: False)
    with InstanceLock(paths.host_lock).acquire():
        found = only(state_folder.check_sockets(paths))
    assert (found.level, f"process {os.getpid()}, does not" in found.text) == ("fail", True)


def test_a_program_that_has_just_started_is_given_time_to_listen(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [False, False, True]
    monkeypatch.setattr(state_folder, "sleep", lambda _: None)
    monkeypatch.setattr(state_folder, "accepts", lambda _: answers.pop(0))
    with InstanceLock(paths.host_lock).acquire():
        assert only(state_folder.check_sockets(paths)).level == "ok"
    assert answers == []


@pytest.mark.parametrize(
    ("groups", "words"),
    [(None, "every other second, since it has none"), (Groups(Path("/g"), ("memory",)), "holds")],
    ids=["watched", "held"],
)
def test_who_holds_limits_is_said(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, groups: Groups | None, words: str
) -> None:
    reason = "it has none" if groups is None else "the system holds memory"
    monkeypatch.setattr(SystemGroups, "possible", lambda _self: Found(groups, reason))
    found = only(limits.check_limits(paths))
    assert (found.level, words in found.text) == ("ok", True)


@pytest.mark.usefixtures("paths")
def test_where_nothing_runs_nothing_is_wrong(paths: Paths) -> None:
    assert "first client starts it" in only(programs.check_daemon(paths)).text
    assert list(programs.check_http(paths)) == []
    assert "daemon starts it" in only(programs.check_terminal(paths, "linux")).text


def test_a_daemon_of_another_version_is_told(paths: Paths) -> None:
    write(paths.daemon_info, json.dumps({"pid": os.getpid(), "version": "0.0.1"}))
    with InstanceLock(paths.daemon_lock).acquire():
        found = only(programs.check_daemon(paths))
        assert (found.level, "0.0.1" in found.text) == ("warn", True)
        write(paths.daemon_info, json.dumps({"pid": os.getpid(), "version": __version__}))
        assert only(programs.check_daemon(paths)).level == "ok"
        write(paths.daemon_info, "[")
        assert "unknown version" in only(programs.check_daemon(paths)).text


def test_a_daemon_without_an_address_is_told(paths: Paths) -> None:
    write(paths.token, "secret")
    with InstanceLock(paths.daemon_lock).acquire():
        found = only(programs.check_http(paths))
    assert (found.level, "does not answer" in found.text) == ("fail", True)
    assert "daemon.log" in found.hint


def test_a_daemon_that_has_just_started_is_given_time_to_have_its_terminal(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [["no terminal is connected yet"], [], ["gone"]]
    monkeypatch.setattr(programs, "_problems", lambda _url: said.pop(0))
    monkeypatch.setattr(programs, "sleep", lambda _seconds: None)
    write(paths.daemon_info, json.dumps({"pid": os.getpid(), "http": "http://127.0.0.1:1"}))
    with InstanceLock(paths.daemon_lock).acquire():
        found = only(programs.check_terminal(paths, "linux", wait_seconds=60))
        assert found.level == "ok"
        *_, last = programs.check_terminal(paths, "linux")
    assert (last.level, last.text) == ("fail", "gone")


def test_what_the_host_warns_of_is_told(paths: Paths) -> None:
    write(paths.host_info, json.dumps({"pid": os.getpid(), "warning": "few descriptors"}))
    with InstanceLock(paths.host_lock).acquire():
        assert only(programs.check_terminal(paths, "linux")).text == "few descriptors"
        write(paths.host_info, json.dumps({"pid": os.getpid()}))
        assert "runs" in only(programs.check_terminal(paths, "linux")).text


@pytest.mark.parametrize(
    ("platform", "asked", "levels", "words"),
    [
        ("linux", "iterm2", ["fail"], "Unset ITERM_MCP_TERMINAL"),
        ("darwin", "iterm2", ["fail"], "Enable Python API"),
        ("darwin", "", ["warn", "ok"], "Enable Python API"),
        ("darwin", "headless", ["ok"], ""),
    ],
)
def test_where_iterm2_does_not_answer_it_says_what_to_enable(
    paths: Paths,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    asked: str,
    levels: list[str],
    words: str,
) -> None:
    monkeypatch.setenv("ITERM_MCP_TERMINAL", asked)
    monkeypatch.setattr(programs, "accepts", lambda _: False)
    found = list(programs.check_terminal(paths, platform))
    assert [one.level for one in found] == levels
    assert words in found[0].hint


def test_an_iterm2_that_answers_is_all_that_is_needed(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "accepts", lambda _: True)
    assert "iTerm2" in only(programs.check_terminal(paths, "darwin")).text


def test_nothing_is_started_where_that_was_asked_for(paths: Paths) -> None:
    found = only(round_trip.check_round_trip(paths, ["/nowhere"], start=False))
    assert (found.level, "--no-start" in found.text) == ("warn", True)


def test_a_bug_of_ours_is_not_told_as_a_finding() -> None:
    with pytest.raises(ZeroDivisionError):
        round_trip._reasons(ExceptionGroup("", [ZeroDivisionError()]))
    group = ExceptionGroup("", [OSError("gone"), ExceptionGroup("", [TimeoutError()])])
    assert round_trip._reasons(group) == ["gone", "no end after 60 s"]


def clients(paths: Paths, program: str = "/nowhere/iterm-mcp") -> list[Finding]:
    machine = Machine({"HOME": paths.user_home, "PATH": ""}, "linux")
    return list(client_entries.check_clients(machine, [program]))


def give(paths: Paths, command: str, client: str = ".gemini/settings.json") -> str:
    """Have a client start our server with this command; return where that stands."""
    path = Path(paths.user_home, client)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"mcpServers": {"x": {"command": command}, "y": 1}}), "utf-8")
    return str(path)


def executable(paths: Paths, name: str = "iterm-mcp") -> str:
    path = Path(paths.user_home, name)
    path.touch(0o755)
    return str(path)


def test_without_a_client_it_says_how_to_set_one_up(paths: Paths) -> None:
    assert "iterm-mcp install" in only(clients(paths)).hint


def test_a_client_that_starts_this_program_is_well(paths: Paths) -> None:
    program = executable(paths)
    give(paths, program)
    found = only(clients(paths, program))
    assert (found.level, found.text) == ("ok", f"x starts {program}")


def test_a_client_that_starts_another_one_is_told(paths: Paths) -> None:
    give(paths, executable(paths))
    found = only(clients(paths))
    assert (found.level, "and this is /nowhere" in found.text) == ("warn", True)


def test_a_client_that_starts_what_is_not_there_is_told(paths: Paths) -> None:
    give(paths, "/gone/iterm-mcp")
    found = only(clients(paths))
    assert (found.level, "is not there" in found.text) == ("fail", True)
    assert found.hint == "Run `iterm-mcp install gemini`."


def test_an_app_that_looks_on_a_path_of_its_own_is_told(paths: Paths) -> None:
    program = executable(paths)
    give(paths, "iterm-mcp", ".config/Claude/claude_desktop_config.json")
    machine = Machine({"HOME": paths.user_home, "PATH": paths.user_home}, "linux")
    found = only(client_entries.check_clients(machine, [program]))
    assert (found.level, "another PATH" in found.text) == ("warn", True)


def test_a_client_without_it_is_told_how_to_get_it(paths: Paths) -> None:
    give(paths, "/bin/other")
    found = only(clients(paths))
    assert (found.level, found.hint) == ("ok", "Run `iterm-mcp install gemini`.")


def test_a_configuration_that_cannot_be_read_is_told_with_its_line(paths: Paths) -> None:
    path = give(paths, "x")
    write(path, "{\n oops")
    found = only(clients(paths))
    assert (found.level, "line 2" in found.text) == ("fail", True)
    Path(path).unlink()
    Path(path).symlink_to(path)
    assert "symbolic links" in only(clients(paths)).text


def test_the_verdict_is_told_in_words_in_json_and_by_the_exit_code(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITERM_MCP_TERMINAL", "headless")
    shown = CliRunner().invoke(app, ["doctor", "--no-start"])
    assert shown.exit_code == 0, shown.output
    assert "2 warn, 0 fail" in shown.stdout
    assert f"ok    state folder: {paths.state} is yours alone" in shown.stdout
    write(paths.token, "secret", 0o644)
    told = CliRunner().invoke(app, ["doctor", "--no-start", "--json"])
    assert told.exit_code == 1
    body = json.loads(told.stdout)
    assert body["ok"] is False
    (failed,) = (one for one in body["findings"] if one["level"] == "fail")
    assert failed == {
        "level": "fail",
        "part": "token",
        "text": "others may read it",
        "hint": f"chmod 600 '{paths.token}'",
    }
