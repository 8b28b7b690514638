"""Real shells mark their prompts by themselves, and are otherwise what they always were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.homes import open_home
from tests.integration.host.wire_client import open_wire
from tests.integration.programs import installed
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

SHELLS = ("bash", "zsh", "fish")
SECONDS = 10.0
OWN = {
    "bash": """
PROMPT_COMMAND='echo "before $?" >> ~/hooks'
trap '[[ $BASH_COMMAND == *__iterm_mcp* ]] || echo "debug $BASH_COMMAND" >> ~/hooks' DEBUG
PS1='\\w mine> '
HISTCONTROL=ignorespace
set -u
alias printf=false local=false
""",
    "zsh": """
mine() { echo "before $?" >> ~/hooks }
ours() { echo "run $1" >> ~/hooks }
precmd_functions+=(mine)
preexec_functions+=(ours)
PS1='%~ mine> '
setopt no_unset ksh_arrays sh_word_split warn_create_global
alias print=false
""",
    "fish": """
set -g fish_greeting
function fish_prompt
    echo "before $status" >> ~/hooks
    echo -n (prompt_pwd) 'mine> '
end
function mine --on-event fish_preexec
    echo "run $argv" >> ~/hooks
end
""",
}
"""What else stands in the last file: hooks, an own prompt, and what may break others' scripts."""

START_UP = {
    "bash": (".bash_profile",),
    "zsh": (".zshenv", ".zprofile", ".zshrc", ".zlogin"),
    "fish": (".config/fish/conf.d/first.fish", ".config/fish/config.fish"),
}


class Shell:
    """A shell in a session, seen through its prompts."""

    def __init__(self, wire: WireClient, session_id: str) -> None:
        self.wire = wire
        self.session_id = session_id

    async def prompt(self, prompt_id: str | None = None) -> Any:  # noqa: ANN401
        request = api_pb2.GetPromptRequest(session=self.session_id, unique_prompt_id=prompt_id)
        return await self.wire.ask(request)

    async def prompts(self) -> list[Any]:
        listed = await self.wire.ask(api_pb2.ListPromptsRequest(session=self.session_id))
        return [await self.prompt(one) for one in listed.unique_prompt_id]

    async def ready(self, other_than: str = "") -> Any:  # noqa: ANN401
        """Return the next prompt at which something can be typed."""

        def awaits(found: Any) -> object:  # noqa: ANN401
            return (
                found.status == found.OK
                and found.prompt_state == found.EDITING
                and found.HasField("command_range")
                and found.unique_prompt_id != other_than
            )

        return await eventually(self.prompt, awaits, within_seconds=SECONDS)

    async def type(self, text: str) -> None:
        await self.wire.ask(api_pb2.SendTextRequest(session=self.session_id, text=text))

    async def run(self, command: str) -> Any:  # noqa: ANN401
        """Run a command and return its prompt, after the next one has come."""
        before = await self.ready()
        await self.type(command + "\r")
        await self.ready(other_than=before.unique_prompt_id)
        return await self.prompt(before.unique_prompt_id)

    async def output(self, prompt: Any) -> list[str]:  # noqa: ANN401
        request = api_pb2.GetBufferRequest(session=self.session_id)
        request.line_range.windowed_coord_range.coord_range.CopyFrom(prompt.output_range)
        return [line.text for line in (await self.wire.ask(request)).contents]

    async def says(self, command: str) -> list[str]:
        return await self.output(await self.run(command))

    async def variable(self, name: str) -> Any:  # noqa: ANN401
        asked = api_pb2.VariableRequest(session_id=self.session_id, get=[name])
        return json.loads((await self.wire.ask(asked)).values[0])

    async def shows(self, text: str) -> None:
        async def screen() -> str:
            return "\n".join(await self.wire.text(self.session_id))

        await eventually(screen, lambda shown: text in shown, within_seconds=SECONDS)


async def open_shell(wire: WireClient, command: str, **properties: str) -> Shell:
    installed(command.split(maxsplit=1)[0])
    properties.setdefault("Close Sessions On End", "0")
    return Shell(wire, (await wire.open_window(command, **properties)).session_id)


@pytest.fixture(scope="module")
async def shells_home() -> AsyncIterator[Home]:
    """A home with start-up files, which say in a file that they ran."""
    async with open_home("headless") as home:
        folder = Path(home.environ["HOME"])
        for shell, names in START_UP.items():
            for name in names:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                own = OWN[shell] if name == names[-1] else ""
                path.write_text(f"echo {path.name} >> ~/started\n{own}")
        await home.start("host")
        yield home


@pytest.fixture
async def wire(shells_home: Home) -> AsyncIterator[WireClient]:
    async with open_wire(shells_home) as one:
        yield one
        listing = await one.ask(api_pb2.ListSessionsRequest())
        ids = [window.window_id for window in listing.windows]
        await one.ask(
            api_pb2.CloseRequest(windows=api_pb2.CloseRequest.CloseWindows(window_ids=ids))
        )


@pytest.fixture(params=SHELLS)
async def shell(request: pytest.FixtureRequest, wire: WireClient) -> Shell:
    return await open_shell(wire, f"{request.param} -l")


def name_of(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["shell"])


@pytest.mark.behaves("shell integration", source="C")
@pytest.mark.behaves("ShellIntegrationVersion", source="7.2")
async def test_the_first_prompt_is_known(
    shell: Shell, shells_home: Home, request: pytest.FixtureRequest
) -> None:
    first = await shell.ready()
    assert first.working_directory == shells_home.environ["HOME"]
    assert first.prompt_range.end.x > 0
    assert first.command == ""
    assert len(await shell.prompts()) == 1
    assert await shell.variable("shell") == name_of(request)
    assert await shell.variable("path") == shells_home.environ["HOME"]


@pytest.mark.behaves("shell integration", source="C")
@pytest.mark.answers("get_prompt_request", "OK", source="2.3")
async def test_a_commands_text_output_and_status_are_known(shell: Shell) -> None:
    said = await shell.run("echo one; echo two")
    assert (said.command, said.exit_status) == ("echo one; echo two", 0)
    assert await shell.output(said) == ["one", "two"]
    failed = await shell.run("false")
    assert (failed.prompt_state, failed.exit_status) == (failed.FINISHED, 1)
    assert await shell.variable("lastCommand") == "false"


async def test_a_long_command_is_known_whole(shell: Shell) -> None:
    command = "echo " + "word " * 40 + "end"
    assert (await shell.run(command)).command == command


async def test_a_command_that_is_interrupted_has_that_status(shell: Shell) -> None:
    before = await shell.ready()
    await shell.type("sleep 60\r")
    await eventually(
        lambda: shell.prompt(before.unique_prompt_id),
        lambda found: found.prompt_state == found.RUNNING,
        within_seconds=SECONDS,
    )
    await eventually(lambda: shell.variable("jobName"), lambda name: name == "sleep")
    await shell.type("\x03")
    await shell.ready(other_than=before.unique_prompt_id)
    found = await shell.prompt(before.unique_prompt_id)
    assert (found.command, found.exit_status) == ("sleep 60", 130)


async def test_the_directory_follows(shell: Shell, tmp_path: Path) -> None:
    strange = tmp_path / "ein Ordner; mit Ünsinn%20"
    strange.mkdir()
    await shell.run(f"cd '{strange}'")
    assert (await shell.ready()).working_directory == str(strange)
    assert await shell.variable("path") == str(strange)


async def test_a_command_of_several_lines_is_one(shell: Shell) -> None:
    found = await shell.run("echo 'one\r  two'")
    assert found.command == "echo 'one\n  two'"
    assert await shell.output(found) == ["one", "  two"]


@pytest.mark.behaves("blank", source="7.1")
@pytest.mark.behaves("abort", source="D")
async def test_an_empty_line_is_no_command(shell: Shell) -> None:
    failed = await shell.run("false")
    before = await shell.ready()
    await shell.type("\r")
    await shell.ready(other_than=before.unique_prompt_id)
    assert (await shell.prompt(failed.unique_prompt_id)).exit_status == 1
    assert await shell.variable("lastCommand") == "false"


async def test_what_is_typed_and_given_up_is_no_command(shell: Shell) -> None:
    await shell.run("true")
    before = await shell.ready()
    await shell.type("half a com")
    await eventually(
        lambda: shell.prompt(before.unique_prompt_id), lambda found: found.command == "half a com"
    )
    await shell.type("\x03")
    await shell.ready(other_than=before.unique_prompt_id)
    assert (await shell.prompt(before.unique_prompt_id)).status == before.PROMPT_UNAVAILABLE
    assert [one.command for one in await shell.prompts()] == ["true", ""]


async def test_clearing_the_screen_leaves_the_last_prompt_alone(shell: Shell) -> None:
    await shell.run("echo one")
    await shell.run("clear")
    (left,) = await shell.prompts()
    assert left.prompt_range.start.y == (await shell.ready()).prompt_range.start.y
    assert await shell.says("echo two") == ["two"]


async def test_the_prompt_is_known_after_it_was_drawn_anew_at_the_top(shell: Shell) -> None:
    await shell.run("echo one")
    await shell.type("half")
    await shell.shows("half")
    await shell.type("\x0c")

    async def rows() -> list[str]:
        return await shell.wire.text(shell.session_id)

    await eventually(rows, lambda shown: shown[0].endswith("half"), within_seconds=SECONDS)
    (left,) = await eventually(shell.prompts, lambda found: len(found) == 1)
    assert left.command == "half"
    await shell.type("\x15")
    assert await shell.says("echo two") == ["two"]


async def test_a_program_on_the_alternate_screen_moves_no_prompt(shell: Shell) -> None:
    await shell.run("echo before")
    found = await shell.run(r"command printf '\033[?1049h\033[2J\033[5;5Hfull\033[?1049l'")
    assert found.exit_status == 0
    assert [one.command for one in await shell.prompts()][:1] == ["echo before"]
    assert await shell.says("echo after") == ["after"]


async def test_the_users_own_files_run_in_their_order(
    shell: Shell, shells_home: Home, request: pytest.FixtureRequest
) -> None:
    await shell.ready()
    expected = [Path(one).name for one in START_UP[name_of(request)]]
    started = Path(shells_home.environ["HOME"]) / "started"
    assert started.read_text().splitlines()[-len(expected) :] == expected


async def test_programs_see_nothing_of_it(shell: Shell) -> None:
    await shell.run("env > seen")
    lines = await shell.says("grep -cE 'ITERM_MCP_(ENV|ZDOTDIR)|shell_integration|^ENV=' seen")
    assert lines == ["0"]


@pytest.mark.behaves("opting out", source="C")
async def test_it_can_be_refused(wire: WireClient, request: pytest.FixtureRequest) -> None:
    for name in SHELLS:
        refused = await open_shell(wire, name, **{"Load Shell Integration Automatically": "false"})
        await refused.type("echo a''b\r")
        await refused.shows("\nab")
        assert (await refused.prompts()) == [], request


@pytest.mark.behaves("opting out", source="C")
async def test_iterm2s_own_integration_is_left_alone(
    shell: Shell, request: pytest.FixtureRequest
) -> None:
    setting = "set -g {} Yes" if name_of(request) == "fish" else "{}=Yes"
    await shell.ready()
    await shell.type(setting.format("ITERM_SHELL_INTEGRATION_INSTALLED") + "\r")
    await shell.type("echo a''b\r")
    await shell.shows("\nab")
    assert len(await shell.prompts()) == 1


async def test_a_shell_in_the_shell_ends_as_a_command(shell: Shell) -> None:
    before = await shell.ready()
    await shell.type("bash --norc --noprofile\r")
    await shell.type("echo a''b; exit 7\r")
    await shell.ready(other_than=before.unique_prompt_id)
    found = await shell.prompt(before.unique_prompt_id)
    assert (found.command, found.exit_status) == ("bash --norc --noprofile", 7)
    assert "ab" in await shell.output(found)


async def test_the_users_own_prompt_and_hooks_go_on(shell: Shell, shells_home: Home) -> None:
    hooks = Path(shells_home.environ["HOME"]) / "hooks"
    first = await shell.ready()
    await shell.shows("~ mine> ")
    assert first.prompt_range.end.x == len("~ mine> ")
    hooks.write_text("")
    await shell.run("false")
    told = hooks.read_text().splitlines()
    assert told[-1] == "before 1"
    assert {"run false", "debug false"} & set(told)


async def test_a_prompt_that_is_changed_later_is_marked_too(
    shell: Shell, request: pytest.FixtureRequest
) -> None:
    fish = "function fish_prompt; echo -n 'new> '; end"
    await shell.run(fish if name_of(request) == "fish" else "PS1='new> '")
    assert (await shell.ready()).prompt_range.end.x == len("new> ")


async def test_a_document_inside_a_command_belongs_to_it(wire: WireClient) -> None:
    for name in ("bash", "zsh"):
        shell = await open_shell(wire, f"{name} -l")
        found = await shell.run("cat << X\rone\r two\rX")
        assert found.command.rstrip("\n") == "cat << X\none\n two\nX"
        assert await shell.output(found) == ["one", " two"]


async def test_what_is_shown_before_a_commands_output_is_no_part_of_the_command(
    wire: WireClient,
) -> None:
    bash = await open_shell(wire, "bash -l")
    await bash.run(r"PS0='started\n'")
    found = await bash.run("echo one")
    assert found.command == "echo one"
    assert await bash.output(found) == ["started", "one"]


async def test_zsh_marks_its_prompts_though_its_hooks_were_replaced_at_its_start(
    wire: WireClient, shells_home: Home, tmp_path: Path
) -> None:
    (tmp_path / ".zshrc").write_text("precmd_functions=()\nsetopt ksh_arrays no_unset\n")
    installed("zsh")
    environment = json.dumps({"HOME": str(tmp_path), "PATH": shells_home.environ["PATH"]})
    zsh = await open_shell(wire, "zsh", **{"iterm_mcp Environment": environment})
    first = await zsh.ready()
    assert first.prompt_range.end.x > 0
    assert await zsh.says("echo one") == ["one"]
    assert await zsh.says("sched") == [], "the user's own list is left alone"


async def test_strict_bash_lives_on(wire: WireClient) -> None:
    shell = await open_shell(wire, "bash -l")
    await shell.run("set -eux")
    assert (await shell.run("! true")).exit_status == 1
    assert await shell.says("set +x; echo $-") != []
    await shell.run(" : secret")
    assert (await shell.says("history | grep -c secret"))[-1] == "1"  # itself


async def test_bash_keeps_its_options_history_and_login(wire: WireClient, tmp_path: Path) -> None:
    ask = "{ shopt; shopt -o; echo ${HISTFILE-} $0 ${ENV-none} ${POSIXLY_CORRECT-none}; }"
    for arguments in ("", " -l"):
        seen = []
        for wanted in ("true", "false"):
            file = tmp_path / f"{wanted}{arguments}"
            shell = await open_shell(
                wire, f"bash{arguments}", **{"Load Shell Integration Automatically": wanted}
            )
            await shell.type(f"{ask} > '{file}'; echo do''ne\r")
            await shell.shows("\ndone")
            seen.append(file.read_text())
        assert seen[0] == seen[1]
        assert f"login_shell    \t{'on' if arguments else 'off'}" in seen[0]


async def test_bash_may_replace_itself(wire: WireClient) -> None:
    shell = await open_shell(wire, "bash -l")
    await shell.ready()
    await shell.type("export PS1; exec bash --norc\r")
    await shell.type("echo a''b\r")
    await shell.shows("\nab")
    await shell.shows("\n~ mine> ")
    assert len(await shell.prompts()) == 1


@pytest.mark.behaves("half a prompt", source="D")
async def test_a_command_is_known_where_ctrl_c_broke_off_the_drawing_of_fishs_prompt(
    wire: WireClient, shells_home: Home
) -> None:
    home = Path(shells_home.environ["HOME"])
    shell = await open_shell(wire, "fish -l")
    wait = "test -e ~/slow; and begin; touch ~/drawing; command sleep 60; end"
    await shell.run(f"function fish_prompt; {wait}; printf 'whole> '; end")
    before = await shell.ready()
    (home / "slow").touch()
    await shell.type("true\r")
    await eventually((home / "drawing").exists, within_seconds=SECONDS)
    (home / "slow").unlink()
    await shell.type("\x03")
    broken = await shell.prompt()
    assert broken.unique_prompt_id != before.unique_prompt_id
    assert not broken.HasField("command_range"), "its end never came"

    await shell.type("echo after\r")
    await shell.ready(other_than=broken.unique_prompt_id)

    ran = await shell.prompt(broken.unique_prompt_id)
    assert (ran.command, ran.exit_status) == ("echo after", 0)
    assert await shell.output(ran) == ["after"]
