from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.errors import TerminalUnavailableError
from iterm_mcp.models.alerts import Severity
from iterm_mcp.models.notices import Form, Notice, SinkSettings, Via
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.alerts import desktop
from iterm_mcp.services.alerts.apprises import AppriseChannel
from iterm_mcp.services.alerts.desktop import MOST_BODY, DesktopChannel, plain, sequence
from iterm_mcp.services.alerts.mailing import MailChannel
from iterm_mcp.services.alerts.notifying import channels_over
from iterm_mcp.services.alerts.outbox import NotSentError
from iterm_mcp.services.alerts.webhooks import WebhookChannel
from iterm_mcp.testing import FakeTerminal

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTICE = Notice("n-1", datetime(2026, 1, 7, 12, tzinfo=UTC), Severity.WARNING, "a title", "a text")
EVIL = "a\x07b\x1b]0;x\x1b\\c\x9d52;c;aGk=\x9c\r\nd\u202ee\x00; <b>&amp;"
SINK = SinkSettings("here", Form.DESKTOP, "")


class Machine:
    """Programs that are there, and what was run of them."""

    def __init__(self, *names: str, code: int = 0, display: str = ":0") -> None:
        self.names = names
        self.code = code
        self.environ = {"DISPLAY": display}
        self.run_lines: list[Sequence[str]] = []
        self.fails = False

    def which(self, name: str) -> str | None:
        return f"/bin/{name}" if name in self.names else None

    async def run(self, command: Sequence[str]) -> int:
        self.run_lines.append(command)
        if self.fails:
            raise FileNotFoundError(2, "gone")
        return self.code

    def channel(
        self, terminal: FakeTerminal, via: Via = Via.AUTO, platform: str = "linux"
    ) -> DesktopChannel:
        return DesktopChannel(
            replace(SINK, via=via), terminal, run=self.run, which=self.which, platform=platform,
            environ=self.environ,
        )  # fmt: skip


async def opened() -> FakeTerminal:
    terminal = FakeTerminal()
    await terminal.open_session(Program())
    return terminal


async def test_a_program_of_the_machine_tells_it() -> None:
    machine, terminal = Machine("notify-send"), await opened()
    await machine.channel(terminal).send(replace(NOTICE, body="1 < 2 & -3"))
    assert machine.run_lines == [
        ("/bin/notify-send", "--app-name=iterm-mcp", "--", "iterm-mcp: a title",
         "1 &lt; 2 &amp; -3"),
    ]  # fmt: skip
    assert terminal.told == []


async def test_a_mac_has_programs_of_its_own() -> None:
    terminal = await opened()
    both, one = Machine("terminal-notifier", "osascript"), Machine("osascript")
    await both.channel(terminal, platform="darwin").send(NOTICE)
    await one.channel(terminal, platform="darwin").send(NOTICE)
    assert both.run_lines[0][:3] == ("/bin/terminal-notifier", "-title", "iterm-mcp: a title")
    assert one.run_lines[0][0] == "/bin/osascript"
    assert one.run_lines[0][-2:] == ("iterm-mcp: a title", "a text")


@pytest.mark.parametrize(
    ("machine", "platform"),
    [(Machine(), "linux"), (Machine(), "darwin"), (Machine("notify-send", display=""), "linux"),
     (Machine("notify-send", code=1), "linux")],
    ids=["nothing", "nothing on a mac", "no display", "failing"],
)  # fmt: skip
async def test_without_a_program_the_session_that_is_looked_at_tells_it(
    machine: Machine, platform: str
) -> None:
    terminal = await opened()
    looked_at = await terminal.open_session(Program())
    await terminal.activate_session(looked_at.session_id)
    await machine.channel(terminal, platform=platform).send(NOTICE)
    assert terminal.told == [
        (looked_at.session_id, "\x1b]9;iterm-mcp: a title - a text\x1b\\")
    ]  # fmt: skip


async def test_a_program_that_is_gone_since_is_none() -> None:
    machine, terminal = Machine("notify-send"), await opened()
    machine.fails = True
    await machine.channel(terminal).send(NOTICE)
    assert len(terminal.told) == 1


@pytest.mark.parametrize(("code", "names"), [(0, ()), (1, ("notify-send",))])
async def test_where_a_program_is_asked_for_nothing_else_is_tried(
    code: int, names: tuple[str, ...]
) -> None:
    terminal = await opened()
    with pytest.raises(NotSentError, match=r"program|notify-send") as caught:
        await Machine(*names, code=code).channel(terminal, Via.PROGRAM).send(NOTICE)
    assert caught.value.again
    assert terminal.told == []


async def test_without_anything_that_is_looked_at_nothing_is_told() -> None:
    with pytest.raises(NotSentError, match="no session"):
        await Machine().channel(FakeTerminal(), Via.OSC9).send(NOTICE)


async def test_a_terminal_that_is_away_may_be_back_later(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = await opened()

    async def away() -> None:
        raise TerminalUnavailableError("gone")

    monkeypatch.setattr(terminal, "list_sessions", away)
    with pytest.raises(NotSentError, match="gone") as caught:
        await Machine().channel(terminal).send(NOTICE)
    assert caught.value.again


async def test_what_shows_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desktop, "SECONDS", 0)
    with pytest.raises(NotSentError, match="in time"):
        await Machine().channel(await opened()).send(NOTICE)


@pytest.mark.parametrize("via", [Via.OSC9, Via.OSC777, Via.OSC99, Via.AUTO])
async def test_nothing_in_a_text_ends_or_begins_a_sequence(via: Via) -> None:
    terminal = await opened()
    before = (await terminal.read_screen((await terminal.list_sessions())[0].session_id)).lines
    hostile = replace(NOTICE, title=EVIL, body=EVIL, notice_id="x;p=close:\x07")
    await Machine().channel(terminal, via).send(hostile)
    after = (await terminal.read_screen((await terminal.list_sessions())[0].session_id)).lines
    assert after == before
    for _, one in terminal.told:
        inner = one.removeprefix("\x1b]").removesuffix("\x1b\\")
        assert inner.isprintable()
        assert inner.startswith(("9;iterm-mcp", "777;notify;iterm-mcp", "99;i=xpclose:d="))
    assert len(terminal.told) == (2 if via is Via.OSC99 else 1)


def test_kitty_is_told_in_base64() -> None:
    title, body, rest = sequence(Via.OSC99, "n-1", "títle", "a;b").split("\x1b\\")
    assert rest == ""
    assert b64decode(title.rpartition(";")[2]).decode() == "títle"
    assert b64decode(body.rpartition(";")[2]).decode() == "a;b"


def test_rxvts_title_ends_where_it_ends() -> None:
    assert sequence(Via.OSC777, "n", "a;b", "c;d") == "\x1b]777;notify;a,b;c;d\x1b\\"


@given(st.text())
def test_a_plain_text_is_one_printable_line(text: str) -> None:
    shown = plain(text, MOST_BODY)
    assert shown.isprintable()
    assert len(shown) <= MOST_BODY


def test_every_form_has_its_channel() -> None:
    make = channels_over(FakeTerminal())
    found = {form: type(make(replace(SINK, form=form))) for form in Form}
    assert found == {
        Form.WEBHOOK: WebhookChannel, Form.SLACK: WebhookChannel, Form.DISCORD: WebhookChannel,
        Form.EMAIL: MailChannel, Form.DESKTOP: DesktopChannel, Form.APPRISE: AppriseChannel,
    }  # fmt: skip
