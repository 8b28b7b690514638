"""Typing into several sessions at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from iterm2 import api_pb2
from tests.integration.host.test_notifications import close, monitor, subscribe
from tests.integration.host.test_requests_tabs import bury, reorder
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.host.wire_client import WireClient

Set = api_pb2.SetBroadcastDomainsRequest
Status = api_pb2.SetBroadcastDomainsResponse.Status


async def put(wire: WireClient, *domains: list[str]) -> str:
    asked = Set(broadcast_domains=[api_pb2.BroadcastDomain(session_ids=one) for one in domains])
    return Status.Name((await wire.ask(asked)).status)


async def got(wire: WireClient) -> list[list[str]]:
    response = await wire.ask(api_pb2.GetBroadcastDomainsRequest())
    return [list(one.session_ids) for one in response.broadcast_domains]


async def panes(wire: WireClient, count: int) -> list[str]:
    """Open a window with so many panes, each of which runs cat."""
    sessions = [(await wire.open_window()).session_id]
    properties = [
        api_pb2.ProfileProperty(key="Custom Command", json_value='"Yes"'),
        api_pb2.ProfileProperty(key="Command", json_value='"/bin/cat"'),
    ]
    while len(sessions) < count:
        asked = api_pb2.SplitPaneRequest(session=sessions[0], custom_profile_properties=properties)
        sessions += (await wire.ask(asked)).session_id
    return sessions


async def shows(wire: WireClient, session_id: str, text: str) -> None:
    """Wait until a session's program has echoed a line."""
    await eventually(partial(wire.text, session_id), lambda lines: lines.count(text) == 2)


@pytest.mark.answers("set_broadcast_domains_request", "OK", source="2.16")
@pytest.mark.answers("get_broadcast_domains_request", source="2.16")
@pytest.mark.behaves("own domain", source="D")
async def test_what_is_typed_into_one_reaches_its_domain_and_no_other(wire: WireClient) -> None:
    one, two, three, four, five = await panes(wire, 5)
    assert await put(wire, [one, two], [three, four]) == "OK"
    assert await got(wire) == [[one, two], [three, four]]
    await wire.ask(api_pb2.SendTextRequest(session=two, text="pair\n"))
    for session in (one, two):
        await shows(wire, session, "pair")
    await wire.ask(api_pb2.SendTextRequest(session="all", text="each\n"))
    for session in (one, two, three, four, five):
        await shows(wire, session, "each")
        assert ("pair" in await wire.text(session)) is (session in {one, two})


@pytest.mark.answers("send_text_request", "OK", source="2.4")
async def test_typing_can_be_kept_to_one(wire: WireClient) -> None:
    one, two = await panes(wire, 2)
    await put(wire, [one, two])
    await wire.ask(api_pb2.SendTextRequest(session=one, text="mine\n", suppress_broadcast=True))
    await wire.ask(api_pb2.SendTextRequest(session=one, text="ours\n"))
    await shows(wire, two, "ours")
    assert "mine" not in await wire.text(two)
    await shows(wire, one, "mine")


@pytest.mark.notifies("NOTIFY_ON_BROADCAST_CHANGE", source="3.5")
async def test_a_change_is_told_but_only_a_real_one(wire: WireClient) -> None:
    one, two, three = await panes(wire, 3)
    await subscribe(wire, "NOTIFY_ON_BROADCAST_CHANGE")
    for domains in ([[one]], [[one, two], [three]], [[two, one]], [[one, two, three]], [], []):
        assert await put(wire, *domains) == "OK"
    told = [
        [list(domain.session_ids) for domain in event.broadcast_domains]
        for event in wire.seen("broadcast_domains_changed")
    ]
    assert told == [[[one, two]], [[one, two, three]], []]


async def test_a_session_knows_that_it_broadcasts(wire: WireClient) -> None:
    one, two = await panes(wire, 2)
    await subscribe(
        wire, "NOTIFY_ON_VARIABLE_CHANGE", **monitor("SESSION", one, "isBroadcastSource")
    )
    for domains, said in (([[one, two]], "true"), ([], "false")):
        await put(wire, *domains)
        event = await wire.notified(lambda _: True, "variable_changed_notification")
        assert event.json_new_value == said


@pytest.mark.notifies("NOTIFY_ON_BROADCAST_CHANGE", source="3.5")
async def test_a_session_that_is_closed_or_buried_leaves_its_domain(wire: WireClient) -> None:
    one, two, three, four = await panes(wire, 4)
    await put(wire, [one, two, three, four])
    await subscribe(wire, "NOTIFY_ON_BROADCAST_CHANGE")
    await close(wire, two)
    assert await got(wire) == [[one, three, four]]
    await bury(wire, three, buried=True)
    assert await got(wire) == [[one, four]]
    await close(wire, one)
    assert await got(wire) == []
    assert len(wire.seen("broadcast_domains_changed")) == 3


async def test_a_session_that_moves_to_another_window_leaves_its_domain(wire: WireClient) -> None:
    opened, other = await wire.open_window(), await wire.open_window()
    tab = await wire.ask(api_pb2.CreateTabRequest(window_id=opened.window_id))
    assert await put(wire, [opened.session_id, tab.session_id]) == "OK"
    await reorder(wire, **{other.window_id: [str(tab.tab_id)]})
    assert await got(wire) == []


@pytest.mark.answers(
    "set_broadcast_domains_request",
    "BROADCAST_DOMAINS_NOT_DISJOINT",
    "SESSION_NOT_FOUND",
    "SESSIONS_NOT_IN_SAME_WINDOW",
    source="2.16",
)
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ([["a", "b"], ["b", "c"]], "BROADCAST_DOMAINS_NOT_DISJOINT"),
        ([["a", "a"]], "BROADCAST_DOMAINS_NOT_DISJOINT"),
        ([["a", "none"]], "SESSION_NOT_FOUND"),
        ([["a", "other"]], "SESSIONS_NOT_IN_SAME_WINDOW"),
        ([["a", "buried"]], "SESSION_NOT_FOUND"),
    ],
)
async def test_a_wrong_domain_changes_nothing(
    wire: WireClient, asked: list[list[str]], status: str
) -> None:
    ids = dict(zip(("a", "b", "c", "buried"), await panes(wire, 4), strict=True))
    ids["other"] = (await wire.open_window()).session_id
    await bury(wire, ids["buried"], buried=True)
    before = [[ids["a"], ids["b"]]]
    assert await put(wire, *before) == "OK"
    assert await put(wire, *([ids.get(one, one) for one in domain] for domain in asked)) == status
    assert await got(wire) == before
