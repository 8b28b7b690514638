"""Listening to bridges that are pretended, without a socket."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.waiting import eventually

from iterm_mcp.agents.bridged import BridgeError, Greeting, Record
from iterm_mcp.agents.claude_protocol import as_uuid
from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import AgentError, AgentGoneError, NotFoundError, RefusedError, StoreError
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.agents import Agent
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.observations import Fact
from iterm_mcp.services.agents.headless_agents import HeadlessAgents
from iterm_mcp.services.sessions.writers import SessionWriters
from iterm_mcp.services.states.service import AgentStateService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock

ADA, BOB = AgentName("ada"), AgentName("bob")
HOME, SHELL = SessionId("s1"), SessionId("s2")
ONE = "d-0000000000000001"


class Bridge:
    """A bridge with its journal in memory.

    Attributes:
        said: What the daemon had written to the agent.
        taken: Up to where a daemon knows.
        deaf: It writes down nothing more.
        refused: How often nobody stood there to connect to.
    """

    def __init__(self) -> None:
        self.journal: list[tuple[bytes, bytes, float]] = []
        self.said: list[Mapping[str, Any]] = []
        self.taken = 0
        self.life_at = 0
        self.stands = True
        self.deaf = False
        self.finished: list[str] = []
        self.refused = 0
        self._more = anyio.Event()

    def write(self, mark: bytes, said: object, at: float = 0.0) -> None:
        line = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.journal.append((mark, line, at))
        self.ring()

    def ring(self) -> None:
        self._more.set()
        self._more = anyio.Event()

    def begins(self, epoch: int = 1, life: str = "one") -> None:
        self.life_at = len(self.journal)
        self.write(b"=", {"life": life, "epoch": epoch, "pid": 7, "directory": "/p"})

    def ends(self, **how: int) -> None:
        self.write(b"=", {"ended": how})

    @asynccontextmanager
    async def connect(
        self, folder: Path, since: float, begin: Callable[[Greeting], int]
    ) -> AsyncIterator[tuple[FakeLink, Greeting]]:
        assert folder == Path("/state/ada")
        assert since > 0
        if not self.stands:
            self.refused += 1
            raise BridgeError("there is no bridge")
        greeting = Greeting(0, len(self.journal), self.taken, self.life_at)
        yield FakeLink(self, begin(greeting)), greeting

    async def more(self) -> None:
        await self._more.wait()


class FakeLink:
    """A connection to it; places count records here."""

    def __init__(self, bridge: Bridge, place: int) -> None:
        self.closed = False
        self._bridge = bridge
        self._place = place

    async def next(self) -> list[Record]:
        while self._place >= len(self._bridge.journal) and self._bridge.stands:
            await self._bridge.more()
        if not self._bridge.stands:
            self.closed = True
            raise BridgeError("the bridge is gone")
        new = self._bridge.journal[self._place :]
        first, self._place = self._place + 1, len(self._bridge.journal)
        return [Record(place, mark, at, said) for place, (mark, said, at) in enumerate(new, first)]

    def say(self, life: str, line: bytes) -> None:
        assert life == "one"
        self._bridge.said.append(json.loads(line))
        if not self._bridge.deaf:
            self._bridge.write(b">", line)

    def taken(self, place: int) -> None:
        self._bridge.taken = place

    def finish(self, life: str) -> None:
        self._bridge.finished.append(life)


class Ward:
    """One headless agent, its bridge, and who listens to it."""

    def __init__(self, store: Store, clock: FakeClock, bridge: Bridge) -> None:
        self.clock = clock
        self.bridge = bridge
        self.states = AgentStateService(store, clock)
        self.headless = HeadlessAgents(
            store.agents,
            self.states,
            clock,
            lambda name: Path("/state", name),
            find_kind,
            bridge.connect,
        )

    async def reached(self) -> None:
        await eventually(lambda: self.headless.find(ADA))

    async def becomes(self, state: AgentState) -> None:
        await eventually(lambda: self.states.view(ADA), lambda view: view.state is state)

    async def turns(self) -> list[tuple[Any, Any]]:
        seen = await self.states.observations(ADA)
        return [
            (one.sighting.value["phase"], one.sighting.value["message"])
            for one in seen
            if one.sighting.fact is Fact.TURN
        ]


async def register(store: Store, clock: FakeClock, kind: str = "claude-headless") -> None:
    now = clock.now()
    await store.agents.add_agent(Agent(ADA, kind, HOME, (), "", now))
    await store.agents.add_agent(Agent(BOB, "shell", SHELL, (), "", now))


@pytest.fixture
def bridge(clock: FakeClock) -> Bridge:
    one = Bridge()
    one.begins()
    at = clock.now().timestamp()
    one.write(b"<", {"type": "control_response", "response": {"request_id": "opening"}}, at)
    return one


def lifecycle(state: str, message: str = ONE) -> dict[str, str]:
    return {"type": "command_lifecycle", "command_uuid": as_uuid(message), "state": state}


async def test_a_bridge_is_listened_to_and_the_agent_behind_it_is_told(
    store: Store, clock: FakeClock, bridge: Bridge
) -> None:
    await register(store, clock)
    ward = Ward(store, clock, bridge)
    assert ward.headless.find(ADA) is None
    async with ward.headless.running():
        await ward.reached()
        await ward.becomes(AgentState.READY)
        talk = ward.headless.find(ADA)
        assert talk is not None
        await talk.tell(ONE, "hello")
        for state in ("queued", "started"):
            bridge.write(b"<", lifecycle(state), clock.now().timestamp())
        await ward.becomes(AgentState.WORKING)
        bridge.write(b"<", b"\xff no message", clock.now().timestamp())
        bridge.write(b"!", b"oh \xff", clock.now().timestamp())
        await eventually(lambda: bridge.taken, lambda taken: taken == len(bridge.journal))

        assert (talk.pid, talk.was_told(ONE), ward.headless.find(BOB)) == (7, True, None)
    assert bridge.said[0]["message"]["content"] == "hello"
    assert await ward.turns() == [("queued", ONE), ("started", ONE)]


async def test_a_later_daemon_records_what_was_said_meanwhile_once_and_with_its_time(
    store: Store, clock: FakeClock, bridge: Bridge
) -> None:
    await register(store, clock)
    first = Ward(store, clock, bridge)
    async with first.headless.running():
        await first.becomes(AgentState.READY)
        talk = first.headless.find(ADA)
        assert talk is not None
        await talk.tell(ONE, "hello")
        bridge.write(b"<", lifecycle("started"), clock.now().timestamp())
        await eventually(lambda: bridge.taken, lambda taken: taken == len(bridge.journal))
    said_at = clock.now().timestamp()
    bridge.write(b"<", {"type": "result"}, said_at)
    bridge.write(b"<", lifecycle("completed"), said_at)
    clock.advance(60)

    second = Ward(store, clock, bridge)
    async with second.headless.running():
        await second.reached()
        await second.becomes(AgentState.READY)
        talk = second.headless.find(ADA)
        assert talk is not None
        assert talk.was_told(ONE)
        turns = await second.turns()
        seen = await second.states.observations(ADA)

    assert turns == [("started", ONE), ("ended", ONE)]
    ended = next(one for one in seen if one.sighting.value.get("phase") == "ended")
    assert ended.at == datetime.fromtimestamp(said_at, UTC)


async def test_what_an_agent_asks_is_known_again_after_a_restart(
    store: Store, clock: FakeClock, bridge: Bridge
) -> None:
    await register(store, clock)
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "ls"}}
    asked = {"type": "control_request", "request_id": "r1", "request": request}
    bridge.write(b"<", asked, clock.now().timestamp())
    bridge.taken = len(bridge.journal)  # a former daemon has recorded it
    clock.advance(60)

    ward = Ward(store, clock, bridge)
    async with ward.headless.running():
        await ward.becomes(AgentState.WAITING_PERMISSION)
        talk = ward.headless.find(ADA)
        assert talk is not None
        await talk.answer("r1", "allow")
        bridge.write(b"<", {"type": "result"}, clock.now().timestamp())
        await ward.becomes(AgentState.READY)


async def test_of_a_bridge_that_goes_nothing_is_known_until_it_comes_again(
    store: Store, clock: FakeClock, bridge: Bridge
) -> None:
    await register(store, clock)
    ward = Ward(store, clock, bridge)
    async with ward.headless.running():
        await ward.becomes(AgentState.READY)
        talk = ward.headless.find(ADA)
        assert talk is not None
        clock.advance(1)
        bridge.deaf = True
        async with anyio.create_task_group() as group:

            async def tell() -> None:
                with pytest.raises(AgentError, match="did not say"):
                    await talk.tell(ONE, "hello")

            group.start_soon(tell)
            await eventually(lambda: bridge.said)
            bridge.stands = False
            bridge.ring()
        await ward.becomes(AgentState.UNKNOWN)
        assert ward.headless.find(ADA) is None
        clock.advance(1)
        bridge.stands, bridge.deaf = True, False
        await ward.becomes(AgentState.READY)


@pytest.mark.parametrize("how", [{"code": 3}, {"signal": 9}])
async def test_an_agent_that_ends_is_told_of_and_reached_no_more_until_its_next_life(
    store: Store, clock: FakeClock, bridge: Bridge, how: dict[str, int]
) -> None:
    await register(store, clock)
    ward = Ward(store, clock, bridge)
    async with ward.headless.running():
        await ward.becomes(AgentState.READY)
        talk = ward.headless.find(ADA)
        assert talk is not None
        bridge.write(b"=", {"ended": how}, clock.now().timestamp() + 1)
        await ward.becomes(AgentState.EXITED)
        assert ward.headless.find(ADA) is None
        with pytest.raises(AgentGoneError):
            await talk.tell(ONE, "hello")
        await talk.stop(0)
        clock.advance(5)
        epoch = await ward.states.new_life(ADA)
        bridge.begins(epoch)
        at = clock.now().timestamp()
        bridge.write(b"<", {"type": "control_response", "response": {"request_id": "opening"}}, at)
        await ward.becomes(AgentState.READY)

    exits = [one for one in await ward.states.observations(ADA) if one.sighting.fact is Fact.EXIT]
    assert [dict(one.sighting.value) for one in exits] == [how]
    assert bridge.finished == []


async def test_it_is_asked_to_leave_by_the_end_of_its_input(
    store: Store, clock: FakeClock, bridge: Bridge
) -> None:
    await register(store, clock)
    ward = Ward(store, clock, bridge)
    async with ward.headless.running():
        await ward.reached()
        talk = ward.headless.find(ADA)
        assert talk is not None
        async with anyio.create_task_group() as group:
            group.start_soon(talk.stop, 30.0)
            await eventually(lambda: bridge.finished)
            bridge.ends(code=0)
    assert bridge.finished == ["one"]


async def test_who_is_registered_no_more_is_listened_to_no_more(
    store: Store, clock: FakeClock, bridge: Bridge
) -> None:
    await register(store, clock)
    ward = Ward(store, clock, bridge)
    async with ward.headless.running():
        await ward.reached()
        await store.agents.remove_agent(ADA)
        await eventually(lambda: ward.headless.find(ADA) is None)


async def test_keys_are_refused_where_nobody_hears_them(
    store: Store, clock: FakeClock, bridge: Bridge
) -> None:
    await register(store, clock)
    writers = SessionWriters(keyless=Ward(store, clock, bridge).headless.in_session)

    with pytest.raises(RefusedError, match="hears no keys"):
        async with writers.hold(HOME):
            pytest.fail("it was let type")
    async with writers.hold(HOME, types=False), writers.hold(SHELL):
        pass
    async with writers.hold(SessionId("s3")):
        pass


async def test_who_is_registered_beside_it_changes_nothing(
    store: Store, clock: FakeClock, bridge: Bridge
) -> None:
    await register(store, clock)
    ward = Ward(store, clock, bridge)
    async with ward.headless.running():
        await ward.reached()
        talk = ward.headless.find(ADA)
        later = Agent(AgentName("cid"), "a-kind-of-old", SessionId("s4"), (), "", clock.now())
        await store.agents.add_agent(later)
        assert await ward.headless.in_session(SessionId("s4")) is None
        bridge.write(b"<", {"type": "result"}, clock.now().timestamp())
        await eventually(lambda: bridge.taken, lambda taken: taken == len(bridge.journal))

        assert ward.headless.find(ADA) is talk


async def test_what_a_later_bridge_writes_that_nobody_knows_is_passed_over(
    store: Store, clock: FakeClock, bridge: Bridge
) -> None:
    await register(store, clock)
    ward = Ward(store, clock, bridge)
    async with ward.headless.running():
        await ward.becomes(AgentState.READY)
        bridge.write(b"?", {"new": "mark"})
        bridge.write(b"=", {"new": "note"})
        bridge.write(b">", b"no message")
        bridge.ends(code=0)
        bridge.ends(code=0)  # said twice, as after a crash of the bridge
        bridge.write(b"<", {"type": "result"})
        await eventually(lambda: bridge.taken, lambda taken: taken == len(bridge.journal))

        assert ward.headless.find(ADA) is None
    exits = [one for one in await ward.states.observations(ADA) if one.sighting.fact is Fact.EXIT]
    assert len(exits) == 1


async def test_a_bridge_that_goes_before_it_has_an_agent_leaves_no_gap(
    store: Store, clock: FakeClock
) -> None:
    await register(store, clock)
    bridge = Bridge()
    ward = Ward(store, clock, bridge)
    async with ward.headless.running():
        bridge.write(b"=", {"new": "note"})
        await eventually(lambda: bridge.taken)
        bridge.stands, bridge.taken = False, 0
        bridge.ring()
        await eventually(lambda: bridge.refused)
        bridge.stands = True
        await eventually(lambda: bridge.taken)
        seen = await ward.states.observations(ADA)

    assert seen == ()


@pytest.mark.parametrize(
    ("failure", "count"),
    [
        pytest.param(StoreError("the disk is full", hint="Make room."), 1, id="held"),
        pytest.param(NotFoundError("agent", "ada", hint="It is gone."), 0, id="lost"),
    ],
)
async def test_what_cannot_be_recorded_is_kept_until_it_can_unless_its_agent_is_gone(
    store: Store, clock: FakeClock, bridge: Bridge, monkeypatch: pytest.MonkeyPatch,
    failure: Exception, count: int,
) -> None:  # fmt: skip
    monkeypatch.setattr("iterm_mcp.services.agents.headless_agents.RETRY_SECONDS", 0.01)
    await register(store, clock)
    ward = Ward(store, clock, bridge)
    async with ward.headless.running():
        await ward.becomes(AgentState.READY)
        record, failures = ward.states.record, [failure]

        async def fail_once(*told: Any, **how: Any) -> None:  # noqa: ANN401
            if failures:
                raise failures.pop()
            await record(*told, **how)

        monkeypatch.setattr(ward.states, "record", fail_once)
        bridge.write(b"<", lifecycle("started"), clock.now().timestamp())
        await eventually(lambda: bridge.taken, lambda taken: taken == len(bridge.journal))

        assert not failures
        assert len(await ward.turns()) == count
