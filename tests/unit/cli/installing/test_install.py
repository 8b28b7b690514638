"""The verbs `install` and `uninstall` in a home of their own, without any client's command."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from iterm_mcp.cli import app
from iterm_mcp.cli.install import ClientName
from iterm_mcp.cli.installing.clients import CLIENTS, Machine
from iterm_mcp.cli.installing.errors import ConfigError
from iterm_mcp.cli.installing.installer import Installer
from iterm_mcp.cli.installing.record import Record
from iterm_mcp.cli.installing.server_entry import Server, merged, own_command
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from typer.testing import Result

NAMES = [one.name for one in CLIENTS]

GIVEN = {
    "claude-desktop": '{\n\t"mcpServers": {\n\t\t"other": {"command": "x"}\n\t}, "a": 1\n}',
    "claude-code": '{\n  "userID": "é",\n  "projects": {}\n}',
    "codex": "# mine\nmodel = 'o3'\n\n[mcp_servers.other]\ncommand = 'x'",
    "gemini": '// mine\n{"ui": {"theme": "dark"}, "mcpServers": {}}\n',
}


class Home:
    """A home folder with nothing on its PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.machine = Machine({"HOME": str(folder), "PATH": ""})

    def file(self, name: str) -> Path:
        client = next(one for one in CLIENTS if one.name == name)
        return client.file(self.machine)

    def give(self, name: str) -> Path:
        """Have a client be there, with a configuration of its user's."""
        path = self.file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(GIVEN[name].encode())
        return path

    def entry(self, name: str) -> dict[str, object]:
        text = self.file(name).read_text("utf-8")
        client = next(one for one in CLIENTS if one.name == name)
        found = client.entry(text, "iterm-mcp")
        assert isinstance(found, dict), text
        return found

    def files(self) -> dict[str, bytes]:
        """Return all that stands in the home, but for our own state."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and "state" not in path.relative_to(self.folder).parts
        }


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("ITERM_MCP_HOME", str(tmp_path / "state"))
    return Home(tmp_path)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize("name", NAMES)
def test_a_client_is_given_the_server_and_the_rest_stays(home: Home, name: str) -> None:
    path = home.give(name)
    result = run("install", name)
    assert result.exit_code == 0, result.output
    assert home.entry(name)["command"]
    assert "other" not in GIVEN[name] or "other" in path.read_text("utf-8")
    (backup,) = path.parent.glob(f"{path.name}.*.backup")
    assert backup.read_bytes() == GIVEN[name].encode()
    assert str(backup) in result.stdout


@pytest.mark.parametrize("name", NAMES)
def test_taking_it_out_again_leaves_no_trace(home: Home, name: str) -> None:
    home.give(name)
    before = home.files()
    run("install", name)
    run("install", name, "--tier", "read")
    result = run("uninstall", name)
    assert result.exit_code == 0, result.output
    assert "is what it was before" in result.stdout
    assert home.files() == before


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_was_not_there_goes_again(home: Home, name: str) -> None:
    run("install", name)
    path = home.file(name)
    assert path.stat().st_mode & 0o777 == 0o600
    assert home.entry(name)["command"]
    assert "was not there before" in run("uninstall", name).stdout
    assert home.files() == {}


@pytest.mark.parametrize("name", NAMES)
def test_what_the_user_has_changed_since_stays(home: Home, name: str) -> None:
    path = home.give(name)
    run("install", name)
    is_toml = path.suffix == ".toml"
    old, new = ("'o3'", "'o4'") if is_toml else ('"', '"since": 1, "')
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    result = run("uninstall", name)
    assert "the rest is as it was" in result.stdout
    newline = "\n" if is_toml else ""  # what we added to came to an end of line
    assert path.read_text("utf-8") == GIVEN[name].replace(old, new, 1) + newline


@pytest.mark.parametrize("name", NAMES)
def test_doing_it_twice_changes_nothing(home: Home, name: str) -> None:
    home.give(name)
    run("install", name)
    before = home.files()
    result = run("install", name)
    assert "has it already" in result.stdout
    assert home.files() == before


@pytest.mark.parametrize("name", NAMES)
def test_a_dry_run_shows_a_diff_and_changes_nothing(home: Home, name: str) -> None:
    path = home.give(name)
    before = home.files()
    result = run("install", name, "--dry-run")
    assert home.files() == before
    assert not (home.folder / "state").exists()
    assert f"--- {path}\n+++ {path}\n@@" in result.stdout
    assert "iterm-mcp" in "".join(
        line for line in result.stdout.splitlines() if line.startswith("+")
    )
    run("install", name)
    after = home.files()
    result = run("uninstall", name, "--dry-run")
    assert f"--- {path}\n+++ {path}\n@@" in result.stdout
    assert home.files() == after


def test_a_dry_run_of_a_new_file_shows_it_whole(home: Home) -> None:
    result = run("install", "codex", "--dry-run")
    assert f"--- /dev/null\n+++ {home.file('codex')}\n" in result.stdout
    assert "+[mcp_servers.iterm-mcp]\n" in result.stdout


def test_without_a_name_all_that_are_here_are_meant(home: Home) -> None:
    home.give("codex")
    home.give("gemini")
    assert run("install").exit_code == 0
    assert home.entry("codex") == home.entry("gemini")
    assert not home.file("claude-code").exists()
    removed = run("uninstall")
    assert removed.stdout.count("is what it was before") == 2
    assert "no client has it" in run("uninstall").stdout


def test_where_no_client_is_it_says_which_there_are(home: Home) -> None:
    result = run("install")
    assert result.exit_code == 1
    assert "claude-desktop|claude-code|codex|gemini" in result.stderr
    assert home.files() == {}


def test_a_client_that_is_named_and_does_not_have_it_says_so(home: Home) -> None:
    home.give("codex")
    assert "does not have it" in run("uninstall", "codex").stdout


def test_a_broken_configuration_is_refused_with_its_line_and_the_others_go_on(home: Home) -> None:
    path = home.give("claude-desktop")
    path.write_text('{\n  "mcpServers": {\n    oops\n', "utf-8")
    home.give("codex")
    before = path.read_bytes()
    result = run("install", "claude-desktop", "codex")
    assert result.exit_code == 1
    assert "line 3" in result.stderr
    assert str(path) in result.stderr
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    assert home.entry("codex")


@pytest.mark.parametrize(
    ("data", "reason"), [(b'{"a": "\xff"}', "not UTF-8: line 1"), (None, "not a plain file")]
)
def test_what_is_no_text_file_is_refused(home: Home, data: bytes | None, reason: str) -> None:
    path = home.file("gemini")
    path.parent.mkdir()
    if data is None:
        path.mkdir()
    else:
        path.write_bytes(data)
    result = run("install", "gemini")
    assert result.exit_code == 1
    assert reason in result.stderr


def test_a_read_only_file_is_left_alone(home: Home) -> None:
    path = home.give("gemini")
    path.chmod(0o444)
    before = home.files()
    result = run("install", "gemini")
    assert "read-only" in result.stderr
    assert home.files() == before


def test_a_link_stays_a_link_and_the_mode_stays(home: Home) -> None:
    path = home.give("codex")
    target = home.folder / "dotfiles" / "codex.toml"
    target.parent.mkdir()
    path.rename(target)
    target.chmod(0o640)
    path.symlink_to("../dotfiles/codex.toml")
    run("install", "codex")
    assert path.is_symlink()
    assert "iterm-mcp" in target.read_text("utf-8")
    assert target.stat().st_mode & 0o777 == 0o640
    (backup,) = path.parent.glob("*.backup")
    assert backup.stat().st_mode & 0o777 == 0o640
    run("uninstall", "codex")
    assert path.is_symlink()
    assert target.read_bytes() == GIVEN["codex"].encode()
    assert target.stat().st_mode & 0o777 == 0o640


def test_limits_and_variables_go_into_the_entry_and_setting_up_anew_keeps_them(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_HERE", "2")
    words = ("--tier", "read", "--tools", "core", "--env", "A=1=1", "--env", "FROM_HERE")
    assert run("install", "codex", *words).exit_code == 0
    first = home.entry("codex")
    args = first["args"]
    assert isinstance(args, list)
    assert args[-4:] == ["--tier", "read", "--tools", "core"]
    assert first["env"] == {"A": "1=1", "FROM_HERE": "2"}
    path = home.file("codex")
    path.write_text(
        path.read_text("utf-8").replace("command = ", 'tool_timeout_sec = 9\ncommand = "old" #')
    )
    run("install", "codex", "--env", "B=3")
    again = home.entry("codex")
    assert again == {
        **first,
        "tool_timeout_sec": 9,
        "env": {"A": "1=1", "FROM_HERE": "2", "B": "3"},
    }


@pytest.mark.parametrize(
    "words", [("--tier", "all"), ("--env", "=x"), ("--env", "NOT_SET_HERE"), ("vim",)]
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(
    home: Home, words: tuple[str, ...]
) -> None:
    result = run("install", "codex", *words)
    assert result.exit_code == 2
    assert home.files() == {}


def test_every_client_has_its_name_on_the_command_line() -> None:
    assert list(ClientName) == NAMES


@pytest.mark.parametrize(
    ("name", "platform", "environ", "file"),
    [
        ("claude-desktop", "darwin", {}, "Library/Application Support/Claude/*"),
        ("claude-desktop", "linux", {}, ".config/Claude/*"),
        ("claude-desktop", "linux", {"XDG_CONFIG_HOME": "/h/c"}, "c/Claude/*"),
        ("claude-code", "linux", {}, ".claude.json"),
        ("claude-code", "linux", {"CLAUDE_CONFIG_DIR": "/h/cc"}, "cc/.claude.json"),
        ("codex", "darwin", {}, ".codex/config.toml"),
        ("codex", "linux", {"CODEX_HOME": "/h/x"}, "x/config.toml"),
        ("gemini", "linux", {}, ".gemini/settings.json"),
        ("gemini", "linux", {"GEMINI_CLI_HOME": "/h/g"}, "g/.gemini/settings.json"),
    ],
)  # fmt: skip
def test_each_client_is_looked_for_where_it_looks(
    name: str, platform: str, environ: dict[str, str], file: str
) -> None:
    machine = Machine({"HOME": "/h", **environ}, platform)
    client = next(one for one in CLIENTS if one.name == name)
    file = file.replace("*", "claude_desktop_config.json")
    assert client.file(machine) == Path("/h") / file


def test_an_entry_for_another_kind_of_server_is_replaced_wholly() -> None:
    server = Server(("/bin/iterm-mcp",))
    assert merged({"type": "http", "url": "http://x"}, server) == {"command": "/bin/iterm-mcp"}
    assert merged({"command": "x", "args": ["--odd"]}, server) == {
        "command": "/bin/iterm-mcp",
        "args": [],
    }
    module = Server(("/bin/python", "-m", "iterm_mcp"))
    old = {"command": "x", "args": ["-m", "iterm_mcp", "--tier", "read"], "env": 1}
    assert merged(old, module) == {**old, "command": "/bin/python"}


def test_the_command_is_the_one_that_was_called_or_the_one_beside_the_interpreter(
    tmp_path: Path,
) -> None:
    called = tmp_path / "iterm-mcp"
    assert own_command("x", str(tmp_path / "python")) == (
        str(tmp_path / "python"),
        "-m",
        "iterm_mcp",
    )
    called.touch(0o755)
    assert own_command("x", str(tmp_path / "python")) == (str(called),)
    link = tmp_path / "bin" / "iterm-mcp"
    link.parent.mkdir()
    link.symlink_to(called)
    assert own_command(str(link), "/nowhere/python") == (str(link),)


class Fickle:
    """A client's command that writes something of its own, and perhaps what it was asked for."""

    def __init__(self, path: Path, *, obeys: bool) -> None:
        self.path = path
        self.obeys = obeys
        self.told: list[list[str]] = []

    def __call__(self, command: list[str]) -> None:
        self.told.append(command)
        value = json.loads(self.path.read_text("utf-8"))
        value["starts"] = value.get("starts", 0) + 1
        if self.obeys and "add-json" in command:
            value.setdefault("mcpServers", {})[command[-2]] = json.loads(command[-1])
        elif self.obeys:
            del value["mcpServers"][command[-1]]
        self.path.write_text(json.dumps(value), "utf-8")


@pytest.mark.parametrize("obeys", [True, False])
def test_a_client_that_writes_its_own_file_is_asked_first_and_helped_where_it_fails(
    home: Home,
    obeys: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    path = home.give("claude-code")
    program = home.folder / "claude"
    program.touch(0o755)
    machine = Machine({**home.machine.environ, "PATH": str(home.folder)})
    tells = Fickle(path, obeys=obeys)
    record = Record(str(home.folder / "state" / "installations.json"))
    installer = Installer(machine, record, FakeClock(), tells)
    client = next(one for one in CLIENTS if one.name == "claude-code")
    installer.install(client, installer.plan_install(client, Server(("/bin/iterm-mcp",))))
    assert tells.told[0][:6] == [str(program), "mcp", "add-json", "--scope", "user", "iterm-mcp"]
    assert home.entry("claude-code") == {"type": "stdio", "command": "/bin/iterm-mcp"}
    assert json.loads(path.read_text("utf-8"))["starts"] == 1
    path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    installer.uninstall(client, installer.plan_uninstall(client))
    assert tells.told[1][1:] == ["mcp", "remove", "--scope", "user", "iterm-mcp"]
    left = json.loads(path.read_text("utf-8"))
    assert left.pop("mcpServers", {}) == {}
    assert left == {**json.loads(GIVEN["claude-code"]), "starts": 2}


def test_a_file_that_changes_at_that_very_moment_is_not_overwritten(home: Home) -> None:
    path = home.give("gemini")
    installer = Installer(
        home.machine, Record(str(home.folder / "state" / "r.json")), FakeClock(), lambda _: None
    )
    client = next(one for one in CLIENTS if one.name == "gemini")
    change = installer.plan_install(client, Server(("/bin/iterm-mcp",)))
    path.write_text("{}", "utf-8")
    with pytest.raises(ConfigError, match="changed by another program"):
        installer.install(client, change)
    assert path.read_text("utf-8") == "{}"
    assert [one.name for one in path.parent.iterdir()] == ["settings.json"]


@pytest.mark.parametrize("left", ["{", "[]", '{"codex": {"odd": 1}}', '{"codex": 1}'])
def test_a_record_that_is_lost_leaves_our_entry_to_be_found_by_its_name(
    home: Home, left: str
) -> None:
    home.give("codex")
    run("install", "codex")
    (home.folder / "state" / "installations.json").write_text(left, "utf-8")
    assert "the rest is as it was" in run("uninstall", "codex").stdout
    assert tomllib.loads(home.file("codex").read_text("utf-8")) == tomllib.loads(GIVEN["codex"])


def test_a_backup_that_is_gone_leaves_our_entry_to_be_taken_out(home: Home) -> None:
    path = home.give("gemini")
    run("install", "gemini")
    next(path.parent.glob("*.backup")).unlink()
    assert "the rest is as it was" in run("uninstall", "gemini").stdout
    assert path.read_bytes() == GIVEN["gemini"].encode()


def test_two_backups_of_one_second_both_stay(home: Home) -> None:
    path = home.give("gemini")
    installer = Installer(
        home.machine, Record(str(home.folder / "state" / "r.json")), FakeClock(), lambda _: None
    )
    client = next(one for one in CLIENTS if one.name == "gemini")
    for number in range(2):
        path.write_text(f'{{"n": {number}}}', "utf-8")
        installer.install(client, installer.plan_install(client, Server(("/bin/iterm-mcp",))))
    kept = sorted(one.read_text("utf-8") for one in path.parent.glob("*.backup"))
    assert kept == ['{"n": 0}', '{"n": 1}']
