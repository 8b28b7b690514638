"""Inside a transaction the world stands still for everybody but its owner."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio
import psutil
import pytest
from iterm2 import api_pb2
from tests.integration.host.wire_client import open_wire
from tests.waiting import eventually

from iterm_mcp.host.transactions import Transactions

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

LISTING = api_pb2.ListSessionsRequest()


async def transaction(wire: WireClient, *, begin: bool) -> str:
    response = await wire.ask(api_pb2.TransactionRequest(begin=begin))
    return api_pb2.TransactionResponse.Status.Name(response.status)


def mark(home: Home) -> anyio.Path:
    """Return a file that a program makes to say that it has come so far."""
    return anyio.Path(home.paths.state, f"mark-{uuid4()}")


async def type_line(wire: WireClient, session_id: str, line: str) -> None:
    await wire.ask(api_pb2.SendTextRequest(session=session_id, text=f"{line}\n"))


def ids(listing: api_pb2.ListSessionsResponse) -> set[str]:
    return {
        link.session.unique_identifier
        for window in listing.windows
        for tab in window.tabs
        for link in tab.root.links
    }


@pytest.mark.answers(
    "transaction_request", "OK", "NO_TRANSACTION", "ALREADY_IN_TRANSACTION", source="2.15"
)
async def test_it_begins_and_ends_once(wire: WireClient) -> None:
    statuses = [await transaction(wire, begin=begin) for begin in (False, True, True, False, False)]
    assert statuses == [
        "NO_TRANSACTION", "OK", "ALREADY_IN_TRANSACTION", "OK", "NO_TRANSACTION"
    ]  # fmt: skip


@pytest.mark.answers("transaction_request", "OK", source="2.15")
async def test_what_programs_print_is_shown_at_its_end(host_home: Home, wire: WireClient) -> None:
    printed = mark(host_home)
    opened = await wire.open_window(f"/bin/sh -c 'read it; echo later; : >{printed}; read more'")
    await transaction(wire, begin=True)
    await type_line(wire, opened.session_id, "go on")
    await eventually(printed.exists)
    assert set(await wire.text(opened.session_id)) == {""}
    await transaction(wire, begin=False)
    await eventually(lambda: wire.text(opened.session_id), lambda lines: "later" in lines)


async def test_sessions_that_open_in_it_stand_still_as_well(
    host_home: Home, wire: WireClient
) -> None:
    await transaction(wire, begin=True)
    printed = mark(host_home)
    opened = await wire.open_window(f"/bin/sh -c 'echo later; : >{printed}; read more'")
    await eventually(printed.exists)
    assert set(await wire.text(opened.session_id)) == {""}
    await transaction(wire, begin=False)
    await eventually(lambda: wire.text(opened.session_id), lambda lines: "later" in lines)


async def test_a_program_that_ends_in_it_is_there_until_its_end(wire: WireClient) -> None:
    program = "/bin/sh -c 'read it; echo last words'"
    gone = await wire.open_window(program)
    kept = await wire.open_window(program, **{"Close Sessions On End": "0"})
    await wire.ask(
        api_pb2.NotificationRequest(
            notification_type=api_pb2.NOTIFY_ON_TERMINATE_SESSION, subscribe=True
        )
    )
    await transaction(wire, begin=True)
    for opened in (gone, kept):
        response = await wire.ask(
            api_pb2.VariableRequest(session_id=opened.session_id, get=["pid"])
        )
        await type_line(wire, opened.session_id, "go on")
        await eventually(
            partial(psutil.pid_exists, int(response.values[0])), lambda alive: not alive
        )
    both = {gone.session_id, kept.session_id}
    assert both <= ids(await wire.ask(LISTING))
    assert "last words" not in await wire.text(kept.session_id)
    assert wire.seen("terminate_session_notification") == []
    await transaction(wire, begin=False)
    while both:
        ended = await wire.notified(lambda _: True, "terminate_session_notification")
        both.remove(ended.session_id)
    assert "last words" in await wire.text(kept.session_id)
    assert gone.session_id not in ids(await wire.ask(LISTING))


async def test_its_owner_can_do_everything(wire: WireClient) -> None:
    opened = await wire.open_window()
    await transaction(wire, begin=True)
    split = await wire.ask(api_pb2.SplitPaneRequest(session=opened.session_id))
    await wire.feed(opened.session_id, b"\x1b[2J\x1b[Hshown")
    assert (await wire.text(opened.session_id))[0] == "shown"
    assert {opened.session_id, *split.session_id} <= ids(await wire.ask(LISTING))
    closing = api_pb2.CloseRequest.CloseSessions(session_ids=split.session_id)
    closed = await wire.ask(api_pb2.CloseRequest(sessions=closing))
    assert list(closed.statuses) == [closed.OK]
    assert split.session_id[0] not in ids(await wire.ask(LISTING))
    assert await transaction(wire, begin=False) == "OK"


@pytest.mark.answers("transaction_request", "OK", source="2.15")
async def test_others_are_answered_after_it_in_the_order_of_their_asking(
    host_home: Home, wire: WireClient
) -> None:
    await transaction(wire, begin=True)
    async with open_wire(host_home) as other:
        numbers = [await other.send(api_pb2.CreateTabRequest()) for _ in range(3)]
        before = ids(await wire.ask(LISTING))
        for _ in range(50):
            assert ids(await wire.ask(LISTING)) == before
        await transaction(wire, begin=False)
        for number in numbers:
            answer = await other.whole_answer(number)
            assert answer.create_tab_response.status == answer.create_tab_response.OK
    assert len(ids(await wire.ask(LISTING)) - before) == 3


async def test_what_others_had_begun_is_over_before_it_begins(
    host_home: Home, wire: WireClient
) -> None:
    async with open_wire(host_home) as other:
        for _ in range(5):
            number = await other.send(api_pb2.CreateTabRequest())
            assert await transaction(wire, begin=True) == "OK"
            before = ids(await wire.ask(LISTING))
            for _ in range(20):
                assert ids(await wire.ask(LISTING)) == before
            await transaction(wire, begin=False)
            await other.whole_answer(number)


async def test_one_begins_when_the_one_before_has_ended(host_home: Home, wire: WireClient) -> None:
    async with open_wire(host_home) as other:
        await transaction(wire, begin=True)
        number = await other.send(api_pb2.TransactionRequest(begin=True))
        await wire.ask(LISTING)
        await transaction(wire, begin=False)
        answer = await other.whole_answer(number)
        assert answer.transaction_response.status == answer.transaction_response.OK
        mine = await wire.send(LISTING)
        assert await transaction(other, begin=False) == "OK"
        await wire.whole_answer(mine)


@pytest.mark.behaves("disconnect", source="1.4")
async def test_a_client_that_goes_takes_its_transaction_with_it(
    host_home: Home, wire: WireClient
) -> None:
    async with open_wire(host_home) as other:
        await transaction(other, begin=True)
    assert await transaction(wire, begin=True) == "OK"
    assert await transaction(wire, begin=False) == "OK"


async def test_a_client_that_dies_takes_its_transaction_with_it(
    host_home: Home, wire: WireClient
) -> None:
    opened = await wire.open_window()
    async with open_wire(host_home) as other:
        await transaction(other, begin=True)
        await type_line(other, opened.session_id, "typed in it")
        waiting = await wire.send(LISTING)
        other.socket.transport.abort()
        await wire.whole_answer(waiting)
    await eventually(lambda: wire.text(opened.session_id), lambda lines: "typed in it" in lines)


async def test_it_is_ended_for_an_owner_who_never_does() -> None:
    class World:
        frozen = False

        def freeze(self) -> None:
            self.frozen = True

        def thaw(self) -> None:
            self.frozen = False

    world, owner, other = World(), object(), object()
    transactions = Transactions(world, limit_seconds=0.01)
    async with transactions.turn(owner):  # type: ignore[arg-type] # any hashable will do
        await transactions.begin(owner)  # type: ignore[arg-type]
        assert world.frozen
    with anyio.fail_after(5):
        async with transactions.turn(other):  # type: ignore[arg-type]
            assert (world.frozen, transactions.owner) == (False, None)
