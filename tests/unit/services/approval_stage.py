"""An agent with a screen that is scripted line by line, and all that approvals stand on."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from tests.unit.services.stage import ONE, Stage
from tests.waiting import eventually

from iterm_mcp.agents.kind import Stroke
from iterm_mcp.errors import InvalidRequestError, StoreError
from iterm_mcp.models.agents import Agent
from iterm_mcp.models.approvals import Asks
from iterm_mcp.models.happenings import ScreenChanged
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting
from iterm_mcp.models.output import OutputLine
from iterm_mcp.services.approvals.book import ApprovalBook
from iterm_mcp.services.approvals.dialogs import Dialog
from iterm_mcp.services.approvals.following import ApprovalFollower
from iterm_mcp.services.approvals.keys import KeyAnswerer
from iterm_mcp.services.approvals.policy_file import PolicyFile
from iterm_mcp.services.approvals.rivals import Rivals
from iterm_mcp.services.approvals.service import ApprovalService
from iterm_mcp.services.deliveries.leases import Leases
from iterm_mcp.services.sessions.lock_book import LockBook
from iterm_mcp.services.sessions.writers import SessionWriters
from iterm_mcp.services.states.service import AgentStateService
from iterm_mcp.testing.fake_clock import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from iterm_mcp.agents.driver import Conversation
    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.models.approvals import Approval
    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.sessions import Screen
    from iterm_mcp.store import Store

ANN = AgentName("ann")
TOUCH = Dialog(Asks.PERMISSION, "h1", "Bash", {"command": "touch x"}, "touch x", exact=True)
REMOVE = Dialog(Asks.PERMISSION, "h2", "Bash", {"command": "rm x"}, "rm x", exact=True)
CHOICES = ("allow", "deny")

_ASKS = re.compile(r"ASK (\w+) (.*)")


class Digits:
    """A kind whose dialogs are ``ASK tool command`` and an option a line, chosen by digits."""

    name = "shell"  # the only kind that a store's agents need to have

    def see(self, screen: Screen, title: str) -> tuple[Sighting, ...]:
        del title
        for row, text in enumerate(screen.lines):
            found = _ASKS.fullmatch(text)
            if found:
                options = [one for one in screen.lines[row + 1 :] if one]
                value: dict[str, Json] = {
                    "asks": "question" if found[1] == "question" else "permission",
                    "tool": "" if found[1] == "question" else found[1],
                    "input": {} if found[1] == "question" else {"command": found[2]},
                    "text": found[2],
                    "options": list(options),
                }
                return (Sighting(Fact.DIALOG, value, ObservationSource.SCREEN),)
        return (Sighting(Fact.DIALOG, {}, ObservationSource.SCREEN),)

    def answer(self, dialog: Mapping[str, Json], choice: str) -> tuple[Stroke, ...]:
        options = cast("list[str]", dialog["options"])
        names = {"allow": "Yes", "deny": "No"}
        if choice == "pasted":
            return (Stroke("3", paste=True, pause_seconds=0.01),)
        wanted = names.get(choice, choice)
        if wanted not in options:
            raise InvalidRequestError(f"no option {choice}", hint="Choose another.")
        digit = Stroke(str(options.index(wanted) + 1))
        return (digit, Stroke("\r")) if choice == "twice" else (digit,)


class Written:
    """An audit log in memory."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def record(self, entry: Mapping[str, object], arguments: Mapping[str, object]) -> None:
        self.entries.append({**entry, "arguments": dict(arguments)})


class Scene:
    """One agent, and the service over it.

    Attributes:
        states: The real ones, over the test's store.
    """

    def __init__(self, store: Store, clock: FakeClock, folder: Path) -> None:
        self.stage = Stage(height=6)
        self.store = store
        self.clock = clock
        self.audit = Written()
        self.rules = folder / "approvals.toml"
        self.locks = LockBook(store.locks, clock)
        self.writers = SessionWriters(wait_seconds=0.5, locks=self.locks)
        self.states = AgentStateService(store, clock)
        self.kind = cast("AgentKind", Digits())
        self.told = 0
        self.talk: Any = None
        self.folder = folder
        self.renew()

    def find(self, agent: AgentName) -> Conversation | None:
        """Return the conversation of an agent without a screen."""
        return cast("Conversation", self.talk) if self.talk and agent == ANN else None

    def fail_adding(self) -> list[StoreError]:
        """Let the next record not be kept; the list is empty once that has happened."""
        failing = [StoreError("the disk is full")]
        keep = self.store.approvals.add

        async def add(approval: Approval, *, forget_before: datetime) -> None:
            if failing:
                raise failing.pop()
            await keep(approval, forget_before=forget_before)

        self.store.approvals.add = add  # type: ignore[method-assign]
        return failing

    def renew(self, *, new_states: bool = False) -> None:
        """Begin as a new daemon does."""
        if new_states:
            self.states = AgentStateService(self.store, self.clock)
        book = ApprovalBook(self.store.approvals, self.clock, self.audit)
        follower = ApprovalFollower(
            book, self.states, self.store.agents, self.clock, grace_seconds=0.3,
            linger_seconds=0.3, settle_seconds=0.3,
        )  # fmt: skip
        keys = KeyAnswerer(
            self.stage.terminal,
            self.writers,
            Leases(str(self.folder / "leases")),
            lambda _name: self.kind,
        )
        self.keys = keys
        self.service = ApprovalService(
            book,
            follower,
            self.states,
            self.store.agents,
            keys,
            PolicyFile(str(self.rules)),
            Rivals(self.stage.terminal, book, self.store.agents, after_seconds=0.05),
            self,
        )

    def hurry(self) -> None:
        """Let dialogs have little time to come and go: for tests in which they do not."""
        self.keys._appear_seconds = self.keys._go_seconds = 0.2

    def draw(self, *lines: str) -> None:
        """Put lines on the screen; what is not there any more is gone."""
        self.stage.rows = [OutputLine(line) for line in lines]
        self.stage.tell(ScreenChanged())

    def ask(self, tool: str = "Bash", command: str = "touch x") -> None:
        """Draw a dialog."""
        self.draw("working", f"ASK {tool} {command}", "Yes", "No")

    def on_type(self, act: Callable[[str], None]) -> None:
        self.stage.on_type = act

    async def sees(self, fact: Fact, source: ObservationSource, **value: Json) -> None:
        """Record a sighting."""
        await self.states.record(ANN, [Sighting(fact, value, source)])

    async def waits(self, dialog: Dialog | None = None) -> None:
        """Let the agent's registry say that it waits, and a hook for what."""
        if dialog is not None:
            await self.sees(Fact.DIALOG, ObservationSource.HOOK, **value_of(dialog))
        await self.sees(
            Fact.ACTIVITY, ObservationSource.REGISTRY, **{"is": "waiting", "for": "permission"}
        )

    async def goes_on(self, what: str = "busy") -> None:
        """Let the agent's registry say that it waits no more."""
        self.clock.advance(0.1)
        await self.sees(Fact.ACTIVITY, ObservationSource.REGISTRY, **{"is": what})

    async def standing(self, count: int = 1) -> tuple[Approval, ...]:
        """Wait until so many approvals wait for an answer."""
        return await eventually(self.service.book.standing, lambda found: len(found) == count)

    async def answered(self, count: int = 1) -> tuple[Approval, ...]:
        """Wait until so many approvals were answered, the newest first."""
        return await eventually(
            lambda: self.service.book.answered(100), lambda found: len(found) == count
        )


def value_of(dialog: Dialog) -> dict[str, Json]:
    """Return a dialog as a source tells it."""
    return {
        "id": dialog.dialog, "asks": dialog.asks.value, "tool": dialog.tool,
        "input": dict(dialog.input), "text": dialog.text, "options": list(dialog.options),
    }  # fmt: skip


@asynccontextmanager
async def open_scene(store: Store, clock: FakeClock, folder: Path) -> AsyncIterator[Scene]:
    """Register the agent, and follow it for the length of the block."""
    await store.agents.add_agent(Agent(ANN, "shell", ONE, (), "tester", START))
    scene = Scene(store, clock, folder)

    def changed() -> None:
        scene.told += 1

    async with scene.states.running(), scene.service.running(changed):
        yield scene
