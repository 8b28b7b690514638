"""What one client wants to be told. Pure: no ids are resolved and nothing is sent here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterm_mcp.host import wire
from iterm_mcp.host.keystrokes import DOWN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, MutableMapping

    from iterm_mcp.host.keystrokes import Keystroke

Status = wire.NotificationResponse.Status

GLOBAL_TOPICS = frozenset({
    wire.NOTIFY_ON_NEW_SESSION,
    wire.NOTIFY_ON_TERMINATE_SESSION,
    wire.NOTIFY_ON_LAYOUT_CHANGE,
    wire.NOTIFY_ON_FOCUS_CHANGE,
    wire.NOTIFY_ON_BROADCAST_CHANGE,
})  # fmt: skip
"""One subscription a client, whatever session the request names."""

SESSION_TOPICS = frozenset({
    wire.NOTIFY_ON_SCREEN_UPDATE,
    wire.NOTIFY_ON_PROMPT,
    wire.NOTIFY_ON_CUSTOM_ESCAPE_SEQUENCE,
    wire.NOTIFY_ON_KEYSTROKE,
    wire.KEYSTROKE_FILTER,
})  # fmt: skip
"""One subscription a client and session; ``all`` covers sessions to come."""

ALL = "all"


@dataclass(frozen=True, slots=True)
class Monitor:
    """A variable that a client watches, in the words of its request."""

    scope: wire.VariableScope.ValueType
    identifier: str
    name: str


@dataclass(slots=True)
class Subscriptions:
    """The subscriptions of one connection; they end with it.

    Attributes:
        profiles: The GUIDs of watched shared profiles; an empty one stands for all.
        prompt_modes: What is told of a session's prompts, by its id or ``all``.
        every_key: Sessions, or ``all``, of which keys that come up are told too.
        monitor_patterns, filter_patterns: Keys that are kept from a session, by its id or ``all``.
        monitors: The watched variables, each with the values last told, by concrete object.
    """

    topics: set[int] = field(default_factory=set)
    by_session: set[tuple[int, str]] = field(default_factory=set)
    profiles: set[str] = field(default_factory=set)
    prompt_modes: dict[str, set[int]] = field(default_factory=dict)
    every_key: set[str] = field(default_factory=set)
    monitor_patterns: dict[str, list[wire.KeystrokePattern]] = field(default_factory=dict)
    filter_patterns: dict[str, list[wire.KeystrokePattern]] = field(default_factory=dict)
    monitors: dict[Monitor, dict[str, str]] = field(default_factory=dict)

    def change_topic(
        self, topic: int, *, subscribe: bool
    ) -> wire.NotificationResponse.Status.ValueType:
        """Subscribe to a global topic, or stop."""
        if subscribe:
            if topic in self.topics:
                return Status.ALREADY_SUBSCRIBED
            self.topics.add(topic)
        else:
            if topic not in self.topics:
                return Status.NOT_SUBSCRIBED
            self.topics.remove(topic)
        return Status.OK

    def change_session(
        self, topic: int, session: str, *, subscribe: bool
    ) -> wire.NotificationResponse.Status.ValueType:
        """Subscribe to a topic of one session or of ``all``, or stop.

        ``all`` never answers that it is subscribed already, as in the app; to stop it also
        ends the subscriptions of single sessions.
        """
        key = (topic, session)
        if subscribe:
            if key in self.by_session and session != ALL:
                return Status.ALREADY_SUBSCRIBED
            self.by_session.add(key)
            return Status.OK
        if session == ALL:
            gone = {one for one in self.by_session if one[0] == topic}
            self.by_session -= gone
            return Status.OK if gone else Status.NOT_SUBSCRIBED
        if key not in self.by_session:
            return Status.NOT_SUBSCRIBED
        self.by_session.remove(key)
        return Status.OK

    def change_prompts(self, session: str, modes: Collection[int] | None) -> None:
        """Tell of these kinds of prompt events too, of new prompts when none is named.

        None: of no more events of this session, or of no session's by ``all``.
        """
        if modes is not None:
            self.prompt_modes.setdefault(session, set()).update(modes or {wire.PROMPT})
        else:
            _forget(self.prompt_modes, session)

    def change_keys(self, session: str, asked: wire.KeystrokeMonitorRequest | None) -> None:
        """Tell of keys: also of those that come up, when that was asked for. None: no more."""
        if asked is None:
            self.every_key = set() if session == ALL else self.every_key - {session}
            _forget(self.monitor_patterns, session)
            return
        if asked.advanced:
            self.every_key.add(session)
        _extend(self.monitor_patterns.setdefault(session, []), asked.patterns_to_ignore)

    def change_filter(self, session: str, asked: wire.KeystrokeFilterRequest | None) -> None:
        """Take keys away that match these patterns too. None: no more."""
        if asked is None:
            _forget(self.filter_patterns, session)
        else:
            _extend(self.filter_patterns.setdefault(session, []), asked.patterns_to_ignore)

    def wants_key(self, session: str, keystroke: Keystroke) -> bool:
        """Tell whether a key event of a session was asked for."""
        return self.wants_of(wire.NOTIFY_ON_KEYSTROKE, session) and (
            keystroke.action == DOWN or not self.every_key.isdisjoint((session, ALL))
        )

    def takes_key(self, session: str, keystroke: Keystroke) -> bool:
        """Tell whether a key is to be kept from a session."""
        return any(
            keystroke.matches(patterns.get(one, ()))
            for patterns in (self.monitor_patterns, self.filter_patterns)
            for one in (session, ALL)
        )

    def change_profile(
        self, guid: str, *, subscribe: bool
    ) -> wire.NotificationResponse.Status.ValueType:
        """Subscribe to the changes of a shared profile, or stop.

        An empty GUID stands for all, those that were named included.
        """
        if subscribe:
            known = guid in self.profiles
            self.profiles.add(guid)
            return Status.ALREADY_SUBSCRIBED if known else Status.OK
        gone = {one for one in self.profiles if guid in {"", one}}
        self.profiles -= gone
        return Status.OK if gone else Status.NOT_SUBSCRIBED

    def wants_profile(self, guid: str) -> bool:
        """Tell whether the changes of a shared profile were asked for."""
        return not self.profiles.isdisjoint({"", guid})

    def wants_prompts(self, session: str, mode: int) -> bool:
        """Tell whether a kind of prompt event of a session was asked for."""
        return any(mode in self.prompt_modes.get(one, ()) for one in (session, ALL))

    def wants(self, topic: int) -> bool:
        """Tell whether a global topic was asked for."""
        return topic in self.topics

    def wants_of(self, topic: int, session: str) -> bool:
        """Tell whether a session's topic was asked for, by its id or by ``all``."""
        return (topic, session) in self.by_session or (topic, ALL) in self.by_session

    def forget_session(self, session: str) -> None:
        """Drop what names a session that is gone."""
        self.by_session = {one for one in self.by_session if one[1] != session}
        self.every_key.discard(session)
        for by_session in (self.prompt_modes, self.monitor_patterns, self.filter_patterns):
            _forget(by_session, session)
        self.monitors = {
            monitor: told
            for monitor, told in self.monitors.items()
            if monitor.identifier != session
        }
        for told in self.monitors.values():
            told.pop(session, None)


def _extend(known: list[wire.KeystrokePattern], more: Iterable[wire.KeystrokePattern]) -> None:
    """Add patterns, each once however often it is asked for."""
    known += [one for one in more if one not in known]


def _forget(by_session: MutableMapping[str, Any], session: str) -> None:
    """Drop what was asked of a session, or of every one."""
    if session == ALL:
        by_session.clear()
    else:
        by_session.pop(session, None)
