"""Triggers: when a session prints a pattern, something is done."""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
import structlog
from anyio.lowlevel import checkpoint

from iterm_mcp.errors import InvalidRequestError, ItermMcpError, NotFoundError, RefusedError
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.messages import Cascade, ReceiptState
from iterm_mcp.models.triggers import Act, Firing, Trigger, TriggerId
from iterm_mcp.services.background import Background
from iterm_mcp.services.output.following import Follower, Stretch
from iterm_mcp.services.output.patterns import Patterns
from iterm_mcp.services.output.trigger_rules import Lines, Rule, pieces
from iterm_mcp.services.sessions.keys import key_sequence
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.deliveries.messages import MessageService
    from iterm_mcp.services.output.reading import Reader
    from iterm_mcp.services.sessions.sending import SendingService
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.store.triggers import TriggerStore
    from iterm_mcp.terminal.protocol import Terminal

MAX_TRIGGERS = 200
MAX_TEXT = 10_000
MAX_PER_MINUTE = 60
KEPT_FIRINGS = 50
LINE_CHARACTERS = 500
TEAM = "team:"
LOOP = "it acted again and again right after its own act"
GONE = "there is no such session"

log = structlog.get_logger()


class _Watched:
    """A session that has triggers."""

    def __init__(self, clock: Clock) -> None:
        self.rules: dict[TriggerId, Rule] = {}
        self.lines = Lines(clock)
        self.scope = anyio.CancelScope()


class TriggerService:
    """Sets triggers and acts; they are armed while `running` is entered."""

    def __init__(
        self,
        terminal: Terminal,
        store: TriggerStore,
        reader: Reader,
        sessions: SessionService,
        sending: SendingService,
        messages: MessageService,
        clock: Clock,
    ) -> None:
        self._terminal = terminal
        self._store = store
        self._reader = reader
        self._sessions = sessions
        self._sending = sending
        self._messages = messages
        self._clock = clock
        self._watched: dict[SessionId, _Watched] = {}
        self._background = Background()
        self._acting: set[TriggerId] = set()
        self._firings: deque[Firing] = deque(maxlen=KEPT_FIRINGS)
        self._changed: Callable[[], None] = _nobody

    @asynccontextmanager
    async def running(self, changed: Callable[[], None] | None = None) -> AsyncIterator[None]:
        """Arm the triggers that are kept, and those that are set in the block.

        Args:
            changed: Called when a trigger has acted, came or went.

        Raises:
            StoreError: They cannot be read.
        """
        known = await self._store.load()
        async with self._background.running():
            self._changed = changed or _nobody
            for trigger in known:
                self._arm(trigger)
            yield

    async def add(self, trigger: Trigger) -> Trigger:
        """Set a trigger and return it as it stands, with its id; it acts on what comes now.

        Args:
            trigger: Its id is not looked at; its sessions are what `SessionService.find`
                understands.

        Raises:
            InvalidRequestError: The pattern, the keys or the text cannot be used.
            NotFoundError: There is no such session.
            RefusedError: There are too many, or another one has locked where it would type.
        """
        _check(trigger)
        session_id = await self._sessions.find(trigger.session_id)
        await self._terminal.read_variables(session_id, ["columns"])  # it must stand
        to = trigger.to
        if trigger.act in {Act.TEXT, Act.KEYS}:
            to = await self._sending.may_type(to or session_id, trigger.lock_id)
        known = sum(len(one.rules) for one in self._watched.values())
        if known >= MAX_TRIGGERS:
            raise RefusedError(
                f"there are {known} triggers already", hint="Remove some.", code="too_many_triggers"
            )
        self._background.check()
        trigger = replace(
            trigger, trigger_id=TriggerId(uuid4().hex[:8]), session_id=session_id, to=to
        )
        await self._store.add(trigger)
        follower = self._arm(trigger)
        if follower is not None:
            with anyio.move_on_after(5):
                await follower.ready.wait()
        self._changed()
        return trigger

    async def remove(self, trigger_id: str) -> None:
        """Remove a trigger.

        Raises:
            NotFoundError: There is none of that id.
        """
        for session_id, watched in self._watched.items():
            if watched.rules.pop(TriggerId(trigger_id), None) is not None:
                await self._store.remove([TriggerId(trigger_id)])
                if not watched.rules:
                    watched.scope.cancel()
                    self._watched.pop(session_id, None)
                self._changed()
                return
        raise NotFoundError("trigger", trigger_id, hint="List them to see which there are.")

    async def described(self) -> dict[str, Any]:
        """Return every trigger, and what they did last, as data."""
        rules = [rule for one in self._watched.values() for rule in one.rules.values()]
        return {
            "triggers": [_described(rule) for rule in rules],
            "last": [_fired(one) for one in self._firings],
        }

    def _arm(self, trigger: Trigger) -> Follower | None:
        """Let a trigger act; return what has to be ready before, if it is new."""
        watched = self._watched.get(trigger.session_id)
        follower = None
        if watched is None:
            watched = self._watched[trigger.session_id] = _Watched(self._clock)
            follower = Follower(
                self._terminal,
                self._reader,
                trigger.session_id,
                lambda stretch: self._see(trigger.session_id, stretch),
            )
            self._background.start(self._follow, trigger.session_id, watched, follower)
        watched.rules[trigger.trigger_id] = Rule(trigger, self._clock)
        return follower

    async def _follow(self, session_id: SessionId, watched: _Watched, follower: Follower) -> None:
        ended = False
        with watched.scope:
            ended = await follower.run()
        if watched.scope.cancelled_caught:
            return
        if not ended:  # another terminal's, perhaps: the next daemon looks for it again
            for rule in watched.rules.values():
                rule.trigger = replace(rule.trigger, stopped=GONE)
            return
        self._watched.pop(session_id, None)
        log.info("triggers_ended", session=session_id, triggers=len(watched.rules))
        await self._keep(self._store.remove, list(watched.rules))
        self._changed()

    async def _see(self, session_id: SessionId, stretch: Stretch) -> None:
        """Act on what a session has printed; nothing here waits for an act to end."""
        watched = self._watched.get(session_id)
        if watched is None or not self._background.is_open:
            return
        for piece in pieces(stretch):
            ready = [rule for rule in watched.rules.values() if not rule.trigger.stopped]
            await self._act_on(watched.lines.hits(piece, ready))
            await checkpoint()  # much may have been printed, and others wait

    async def _act_on(self, hits: list[tuple[Rule, str]]) -> None:
        for rule, line in hits:
            trigger = rule.trigger
            if trigger.stopped:
                continue
            if trigger.trigger_id in self._acting:
                rule.held_back += 1
            elif self._background.is_open and rule.may_act():
                if rule.feeds_itself():
                    await self._stop(rule, LOOP)
                self._acting.add(trigger.trigger_id)
                self._background.start(self._act, trigger, line)

    async def _stop(self, rule: Rule, reason: str) -> None:
        rule.trigger = replace(rule.trigger, stopped=reason)
        log.warning("trigger_stopped", trigger=rule.trigger.trigger_id, reason=reason)
        await self._keep(self._store.stop, rule.trigger.trigger_id, reason)

    async def _keep(self, write: Callable[..., Any], *values: Any) -> None:  # noqa: ANN401
        try:
            await write(*values)
        except ItermMcpError as error:
            log.warning("trigger_not_kept", reason=str(error))

    async def _act(self, trigger: Trigger, line: str) -> None:
        problem = ""
        try:
            problem = await self._do(trigger)
        except ItermMcpError as error:
            problem = str(error)
        finally:
            self._acting.discard(trigger.trigger_id)
        shown = sanitise(line).strip()[:LINE_CHARACTERS]
        firing = Firing(trigger.trigger_id, trigger.session_id, shown, self._clock.now(), problem)
        self._firings.append(firing)
        log.info(
            "trigger_fired",
            trigger=trigger.trigger_id,
            session=trigger.session_id,
            act=trigger.act.value,
            problem=problem,
        )
        self._changed()

    async def _do(self, trigger: Trigger) -> str:
        """Do what a trigger is for; return why part of it failed."""
        match trigger.act:
            case Act.TEXT:
                await self._sending.send_text(
                    trigger.to, trigger.text, enter=trigger.enter, lock_id=trigger.lock_id
                )
            case Act.KEYS:
                await self._sending.send_keys(
                    trigger.to, trigger.text.split(), lock_id=trigger.lock_id
                )
            case Act.MESSAGE:
                return await self._deliver(trigger)
            case Act.NOTIFY:
                pass
        return ""

    async def _deliver(self, trigger: Trigger) -> str:
        to, text = trigger.to, trigger.text
        cascade = (
            Cascade(teams={TeamName(to.removeprefix(TEAM)): text})
            if to.startswith(TEAM)
            else Cascade(agents={AgentName(to): text})
        )
        result = await self._messages.cascade(cascade, lock_id=trigger.lock_id)
        failed = [one for one in result.receipts if one.state is not ReceiptState.WRITTEN]
        return f"{failed[0].agent}: {failed[0].reason}" if failed else ""


def _check(trigger: Trigger) -> None:
    """See that a trigger can be set.

    Raises:
        InvalidRequestError: It cannot.
    """
    Patterns([trigger.pattern])
    problem = ""
    if not 1 <= trigger.per_minute <= MAX_PER_MINUTE:
        problem = f"a trigger acts 1 to {MAX_PER_MINUTE} times a minute"
    elif len(trigger.text) > MAX_TEXT:
        problem = f"a trigger's text has at most {MAX_TEXT} characters"
    elif trigger.act is Act.KEYS and not trigger.text.split():
        problem = "there are no keys to press"
    elif trigger.act is Act.TEXT and not trigger.text and not trigger.enter:
        problem = "there is nothing to type"
    elif trigger.act is Act.MESSAGE and not (trigger.text and trigger.to):
        problem = "a message needs a text, and an agent or team:NAME in to"
    if problem:
        raise InvalidRequestError(problem, hint="Set the trigger with other arguments.")
    if trigger.act is Act.KEYS:
        for key in trigger.text.split():
            key_sequence(key, application_cursor=False)


def _described(rule: Rule) -> dict[str, Any]:
    trigger = rule.trigger
    described: dict[str, Any] = {
        "trigger_id": trigger.trigger_id,
        "session_id": trigger.session_id,
        "pattern": trigger.pattern,
        "act": trigger.act.value,
        "fired": rule.fired,
    }
    if trigger.act is not Act.NOTIFY:
        described |= {"to": trigger.to, "text": trigger.text[:80]}
    if rule.held_back:
        described["held_back"] = rule.held_back
    if trigger.stopped:
        described["stopped"] = trigger.stopped
    return described


def _fired(firing: Firing) -> dict[str, Any]:
    fired: dict[str, Any] = {
        "trigger_id": firing.trigger_id,
        "session_id": firing.session_id,
        "line": firing.line,
        "at": firing.at.isoformat(),
    }
    if firing.problem:
        fired["problem"] = firing.problem
    return fired


def _nobody() -> None:
    """Tell nobody."""
