from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from iterm_mcp.errors import NotFoundError, StoreError, TerminalUnavailableError
from iterm_mcp.models.commands import CommandState
from iterm_mcp.models.messages import ReceiptState
from iterm_mcp.models.tasks import TaskState
from iterm_mcp.services.probing import journey
from iterm_mcp.services.probing.journey import Hands, Way
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iterm_mcp.models.probes import Journey
    from iterm_mcp.models.sessions import Program

MARK = "iterm-mcp-probe-1"


class World:
    """A small world in which everything works, until it is told what does not.

    It plays all the hands at once, and knows what stands in it.
    """

    def __init__(self) -> None:
        self.sessions: set[str] = set()
        self.agents: set[str] = set()
        self.tasks: dict[str, Any] = {}
        self.waiting: list[str] = []
        self.closed: list[str] = []
        self.ready = True
        self.exit_code = 0
        self.prints = True
        self.receipt = ReceiptState.WRITTEN
        self.does = True
        self.ends = TaskState.SUCCEEDED
        self.broken: dict[str, Exception] = {}
        self.stuck = ""
        self.engine = self

    async def _at(self, what: str) -> None:
        if what == self.stuck:
            await anyio.sleep_forever()
        if what in self.broken:
            raise self.broken[what]

    async def open(self, program: Program, _place: object) -> Any:  # noqa: ANN401
        await self._at("open")
        assert program.name == MARK
        self.sessions.add("s-1")
        return SimpleNamespace(session_id="s-1")

    async def wait_ready(self, _session: str) -> bool:
        return self.ready

    async def run(self, _session: str, command: str, **_: object) -> Any:  # noqa: ANN401
        await self._at("run")
        text = f"ran-{command.rsplit(maxsplit=1)[-1]}" if self.prints else ""
        return SimpleNamespace(
            state=CommandState.FINISHED,
            exit_code=self.exit_code,
            output=SimpleNamespace(text=text),
        )

    async def register_agent(self, name: str, *_: object, **__: object) -> None:
        self.agents.add(name)

    async def cursor(self, _session: str) -> object:
        return object()

    async def cascade(self, _cascade: object) -> Any:  # noqa: ANN401
        if self.receipt is ReceiptState.ACCEPTED:
            self.waiting.append("d-1")
        return SimpleNamespace(receipts=[SimpleNamespace(state=self.receipt, reason="locked")])

    async def wait(self, first: object, *_: object, **__: object) -> Any:  # noqa: ANN401
        if isinstance(first, list):
            await self._at("wait")
            return tuple(self.tasks.values())
        return SimpleNamespace(match=object() if self.does else None)

    async def submit_one(self, _caller: object, name: str, *_: object) -> Any:  # noqa: ANN401
        await self._at("submit")
        self.tasks["t-1"] = SimpleNamespace(
            task_id="t-1", state=self.ends, reason="", spec=SimpleNamespace(name=name)
        )
        return self.tasks["t-1"]

    async def why_waiting(self, tasks: Sequence[Any]) -> dict[str, tuple[str, ...]]:
        waits = [one.task_id for one in tasks if one.state is TaskState.QUEUED]
        return dict.fromkeys(waits, ("the machine is busy",))

    async def find(self, _query: object) -> Any:  # noqa: ANN401
        await self._at("find")
        other = SimpleNamespace(task_id="t-9", spec=SimpleNamespace(name="other"))
        return SimpleNamespace(tasks=(*self.tasks.values(), other)), {}

    async def cancel(self, first: object, *_: object) -> None:
        if isinstance(first, str) or not hasattr(first, "name"):
            self.waiting.clear()
        else:
            self.tasks["t-1"].state = TaskState.CANCELLED

    async def purge(self, ids: Iterable[str] = (), *, agent: str = "") -> int:
        for one in ids:
            assert one != "t-9"
            del self.tasks[one]
        return len(agent)

    async def remove_agent(self, name: str) -> None:
        await self._at("remove")
        if name not in self.agents:
            raise NotFoundError("agent", name)
        self.agents.remove(name)

    async def select(self, _selectors: Sequence[str]) -> tuple[Any, ...]:
        await self._at("select")
        return tuple(
            SimpleNamespace(info=SimpleNamespace(session_id=one)) for one in sorted(self.sessions)
        )

    async def close(self, session: str, **_: object) -> None:
        self.closed.append(session)
        self.sessions.discard(session)


class Letters:
    def __init__(self, world: World) -> None:
        self._world = world

    async def waiting(self, _agent: str) -> list[Any]:
        return [SimpleNamespace(delivery_id=one) for one in self._world.waiting]

    async def purge(self, *, agent: str) -> int:
        return len(agent)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def way(world: World) -> Way:
    one = cast("Any", world)
    hands = Hands(
        one, one, one, one, one, one, one, one, one, one, cast("Any", Letters(world)), one
    )
    return Way(hands, FakeClock(), MARK)


def reasons(found: Journey) -> list[str]:
    return [one.reason for one in found.steps]


async def test_where_all_works_all_is_well_and_nothing_is_left(way: Way, world: World) -> None:
    found = await way.go()
    assert found.is_ok
    assert reasons(found) == [""] * 4
    assert (world.sessions, world.agents, world.tasks) == (set(), set(), {})


@pytest.mark.parametrize(
    ("changed", "value", "expected"),
    [
        ("ready", False, ["the shell shows no prompt", "", "", ""]),
        ("exit_code", 3, ["", "the command is finished, with exit code 3", "", ""]),
        ("prints", False, ["", "the command's output was not seen", "", ""]),
        ("receipt", ReceiptState.REFUSED, ["", "", "the message is refused: locked", ""]),
        ("does", False, ["", "", "the agent was told, and did not do it", ""]),
        ("ends", TaskState.DEAD, ["", "", "", "the task is dead: nothing says why"]),
        ("ends", TaskState.QUEUED, ["", "", "", "the task is queued: the machine is busy"]),
    ],
)
async def test_what_does_not_work_is_told_and_the_rest_is_tried(
    way: Way, world: World, changed: str, value: object, expected: list[str]
) -> None:
    setattr(world, changed, value)
    found = await way.go()
    assert reasons(found) == expected
    assert (found.is_ok, found.left) == (False, ())
    assert (world.sessions, world.agents, world.tasks) == (set(), set(), {})


async def test_a_message_that_still_waits_is_taken_back(way: Way, world: World) -> None:
    world.receipt, world.does = ReceiptState.ACCEPTED, False
    await way.go()
    assert world.waiting == []


async def test_a_terminal_that_is_away_fails_what_needs_it_and_leaves_nothing(
    way: Way, world: World
) -> None:
    away = TerminalUnavailableError("no terminal answers")
    world.broken = {"open": away, "select": away}
    found = await way.go()
    assert reasons(found) == [
        "no terminal answers", "there is no session to do it in",
        "there is no session to do it in", "",
    ]  # fmt: skip
    assert found.left == ()


async def test_a_step_that_never_ends_has_failed(
    way: Way, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journey, "STEP_SECONDS", 0.01)
    world.stuck = "run"
    assert reasons(await way.go())[1] == "it took more than 0.01 s"


async def test_what_cannot_be_removed_is_told_and_the_rest_is_removed(
    way: Way, world: World
) -> None:
    world.broken = {
        "find": StoreError("the database is away"),
        "select": TerminalUnavailableError("it went away"),
    }
    found = await way.go()
    assert found.left == ("the task: the database is away", "the session: it went away")
    assert not found.is_ok
    assert world.agents == set()
    world.broken = {}
    assert await way.clean() == []
    assert (world.sessions, world.tasks) == (set(), {})


async def test_cleaning_up_is_bounded(
    way: Way, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journey, "CLEAN_SECONDS", 0.01)
    world.stuck = "select"
    assert (await way.go()).left == ("removing it all took more than 0.01 s",)


async def test_who_gives_up_leaves_nothing_either(way: Way, world: World) -> None:
    world.stuck = "submit"
    with anyio.move_on_after(0.01):
        await way.go()
    assert (world.sessions, world.agents) == (set(), set())
    assert world.closed == ["s-1"]
