"""Keys that a person presses, and control sequences of scripts' own."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.host.test_notifications import subscribe
from tests.integration.host.test_requests_broadcast import panes, put
from tests.integration.host.test_requests_rpc import invocation, outcome
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.host.wire_client import WireClient

KEY: dict[str, Any] = {
    "characters": "x",
    "charactersIgnoringModifiers": "x",
    "modifiers": [],
    "keyCode": 7,
    "action": "KEY_DOWN",
    "bytes": "x",
}


async def press(wire: WireClient, session_id: str, **changed: object) -> Any:  # noqa: ANN401
    arguments = ", ".join(f"{key}: {json.dumps(one)}" for key, one in (KEY | changed).items())
    return outcome(await wire.ask(invocation(f"iterm_mcp.press_key({arguments})", session_id)))


async def shows(wire: WireClient, session_id: str, text: str) -> None:
    await eventually(partial(wire.text, session_id), lambda lines: text in lines)


@pytest.mark.notifies("NOTIFY_ON_KEYSTROKE", source="3.11")
@pytest.mark.behaves("iterm_mcp.press_key", source="2.21")
async def test_a_key_is_told_and_typed_but_sent_text_is_no_key(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    await subscribe(wire, "NOTIFY_ON_KEYSTROKE", session)
    await wire.ask(api_pb2.SendTextRequest(session=session, text="sent "))
    pressed = {"characters": "X", "modifiers": ["SHIFT", "CONTROL"], "bytes": "typed"}
    assert await press(wire, session, **pressed) is True
    (told,) = wire.seen("keystroke_notification")
    assert told == api_pb2.KeystrokeNotification(
        characters="X",
        charactersIgnoringModifiers="x",
        modifiers=[api_pb2.CONTROL, api_pb2.SHIFT],
        keyCode=7,
        session=session,
        action=api_pb2.KeystrokeNotification.KEY_DOWN,
    )
    await shows(wire, session, "sent typed")


@pytest.mark.notifies("NOTIFY_ON_KEYSTROKE", "KEYSTROKE_FILTER", source="3.11")
async def test_a_key_that_a_filter_takes_is_told_but_not_typed(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    await subscribe(wire, "NOTIFY_ON_KEYSTROKE", "all")
    taken = api_pb2.KeystrokeFilterRequest(
        patterns_to_ignore=[api_pb2.KeystrokePattern(keycodes=[7])]
    )
    assert (
        await subscribe(wire, "KEYSTROKE_FILTER", session, keystroke_filter_request=taken) == "OK"
    )
    assert await press(wire, session) is False
    assert await press(wire, session, keyCode=8, bytes="typed") is True
    await shows(wire, session, "typed")
    assert [one.keyCode for one in wire.seen("keystroke_notification")] == [7, 8]
    assert await subscribe(wire, "KEYSTROKE_FILTER", session, on=False) == "OK"
    assert await press(wire, session) is True


@pytest.mark.notifies("NOTIFY_ON_KEYSTROKE", source="3.11")
async def test_a_key_that_comes_up_types_nothing(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    every = api_pb2.KeystrokeMonitorRequest(advanced=True)
    await subscribe(wire, "NOTIFY_ON_KEYSTROKE", session, keystroke_monitor_request=every)
    assert await press(wire, session, action="KEY_UP", bytes="no") is True
    assert await press(wire, session, bytes="yes") is True
    await shows(wire, session, "yes")
    assert [one.action for one in wire.seen("keystroke_notification")] == [1, 0]


async def test_a_key_reaches_the_whole_domain(wire: WireClient) -> None:
    one, two = await panes(wire, 2)
    await put(wire, [one, two])
    await press(wire, one, bytes="both")
    await shows(wire, two, "both")


@pytest.mark.parametrize(
    "wrong",
    [
        {"modifiers": "CONTROL"},
        {"modifiers": ["NONE"]},
        {"modifiers": [[]]},
        {"keyCode": "7"},
        {"keyCode": True},
        {"action": "KEY_HELD"},
        {"bytes": 1},
    ],
    ids=str,
)
async def test_what_is_no_key_is_refused(wire: WireClient, wrong: dict[str, object]) -> None:
    session = (await wire.open_window()).session_id
    status, _ = await press(wire, session, **wrong)
    assert status == "FAILED"


async def test_a_key_needs_a_session(wire: WireClient) -> None:
    status, reason = await press(wire, "")
    assert (status, reason) == ("FAILED", "press_key needs a session")


@pytest.mark.notifies("NOTIFY_ON_CUSTOM_ESCAPE_SEQUENCE", source="3.8")
@pytest.mark.behaves("Custom", source="7.2")
async def test_a_scripts_own_control_sequence_is_told_verbatim(wire: WireClient) -> None:
    session = (await wire.open_window()).session_id
    await subscribe(wire, "NOTIFY_ON_CUSTOM_ESCAPE_SEQUENCE", session)
    for sequence in ("Custom=id=a;k=v:one:two; three", "Custom=k=v;id=b:", "Custom=id=c"):
        await wire.feed(session, f"\x1b]1337;{sequence}\x07".encode())
    for sequence in ("Custom=k=v:nobody's", "Custom=", "Custom=id=d:end"):
        await wire.feed(session, f"\x1b]1337;{sequence}\x1b\\".encode())
    told = wire.seen("custom_escape_sequence_notification")
    assert [(one.session, one.sender_identity, one.payload) for one in told] == [
        (session, "a", "one:two; three"),
        (session, "b", ""),
        (session, "d", "end"),
    ]


@pytest.mark.notifies("NOTIFY_ON_CUSTOM_ESCAPE_SEQUENCE", source="3.8")
async def test_a_program_that_writes_its_own_sequence_reaches_all_who_asked(
    wire: WireClient,
) -> None:
    await subscribe(wire, "NOTIFY_ON_CUSTOM_ESCAPE_SEQUENCE", "all")
    printing = r"/bin/sh -c 'printf \"\\033]1337;Custom=id=mine:payload\\007\"; exec cat'"
    session = (await wire.open_window(printing)).session_id
    told = await wire.notified(lambda _: True, "custom_escape_sequence_notification")
    assert (told.session, told.payload) == (session, "payload")
