"""A cascade is typed at most once, and every agent has a true receipt."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread
from tests.waiting import eventually

from iterm_mcp.errors import (
    ConflictError,
    InvalidRequestError,
    ItermMcpError,
    NotFoundError,
    StoreError,
    TerminalRejectedError,
    TerminalTimeoutError,
    TerminalUnavailableError,
)
from iterm_mcp.models.agents import Agent, Team
from iterm_mcp.models.deliveries import Stage
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.messages import Cascade, CascadeResult, Receipt, ReceiptState, Source
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.deliveries.messages import MessageService
from iterm_mcp.services.deliveries.running import PARALLEL_LIMIT
from iterm_mcp.services.deliveries.service import make_deliveries
from iterm_mcp.services.sessions.writers import SessionWriters
from iterm_mcp.services.states.service import AgentStateService
from iterm_mcp.store import Store, open_store
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.testing import FakeClock, FakeTerminal

HELLO = Cascade("echo hello")
KEY = "key-1"


class Recorder:
    """Keeps all that it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Receipt, float]] = []

    def delivered(self, receipt: Receipt, duration_seconds: float) -> None:
        self.told.append((receipt, duration_seconds))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def writers() -> SessionWriters:
    return SessionWriters(wait_seconds=0.05)


@asynccontextmanager
async def serving(
    terminal: FakeTerminal,
    store: Store,
    clock: FakeClock,
    writers: SessionWriters | None = None,
    observer: Recorder | None = None,
    **options: Any,  # noqa: ANN401
) -> AsyncIterator[MessageService]:
    """Deliver for the length of the block."""
    writers = writers or SessionWriters()
    deliveries = make_deliveries(terminal, store, clock, writers, AgentStateService(store, clock))
    async with deliveries.running():
        yield MessageService(terminal, store, deliveries, writers, clock, observer, **options)


@pytest.fixture
async def service(
    terminal: FakeTerminal,
    store: Store,
    writers: SessionWriters,
    clock: FakeClock,
    recorder: Recorder,
) -> AsyncIterator[MessageService]:
    async with serving(
        terminal, store, clock, writers, recorder, duplicate_wait_seconds=0.05
    ) as service:
        yield service


async def add_agents(terminal: FakeTerminal, store: Store, *names: str) -> dict[str, SessionId]:
    """Register shells under these names, and return where they live."""
    homes = {}
    for name in names:
        session = await terminal.open_session(Program())
        await store.agents.add_agent(
            Agent(AgentName(name), "shell", session.session_id, (), "", START)
        )
        homes[name] = session.session_id
    return homes


def states(result: CascadeResult) -> dict[str, str]:
    return {receipt.agent: receipt.state for receipt in result.receipts}


def same(one: CascadeResult, other: CascadeResult) -> bool:
    """Tell whether two answers are about the same messages, and say the same of their typing."""
    first, second = (
        [(receipt.delivery_id, receipt.agent, receipt.state) for receipt in result.receipts]
        for result in (one, other)
    )
    return first == second


def reasons(result: CascadeResult) -> dict[str, str]:
    return {receipt.agent: receipt.reason for receipt in result.receipts}


def to_each(**texts: str) -> Cascade:
    return Cascade(agents={AgentName(name): text for name, text in texts.items()})


async def test_each_agent_gets_its_text_and_a_receipt(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    homes = await add_agents(terminal, store, "bob", "ada", "cyd")
    await store.agents.add_team(Team(TeamName("night"), None, "", START), [AgentName("bob")])

    result = await service.cascade(
        Cascade(
            "echo all", {TeamName("night"): "echo team"}, {AgentName("ada"): "echo a\necho b\n"}
        )
    )

    assert {name: terminal.typed(home) for name, home in homes.items()} == {
        "ada": "echo a\recho b\r",
        "bob": "echo team\r",
        "cyd": "echo all\r",
    }
    assert [
        (one.agent, one.session_id, one.source, one.team, one.state, one.reason)
        for one in result.receipts
    ] == [
        ("ada", homes["ada"], Source.AGENT, None, ReceiptState.WRITTEN, ""),
        ("bob", homes["bob"], Source.TEAM, "night", ReceiptState.WRITTEN, ""),
        ("cyd", homes["cyd"], Source.BROADCAST, None, ReceiptState.WRITTEN, ""),
    ]
    assert result.unreached == ()
    assert not result.replayed


async def test_a_cascade_for_nobody_needs_no_terminal(
    service: MessageService, terminal: FakeTerminal
) -> None:
    terminal.lose()

    assert await service.cascade(HELLO) == CascadeResult(())


async def test_agents_without_a_text_are_named(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    homes = await add_agents(terminal, store, "ada", "bob")

    result = await service.cascade(to_each(bob="echo hi"))

    assert result.unreached == ("ada",)
    assert terminal.typed(homes["ada"]) == ""


async def test_a_dry_run_says_what_would_happen_and_types_nothing(
    service: MessageService, terminal: FakeTerminal, store: Store, recorder: Recorder
) -> None:
    homes = await add_agents(terminal, store, "ada", "bob", "cyd")
    terminal.lose()

    result = await service.cascade(
        to_each(ada="echo hi", bob="echo \x1b"), dry_run=True, idempotency_key=KEY
    )

    assert states(result) == {"ada": "planned", "bob": "refused"}
    assert "U+001B" in reasons(result)["bob"]
    assert result.unreached == ("cyd",)
    assert [terminal.typed(home) for home in homes.values()] == ["", "", ""]
    assert recorder.told == []
    terminal.recover()
    again = await service.cascade(to_each(ada="echo hi"), idempotency_key=KEY)
    assert not again.replayed


async def test_a_text_with_control_characters_is_refused_and_the_others_are_written(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    homes = await add_agents(terminal, store, "ada", "bob")

    result = await service.cascade(to_each(ada="echo \x03", bob="echo fine"))

    assert states(result) == {"ada": "refused", "bob": "written"}
    assert "U+0003" in reasons(result)["ada"]
    assert terminal.typed(homes["ada"]) == ""


async def test_an_agent_whose_session_has_ended_is_refused(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    homes = await add_agents(terminal, store, "ada", "bob")
    await terminal.close_session(homes["ada"])

    result = await service.cascade(HELLO)

    assert states(result) == {"ada": "refused", "bob": "written"}
    assert reasons(result)["ada"] == "session ended"


async def test_a_session_that_ends_just_before_its_turn_is_refused(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    homes = await add_agents(terminal, store, "ada", "bob")
    gate = terminal.hold("send_text")
    results: list[CascadeResult] = []

    async def send() -> None:
        results.append(await service.cascade(HELLO))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            await gate.wait_arrived(2)
            await terminal.close_session(homes["ada"])
            gate.open()

    assert states(results[0]) == {"ada": "refused", "bob": "written"}
    assert reasons(results[0])["ada"] == "session ended"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (TerminalUnavailableError("lost while typing"), "unknown"),
        (TerminalTimeoutError("no answer"), "unknown"),
        (TerminalRejectedError("not now"), "refused"),
        (InvalidRequestError("cannot be typed"), "refused"),
        (ItermMcpError("something else"), "unknown"),
    ],
)
async def test_what_the_terminal_says_while_typing_is_in_the_receipt(
    service: MessageService,
    terminal: FakeTerminal,
    store: Store,
    error: ItermMcpError,
    state: str,
) -> None:
    await add_agents(terminal, store, "ada", "bob")
    terminal.fail_next("send_text", error)

    result = await service.cascade(HELLO)

    assert sorted(states(result).values()) == [state, "written"]
    assert str(error) in reasons(result).values()


async def test_with_no_terminal_the_call_fails_and_nothing_is_typed_or_claimed(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    await add_agents(terminal, store, "ada")
    terminal.lose()
    with pytest.raises(TerminalUnavailableError):
        await service.cascade(HELLO, idempotency_key=KEY)

    terminal.recover()
    result = await service.cascade(HELLO, idempotency_key=KEY)

    assert states(result) == {"ada": "written"}
    assert not result.replayed


async def test_when_the_terminal_is_lost_those_whose_turn_had_not_come_are_refused(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    names = [f"agent-{number:03}" for number in range(PARALLEL_LIMIT + 3)]
    await add_agents(terminal, store, *names)
    gate = terminal.hold("send_text")
    results: list[CascadeResult] = []

    async def send() -> None:
        results.append(await service.cascade(HELLO))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            await gate.wait_arrived(PARALLEL_LIMIT)
            terminal.lose()
            gate.open()

    found = list(states(results[0]).values())
    assert found == ["unknown"] * PARALLEL_LIMIT + ["refused"] * 3
    assert "lost" in results[0].receipts[-1].reason


async def test_deliveries_run_in_parallel_up_to_a_limit(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    names = [f"agent-{number:03}" for number in range(PARALLEL_LIMIT + 5)]
    await add_agents(terminal, store, *names)
    gate = terminal.hold("send_text")
    results: list[CascadeResult] = []

    async def send() -> None:
        results.append(await service.cascade(HELLO))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            await gate.wait_arrived(PARALLEL_LIMIT)
            await anyio.wait_all_tasks_blocked()
            assert gate.waiting == PARALLEL_LIMIT
            gate.open()

    assert set(states(results[0]).values()) == {"written"}
    assert [one.agent for one in results[0].receipts] == names


async def test_a_session_that_another_writer_holds_is_waited_for_and_then_refused(
    service: MessageService, terminal: FakeTerminal, store: Store, writers: SessionWriters
) -> None:
    homes = await add_agents(terminal, store, "ada", "bob")

    async with writers.hold(homes["ada"]):
        result = await service.cascade(HELLO)

    assert states(result) == {"ada": "refused", "bob": "written"}
    assert terminal.typed(homes["ada"]) == ""
    assert writers._turns == {}


async def test_two_cascades_never_type_into_one_session_at_the_same_time(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    writers = SessionWriters()
    async with serving(terminal, store, clock, writers) as service:
        homes = await add_agents(terminal, store, "ada")
        gate = terminal.hold("send_text")

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(service.cascade, to_each(ada="echo one"))
                await gate.wait_arrived()
                group.start_soon(service.cascade, to_each(ada="echo two"))
                await eventually(lambda: store.deliveries.at_stages({Stage.ACCEPTED}))
                await anyio.wait_all_tasks_blocked()
                assert gate.waiting == 1
                gate.open()

        assert terminal.typed(homes["ada"]) == "echo one\recho two\r"


# Idempotency.


async def test_a_repeated_key_returns_the_receipts_and_types_nothing(
    service: MessageService, terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    homes = await add_agents(terminal, store, "ada")
    first = await service.cascade(HELLO, idempotency_key=KEY)
    clock.advance(10)

    again = await service.cascade(HELLO, idempotency_key=KEY)

    assert again.replayed
    assert same(again, first)
    assert terminal.typed(homes["ada"]) == "echo hello\r"


async def test_a_repetition_is_answered_even_when_registry_and_terminal_have_changed(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    await add_agents(terminal, store, "ada")
    message = to_each(ada="echo hi")
    first = await service.cascade(message, idempotency_key=KEY)
    await store.agents.remove_agent(AgentName("ada"))
    terminal.lose()

    assert same(await service.cascade(message, idempotency_key=KEY), first)


async def test_the_order_in_which_a_cascade_is_written_does_not_make_it_another(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    await add_agents(terminal, store, "ada", "bob")
    await service.cascade(to_each(ada="echo a", bob="echo b"), idempotency_key=KEY)

    again = await service.cascade(to_each(bob="echo b", ada="echo a"), idempotency_key=KEY)

    assert again.replayed


async def test_a_key_used_for_another_cascade_is_a_conflict(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    homes = await add_agents(terminal, store, "ada")
    await service.cascade(HELLO, idempotency_key=KEY)

    with pytest.raises(ConflictError):
        await service.cascade(Cascade("echo other"), idempotency_key=KEY)

    assert terminal.typed(homes["ada"]) == "echo hello\r"


async def test_an_expired_key_is_forgotten(
    service: MessageService, terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    homes = await add_agents(terminal, store, "ada")
    await service.cascade(HELLO, idempotency_key=KEY, ttl_seconds=60)
    clock.advance(60)

    result = await service.cascade(Cascade("echo new"), idempotency_key=KEY, ttl_seconds=60)

    assert not result.replayed
    assert terminal.typed(homes["ada"]) == "echo hello\recho new\r"


async def test_a_duplicate_in_flight_waits_for_the_first_and_types_nothing(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    async with serving(terminal, store, clock) as service:
        homes = await add_agents(terminal, store, "ada")
        gate = terminal.hold("send_text")
        results: list[CascadeResult] = []

        async def send() -> None:
            results.append(await service.cascade(HELLO, idempotency_key=KEY))

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(send)
                await gate.wait_arrived()
                for _ in range(3):
                    group.start_soon(send)
                await anyio.wait_all_tasks_blocked()
                assert (gate.waiting, results) == (1, [])
                gate.open()

        assert sorted(result.replayed for result in results) == [False, True, True, True]
        assert all(same(result, results[0]) for result in results)
        assert terminal.typed(homes["ada"]) == "echo hello\r"
        assert service._under_way == {}


async def test_a_duplicate_in_flight_does_not_wait_for_ever(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    await add_agents(terminal, store, "ada")
    gate = terminal.hold("send_text")

    async def send() -> None:
        await service.cascade(HELLO, idempotency_key=KEY)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            await gate.wait_arrived()
            with pytest.raises(ConflictError) as caught:
                await service.cascade(HELLO, idempotency_key=KEY)
            gate.open()

    assert caught.value.code == "cascade_under_way"


async def test_a_key_that_expires_in_flight_still_types_once(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    async with serving(terminal, store, clock) as service:
        homes = await add_agents(terminal, store, "ada")
        gate = terminal.hold("send_text")
        results: list[CascadeResult] = []

        async def send() -> None:
            results.append(await service.cascade(HELLO, idempotency_key=KEY, ttl_seconds=1))

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(send)
                await gate.wait_arrived()
                clock.advance(2)
                await store.cascades.purge()
                group.start_soon(send)
                await anyio.wait_all_tasks_blocked()
                gate.open()

        assert [result.replayed for result in results] == [False, True]
        assert terminal.typed(homes["ada"]) == "echo hello\r"


async def test_of_two_processes_with_one_key_only_one_types(
    terminal: FakeTerminal, tmp_path: Path, clock: FakeClock
) -> None:
    path = str(tmp_path / "shared.db")
    gate = terminal.hold("list_sessions")
    results: list[CascadeResult] = []
    async with open_store(path, clock) as one, open_store(path, clock) as other:
        homes = await add_agents(terminal, one, "ada")

        async def send(service: MessageService) -> None:
            results.append(await service.cascade(HELLO, idempotency_key=KEY))

        with anyio.fail_after(5):
            async with (
                serving(terminal, one, clock) as first,
                serving(terminal, other, clock) as second,
                anyio.create_task_group() as group,
            ):
                for service in (first, second):
                    group.start_soon(send, service)
                await gate.wait_arrived(2)  # neither has found the key, both will claim it
                gate.open()

    assert sorted(result.replayed for result in results) == [False, True]
    assert terminal.typed(homes["ada"]) == "echo hello\r"


async def test_after_a_crash_while_typing_the_receipts_are_unknown_and_nothing_is_typed_again(
    terminal: FakeTerminal, tmp_path: Path, clock: FakeClock
) -> None:
    """The crash is a copy of the file taken while the first byte is being typed."""
    path = tmp_path / "state.db"
    gate = terminal.hold("send_text")
    async with open_store(str(path), clock) as store:
        homes = await add_agents(terminal, store, "ada", "bob", "cyd")
        await terminal.close_session(homes["cyd"])
        async with serving(terminal, store, clock) as before:
            with anyio.fail_after(5):
                async with anyio.create_task_group() as group:

                    async def send() -> None:
                        await before.cascade(
                            to_each(ada="echo hi", bob="echo hi", cyd="echo hi"),
                            idempotency_key=KEY,
                        )

                    group.start_soon(send)
                    await gate.wait_arrived(2)
                    for suffix in ("", "-wal"):
                        content = await anyio.Path(f"{path}{suffix}").read_bytes()
                        await anyio.Path(tmp_path / f"crashed.db{suffix}").write_bytes(content)
                    gate.open()

    async with (
        open_store(str(tmp_path / "crashed.db"), clock) as store,
        serving(terminal, store, clock) as after,
    ):
        result = await after.cascade(
            to_each(ada="echo hi", bob="echo hi", cyd="echo hi"), idempotency_key=KEY
        )

    assert result.replayed
    assert states(result) == {"ada": "unknown", "bob": "unknown", "cyd": "refused"}
    assert "ended while delivering" in reasons(result)["ada"]
    assert terminal.typed(homes["ada"]) == "echo hi\r"


@pytest.mark.parametrize("key", ["", "x" * 201, "new\nline", "\ud800"])
async def test_an_unfit_key_is_refused(service: MessageService, key: str) -> None:
    with pytest.raises(InvalidRequestError, match="idempotency key"):
        await service.cascade(HELLO, idempotency_key=key)


@pytest.mark.parametrize("ttl_seconds", [0, -1, 8 * 24 * 3600, float("nan"), float("inf")])
async def test_an_unfit_lifetime_is_refused(service: MessageService, ttl_seconds: float) -> None:
    with pytest.raises(InvalidRequestError, match="live"):
        await service.cascade(HELLO, idempotency_key=KEY, ttl_seconds=ttl_seconds)


async def test_a_cascade_that_names_nobody_known_claims_nothing(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    with pytest.raises(NotFoundError):
        await service.cascade(to_each(ada="echo hi"), idempotency_key=KEY)
    await add_agents(terminal, store, "ada")

    result = await service.cascade(to_each(ada="echo hi"), idempotency_key=KEY)

    assert states(result) == {"ada": "written"}


# Cancellation.


async def test_a_cancelled_cascade_begins_nothing_more_and_what_was_begun_is_typed(
    service: MessageService, terminal: FakeTerminal, store: Store, recorder: Recorder
) -> None:
    names = [f"agent-{number:03}" for number in range(PARALLEL_LIMIT + 2)]
    homes = await add_agents(terminal, store, *names)
    gate = terminal.hold("send_text")

    async def send() -> None:
        await service.cascade(HELLO, idempotency_key=KEY)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            await gate.wait_arrived(PARALLEL_LIMIT)
            group.cancel_scope.cancel()

    first = await service.cascade(HELLO, idempotency_key=KEY)
    gate.open()

    assert first.replayed
    assert list(states(first).values()) == ["accepted"] * PARALLEL_LIMIT + ["refused"] * 2
    assert [one.stage for one in first.receipts[:2]] == [Stage.LEASED] * 2
    assert "before its turn" in reasons(first)[names[-1]]
    assert [receipt for receipt, _ in recorder.told] == list(first.receipts)
    assert service._under_way == {}

    async def replayed() -> list[str]:
        return list(states(await service.cascade(HELLO, idempotency_key=KEY)).values())

    await eventually(
        replayed, lambda found: found == ["written"] * PARALLEL_LIMIT + ["refused"] * 2
    )
    typed = [terminal.typed(home) for home in homes.values()]
    assert typed == ["echo hello\r"] * PARALLEL_LIMIT + [""] * 2


async def test_what_was_written_before_a_cancellation_stays_written(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    writers = SessionWriters()
    async with serving(terminal, store, clock, writers) as service:
        homes = await add_agents(terminal, store, "ada", "bob")

        async def send() -> None:
            await service.cascade(HELLO, idempotency_key=KEY)

        with anyio.fail_after(5):
            async with writers.hold(homes["bob"]), anyio.create_task_group() as group:
                group.start_soon(send)
                await eventually(lambda: terminal.typed(homes["ada"]))
                await anyio.wait_all_tasks_blocked()
                group.cancel_scope.cancel()

        result = await service.cascade(HELLO, idempotency_key=KEY)

        assert states(result) == {"ada": "written", "bob": "refused"}
        assert terminal.typed(homes["bob"]) == ""
        assert writers._turns == {}


# Measuring, and a store that fails.


async def test_the_observer_is_told_of_every_receipt_with_its_duration(
    service: MessageService,
    terminal: FakeTerminal,
    store: Store,
    recorder: Recorder,
    clock: FakeClock,
) -> None:
    await add_agents(terminal, store, "ada", "bob")
    gate = terminal.hold("send_text")
    results: list[CascadeResult] = []

    async def send() -> None:
        results.append(await service.cascade(to_each(ada="echo hi", bob="echo \x00")))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            await gate.wait_arrived()
            clock.advance(1.5)
            gate.open()

    ada, bob = results[0].receipts
    assert recorder.told == [(ada, 1.5), (bob, 0.0)]


async def test_the_observer_is_not_told_twice_of_what_is_replayed(
    service: MessageService, terminal: FakeTerminal, store: Store, recorder: Recorder
) -> None:
    await add_agents(terminal, store, "ada")
    for _ in range(2):
        await service.cascade(HELLO, idempotency_key=KEY)

    assert len(recorder.told) == 1


async def test_receipts_that_cannot_be_recorded_still_reach_the_caller(
    service: MessageService,
    terminal: FakeTerminal,
    store: Store,
) -> None:
    homes = await add_agents(terminal, store, "ada")
    database = store.cascades._database
    gate = terminal.hold("send_text")
    results: list[CascadeResult] = []

    async def send() -> None:
        results.append(await service.cascade(HELLO, idempotency_key=KEY))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            await gate.wait_arrived()
            await database.read(lambda connection: connection.execute("PRAGMA query_only = ON"))
            gate.open()

    assert states(results[0]) == {"ada": "written"}
    again = await service.cascade(HELLO, idempotency_key=KEY)
    assert states(again) == {"ada": "written"}
    assert terminal.typed(homes["ada"]) == "echo hello\r"
    (kept,) = (await store.deliveries.at_stages(set(Stage)))[:2]
    assert kept.stage is Stage.LEASED, "the next process will not know"


async def test_a_store_that_is_stuck_does_not_hold_the_answer_back(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    async with serving(terminal, store, clock, settle_seconds=0.02, typed_seconds=0.2) as service:
        await add_agents(terminal, store, "ada")
        database = store.cascades._database
        gate = terminal.hold("send_text")
        begun, go_on = threading.Event(), threading.Event()

        def block(_connection: object) -> None:
            begun.set()
            assert go_on.wait(5)

        async def send() -> None:
            result = await service.cascade(HELLO, idempotency_key=KEY)
            assert states(result) == {"ada": "accepted"}
            assert not go_on.is_set()
            go_on.set()

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(send)
                await gate.wait_arrived()
                group.start_soon(database.read, block)
                await to_thread.run_sync(begun.wait, 5)
                gate.open()

        async def replayed() -> dict[str, str]:
            return states(await service.cascade(HELLO, idempotency_key=KEY))

        await eventually(replayed, lambda found: found == {"ada": "written"})


async def test_a_key_that_cannot_be_claimed_types_nothing(
    service: MessageService, terminal: FakeTerminal, store: Store
) -> None:
    homes = await add_agents(terminal, store, "ada")
    await store.cascades._database.read(
        lambda connection: connection.execute("PRAGMA query_only = ON")
    )

    with pytest.raises(StoreError):
        await service.cascade(HELLO, idempotency_key=KEY)

    assert terminal.typed(homes["ada"]) == ""
