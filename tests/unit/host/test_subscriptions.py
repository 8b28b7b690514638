"""What one client wants to be told."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from iterm_mcp.host import wire
from iterm_mcp.host.subscriptions import (
    ALL,
    GLOBAL_TOPICS,
    SESSION_TOPICS,
    Monitor,
    Status,
    Subscriptions,
)

SCREEN = wire.NOTIFY_ON_SCREEN_UPDATE
KEYS = wire.NOTIFY_ON_KEYSTROKE
OPENED = wire.NOTIFY_ON_NEW_SESSION


def test_a_new_client_wants_nothing() -> None:
    fresh = Subscriptions()
    assert not any(fresh.wants(topic) for topic in GLOBAL_TOPICS)
    assert not any(fresh.wants_of(topic, "s") for topic in SESSION_TOPICS)


def test_no_topic_is_both_global_and_a_sessions() -> None:
    assert not GLOBAL_TOPICS & SESSION_TOPICS


def test_a_global_topic_is_subscribed_once_and_left_once() -> None:
    mine = Subscriptions()
    said = [mine.change_topic(OPENED, subscribe=on) for on in (True, True, False, False)]
    assert said == [
        Status.OK, Status.ALREADY_SUBSCRIBED, Status.OK, Status.NOT_SUBSCRIBED
    ]  # fmt: skip
    assert not mine.wants(OPENED)


def test_a_session_is_subscribed_by_itself_or_with_all() -> None:
    mine = Subscriptions()
    assert mine.change_session(SCREEN, "a", subscribe=True) == Status.OK
    assert mine.change_session(SCREEN, "a", subscribe=True) == Status.ALREADY_SUBSCRIBED
    assert [mine.wants_of(SCREEN, one) for one in ("a", "b")] == [True, False]
    assert mine.change_session(SCREEN, ALL, subscribe=True) == Status.OK
    assert mine.change_session(SCREEN, ALL, subscribe=True) == Status.OK
    assert [mine.wants_of(SCREEN, one) for one in ("a", "b")] == [True, True]
    assert not mine.wants_of(KEYS, "a")


def test_leaving_all_leaves_each_but_only_of_that_topic() -> None:
    mine = Subscriptions()
    assert mine.change_session(SCREEN, ALL, subscribe=False) == Status.NOT_SUBSCRIBED
    mine.change_session(SCREEN, "a", subscribe=True)
    mine.change_session(KEYS, "a", subscribe=True)
    assert mine.change_session(SCREEN, ALL, subscribe=False) == Status.OK
    assert (mine.wants_of(SCREEN, "a"), mine.wants_of(KEYS, "a")) == (False, True)


def test_leaving_one_of_all_is_not_possible() -> None:
    mine = Subscriptions()
    mine.change_session(SCREEN, ALL, subscribe=True)
    assert mine.change_session(SCREEN, "a", subscribe=False) == Status.NOT_SUBSCRIBED
    assert mine.wants_of(SCREEN, "a")


def test_nothing_is_kept_of_a_session_that_is_gone() -> None:
    mine = Subscriptions()
    for session in ("a", "b", ALL):
        mine.change_session(SCREEN, session, subscribe=True)
    by_name = Monitor(wire.SESSION, "a", "jobName")
    by_all = Monitor(wire.SESSION, ALL, "jobName")
    mine.monitors = {by_name: {"a": "1"}, by_all: {"a": "1", "b": "2"}}
    mine.forget_session("a")
    assert mine.by_session == {(SCREEN, "b"), (SCREEN, ALL)}
    assert mine.monitors == {by_all: {"b": "2"}}


@pytest.mark.parametrize("topic", sorted(GLOBAL_TOPICS))
def test_a_gone_session_ends_no_global_topic(topic: int) -> None:
    mine = Subscriptions()
    mine.change_topic(topic, subscribe=True)
    mine.forget_session("a")
    assert mine.wants(topic)


TOPICS = st.sampled_from(sorted(SESSION_TOPICS))
SESSIONS = st.sampled_from(["a", "b", "c"])


class SubscriptionsMachine(RuleBasedStateMachine):
    """Against the plainest model: a set of pairs, and a set of topics wanted of all."""

    def __init__(self) -> None:
        super().__init__()
        self.real = Subscriptions()
        self.pairs: set[tuple[int, str]] = set()

    @rule(topic=TOPICS, session=SESSIONS | st.just(ALL))
    def subscribe(self, topic: int, session: str) -> None:
        again = session != ALL and (topic, session) in self.pairs
        said = self.real.change_session(topic, session, subscribe=True)
        assert said == (Status.ALREADY_SUBSCRIBED if again else Status.OK)
        self.pairs.add((topic, session))

    @rule(topic=TOPICS, session=SESSIONS | st.just(ALL))
    def leave(self, topic: int, session: str) -> None:
        gone = {one for one in self.pairs if one[0] == topic and session in {ALL, one[1]}}
        said = self.real.change_session(topic, session, subscribe=False)
        assert said == (Status.OK if gone else Status.NOT_SUBSCRIBED)
        self.pairs -= gone

    @rule(session=SESSIONS)
    def end(self, session: str) -> None:
        self.real.forget_session(session)
        self.pairs = {one for one in self.pairs if one[1] != session}

    @rule(topic=TOPICS, session=SESSIONS)
    def ask(self, topic: int, session: str) -> None:
        expected = bool({(topic, session), (topic, ALL)} & self.pairs)
        assert self.real.wants_of(topic, session) == expected


TestSubscriptions = SubscriptionsMachine.TestCase


def test_profiles_are_watched_one_by_one_or_all() -> None:
    mine = Subscriptions()
    assert mine.change_profile("A", subscribe=True) == Status.OK
    assert mine.change_profile("A", subscribe=True) == Status.ALREADY_SUBSCRIBED
    assert (mine.wants_profile("A"), mine.wants_profile("B")) == (True, False)
    assert mine.change_profile("", subscribe=True) == Status.OK
    assert mine.wants_profile("B")
    assert mine.change_profile("B", subscribe=False) == Status.NOT_SUBSCRIBED
    assert mine.change_profile("", subscribe=False) == Status.OK
    assert not mine.wants_profile("A")
