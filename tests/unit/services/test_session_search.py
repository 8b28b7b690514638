"""Which session is meant, of several that are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from iterm_mcp.errors import InvalidRequestError, NotFoundError, TerminalUnavailableError
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.sessions import Direction, Program, Size
from iterm_mcp.services.sessions.search import CANDIDATES, SessionSearch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.testing import FakeTerminal


class Owners:
    """Which agent each session belongs to, as a test says."""

    def __init__(self) -> None:
        self.known: dict[SessionId, AgentName] = {}

    async def __call__(self) -> Mapping[SessionId, AgentName]:
        return self.known


@pytest.fixture
def owners() -> Owners:
    return Owners()


@pytest.fixture
def search(terminal: FakeTerminal, owners: Owners) -> SessionSearch:
    return SessionSearch(terminal, owners)


async def opened(terminal: FakeTerminal, **program: object) -> SessionId:
    return (await terminal.open_session(Program(**program))).session_id  # type: ignore[arg-type]


async def test_a_whole_id_is_taken_at_its_word(
    search: SessionSearch, terminal: FakeTerminal
) -> None:
    terminal.lose()
    whole = "00000000-0000-4000-8000-00000000000A"
    assert await search.find(whole) == whole
    assert await search.find(f"w1t0p2:{whole}") == whole


async def test_the_active_session_is_found_among_others(
    search: SessionSearch, terminal: FakeTerminal
) -> None:
    first = await opened(terminal)
    second = await terminal.split_session(first, Direction.RIGHT, Program())
    assert await search.find("active") == second
    await terminal.activate_session(first)
    assert await search.find("active") == first


async def test_no_session_is_active_when_none_is_there(search: SessionSearch) -> None:
    with pytest.raises(NotFoundError, match="active") as caught:
        await search.find("active")
    assert "open one" in caught.value.hint


async def test_the_beginning_of_an_id_is_enough_where_it_is_one_sessions(
    search: SessionSearch, terminal: FakeTerminal
) -> None:
    only = await opened(terminal)
    assert await search.find(only[:4]) == only
    assert await search.find(only[:-1].lower()) == only

    await opened(terminal)
    assert await search.find(only) == only
    with pytest.raises(InvalidRequestError, match="means 2 sessions") as caught:
        await search.find(only[:4])
    assert caught.value.code == "session_ambiguous"
    assert only in caught.value.hint


async def test_an_id_or_its_beginning_may_be_written_small(
    search: SessionSearch, terminal: FakeTerminal
) -> None:
    await opened(terminal)
    wanted = await opened(terminal)
    while not wanted[-2].isalpha():  # 00A0 and on
        await terminal.close_session(wanted)
        wanted = await opened(terminal)

    assert await search.find(wanted.lower()) == wanted
    assert await search.find(wanted.lower()[:-1]) == wanted


@pytest.mark.parametrize("wanted", ["", "000", "0" * 400, "zzzz", "name:", "color:red", "all"])
async def test_what_means_nothing_is_not_found(
    search: SessionSearch, terminal: FakeTerminal, wanted: str
) -> None:
    await opened(terminal)
    with pytest.raises(NotFoundError) as caught:
        await search.find(wanted)
    assert caught.value.code == "session_not_found"
    assert "list_sessions" in caught.value.hint


async def test_a_session_is_found_by_what_is_known_of_it(
    search: SessionSearch, terminal: FakeTerminal, owners: Owners
) -> None:
    await opened(terminal, name="other", directory="/var")
    wanted = await opened(terminal, name="Build", directory="/usr/lib", tags=("ci", "blue"))
    terminal.set_fact(wanted, "jobName", "-zsh")
    owners.known[wanted] = AgentName("builder")

    for selector in (
        "name:build", "name:uil", "tag:ci", "tag:blue", "agent:builder",
        "dir:/usr/lib", "dir:/usr/lib/", "dir:/usr", "dir:/usr/lib/../lib", "job:zsh",
    ):  # fmt: skip
        assert await search.find(selector) == wanted, selector
    for selector in ("tag:c", "agent:build", "dir:/us", "job:zs", "name:builds"):
        with pytest.raises(NotFoundError):
            await search.find(selector)


async def test_a_name_or_folder_comes_before_what_only_begins_so(
    search: SessionSearch, terminal: FakeTerminal
) -> None:
    await opened(terminal, name="build docs", directory="/usr/lib")
    exact = await opened(terminal, name="build", directory="/usr")
    assert await search.find("name:build") == exact
    assert await search.find("dir:/usr") == exact


async def test_home_may_be_written_as_people_do(
    search: SessionSearch, terminal: FakeTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    wanted = await opened(terminal, directory="/home/me/src")
    assert await search.find("dir:~/src") == wanted


async def test_of_many_that_are_meant_some_are_named(
    search: SessionSearch, terminal: FakeTerminal
) -> None:
    for _ in range(CANDIDATES + 3):
        await opened(terminal, tags=("crowd",))
    with pytest.raises(InvalidRequestError) as caught:
        await search.find("tag:crowd")
    assert "and 3 more" in caught.value.hint


async def test_a_list_holds_what_fits_all_selectors(
    search: SessionSearch, terminal: FakeTerminal, owners: Owners
) -> None:
    one = await opened(terminal, name="a", tags=("ci",), directory="/usr")
    two = await opened(terminal, name="b", tags=("ci",), directory="/var")
    owners.known[two] = AgentName("ann")

    everyone = await search.select()
    tagged = await search.select(["tag:ci", "dir:/usr"])
    nobody = await search.select(["tag:ci", "name:c"])

    assert [each.info.session_id for each in everyone] == [one, two]
    assert [each.agent for each in everyone] == [None, "ann"]
    assert [each.info.session_id for each in tagged] == [one]
    assert tagged[0].facts is not None
    assert tagged[0].facts.directory == "/usr"
    assert nobody == ()


@pytest.mark.parametrize("selector", ["active", "tag:", "colour:x", "x"])
async def test_a_list_by_what_is_no_selector_is_refused(
    search: SessionSearch, selector: str
) -> None:
    with pytest.raises(InvalidRequestError, match="says nothing") as caught:
        await search.select([selector])
    assert "tag:" in caught.value.hint


async def test_a_session_that_tells_nothing_is_listed_without_it(
    search: SessionSearch, terminal: FakeTerminal
) -> None:
    silent = await opened(terminal, name="quiet")
    terminal.fail_next("read_variables", TerminalUnavailableError("away"))

    (listed,) = await search.select()
    assert (listed.info.session_id, listed.facts) == (silent, None)

    for selector in ("tag:x", "job:sh", "dir:/"):
        terminal.fail_next("read_variables", TerminalUnavailableError("away"))
        assert await search.select([selector]) == ()
    terminal.fail_next("read_variables", TerminalUnavailableError("away"))
    assert await search.find("name:quiet") == silent


async def test_sessions_that_take_too_long_are_not_waited_for(
    terminal: FakeTerminal,
) -> None:
    search = SessionSearch(terminal, facts_seconds=0.01)
    await opened(terminal)
    gate = terminal.hold("read_variables")

    with anyio.fail_after(5):
        (listed,) = await search.select()

    assert listed.facts is None
    assert listed.agent is None
    gate.open()


async def test_one_session_is_told_of_as_in_a_list(
    search: SessionSearch, terminal: FakeTerminal
) -> None:
    session_id = await opened(terminal, name="solo", size=Size(100, 30))

    listed = await search.describe(session_id)

    assert listed.info.size == Size(100, 30)
    assert listed.facts is not None
    assert listed.facts.name == "solo"
    with pytest.raises(NotFoundError):
        await search.describe(SessionId("nobody"))


async def test_a_session_keeps_the_name_it_was_given_whatever_its_programs_call_it(
    search: SessionSearch, terminal: FakeTerminal
) -> None:
    one, other = await opened(terminal, name="build"), await opened(terminal, name="other")
    terminal.set_fact(one, "autoName", "root@host: ~")
    terminal.set_fact(other, "autoName", "build")  # whoever sets a title takes nobody's name

    assert await search.find("name:build") == one
    await terminal.rename_session(one, "test")
    assert await search.find("name:test") == one
    assert [listed.facts and listed.facts.name for listed in await search.select()] == [
        "test", "other",
    ]  # fmt: skip
