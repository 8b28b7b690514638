"""Which text wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.agents import Agent, Registry, Team
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.messages import Cascade, Resolved, Source
from iterm_mcp.services.deliveries.cascade import ancestry, resolve
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    import random


def agent(name: str, *teams: str) -> Agent:
    return Agent(
        AgentName(name),
        "shell",
        SessionId(f"session-{name}"),
        tuple(TeamName(team) for team in sorted(teams)),
        "",
        START,
    )


def team(name: str, parent: str | None = None) -> Team:
    return Team(TeamName(name), None if parent is None else TeamName(parent), "", START)


def registry(*members: Agent | Team) -> Registry:
    return Registry(
        tuple(one for one in members if isinstance(one, Agent)),
        tuple(one for one in members if isinstance(one, Team)),
    )


def cascade(
    broadcast: str | None = None,
    teams: dict[str, str] | None = None,
    agents: dict[str, str] | None = None,
) -> Cascade:
    return Cascade(
        broadcast,
        {TeamName(name): text for name, text in (teams or {}).items()},
        {AgentName(name): text for name, text in (agents or {}).items()},
    )


HOUSE = registry(
    team("company"),
    team("backend", "company"),
    team("database", "backend"),
    team("frontend", "company"),
    agent("ada", "database"),
    agent("bob", "frontend"),
    agent("cyd"),
)


def texts(message: Cascade, among: Registry = HOUSE) -> dict[str, str]:
    return {one.agent: one.text for one in resolve(message, among).resolved}


def test_a_broadcast_reaches_every_agent() -> None:
    assert texts(cascade("hello")) == {"ada": "hello", "bob": "hello", "cyd": "hello"}


def test_a_teams_text_descends_to_all_teams_below_it() -> None:
    assert texts(cascade(teams={"company": "stand up"})) == {"ada": "stand up", "bob": "stand up"}


def test_a_deeper_teams_text_wins_over_one_above_it() -> None:
    message = cascade("all", {"company": "c", "backend": "b", "database": "d"})

    assert texts(message) == {"ada": "d", "bob": "c", "cyd": "all"}


def test_an_agents_own_text_wins_over_everything() -> None:
    message = cascade("all", {"database": "d"}, {"ada": "only you"})

    assert resolve(message, HOUSE).resolved[0] == Resolved(
        AgentName("ada"), SessionId("session-ada"), "only you", Source.AGENT
    )


def test_the_source_and_the_team_that_won_are_told() -> None:
    resolved = resolve(cascade("all", {"backend": "b"}), HOUSE).resolved

    assert [(one.agent, one.source, one.team) for one in resolved] == [
        ("ada", Source.TEAM, "backend"),
        ("bob", Source.BROADCAST, None),
        ("cyd", Source.BROADCAST, None),
    ]


def test_who_gets_no_text_is_unreached() -> None:
    resolution = resolve(cascade(teams={"frontend": "f"}), HOUSE)

    assert [one.agent for one in resolution.resolved] == ["bob"]
    assert resolution.unreached == ("ada", "cyd")


def test_of_several_teams_the_nearest_wins() -> None:
    among = registry(*HOUSE.teams, team("zoo"), agent("ada", "database", "zoo"))

    assert texts(cascade(teams={"backend": "far", "zoo": "near"}), among) == {"ada": "near"}


def test_of_two_teams_at_one_distance_the_alphabetically_first_wins() -> None:
    among = registry(team("red"), team("blue"), agent("ada", "red", "blue"))

    assert texts(cascade(teams={"red": "r", "blue": "b"}), among) == {"ada": "b"}


def test_an_empty_cascade_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        resolve(cascade(), HOUSE)


@pytest.mark.parametrize(
    "message", [cascade(""), cascade(teams={"backend": ""}), cascade("all", agents={"ada": ""})]
)
def test_an_empty_text_is_refused(message: Cascade) -> None:
    with pytest.raises(InvalidRequestError, match="empty"):
        resolve(message, HOUSE)


def test_an_unknown_agent_is_answered_with_those_most_like_it() -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve(cascade(agents={"adda": "hello"}), HOUSE)

    assert (caught.value.kind, caught.value.name) == ("agent", "adda")
    assert "ada" in caught.value.hint


def test_an_unknown_team_is_answered_with_those_most_like_it() -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve(cascade(teams={"front-end": "hello"}), HOUSE)

    assert (caught.value.kind, caught.value.name) == ("team", "front-end")
    assert "frontend" in caught.value.hint


def test_a_name_like_no_other_is_answered_with_where_to_look() -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve(cascade(agents={"zzzzzz": "hello"}), HOUSE)

    assert "list_agents" in caught.value.hint


# Properties, over forests, memberships and cascades of any shape.


@st.composite
def situations(draw: st.DrawFn) -> tuple[Registry, Cascade]:
    numbers = range(draw(st.integers(0, 7)))
    teams = [
        # A parent is an earlier team, as the registry guarantees: a forest.
        team(f"t{n}", draw(st.sampled_from([None, *(f"t{m}" for m in range(n))])))
        for n in numbers
    ]
    names = [f"t{n}" for n in numbers]
    some_teams = st.lists(st.sampled_from(names), unique=True) if names else st.just([])
    agents = [agent(f"a{n}", *draw(some_teams)) for n in range(draw(st.integers(1, 6)))]
    text = st.text("xyz", min_size=1, max_size=3)
    some_agents = st.lists(st.sampled_from([one.name for one in agents]), unique=True)
    message = cascade(
        draw(st.none() | text),
        {name: draw(text) for name in draw(some_teams)},
        {name: draw(text) for name in draw(some_agents)},
    )
    if not (message.broadcast or message.teams or message.agents):
        message = cascade("x")
    return registry(*teams, *agents), message


@given(situations())
def test_every_agent_is_either_reached_once_or_unreached(
    situation: tuple[Registry, Cascade],
) -> None:
    among, message = situation
    resolution = resolve(message, among)

    reached = [one.agent for one in resolution.resolved]
    assert sorted([*reached, *resolution.unreached]) == [one.name for one in among.agents]


@given(situations())
def test_without_its_own_text_an_agent_falls_back_to_what_the_rest_says(
    situation: tuple[Registry, Cascade],
) -> None:
    among, message = situation
    without = Cascade(message.broadcast, message.teams, {})
    if not (without.broadcast or without.teams):
        return
    fallback = {one.agent: one for one in resolve(without, among).resolved}

    for one in resolve(message, among).resolved:
        if one.source is Source.AGENT:
            assert one.text == message.agents[one.agent]
        else:
            assert fallback[one.agent] == one


@given(situations())
def test_a_winning_team_is_the_nearest_with_a_text(situation: tuple[Registry, Cascade]) -> None:
    among, message = situation
    parents = {one.name: one.parent for one in among.teams}
    own = {one.name: one.teams for one in among.agents}

    for one in resolve(message, among).resolved:
        with_text = [
            step
            for start in own[one.agent]
            for step in ancestry(start, parents)
            if step[1] in message.teams
        ]
        if one.source is Source.TEAM:
            assert (min(with_text)[0], one.team) in with_text
            assert one.team is not None
            assert one.text == message.teams[one.team]
        elif one.source is Source.BROADCAST:
            assert not with_text


@given(situations(), st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_written_does_not_matter(
    situation: tuple[Registry, Cascade], dice: random.Random
) -> None:
    among, message = situation

    def shuffled_dict(items: dict[str, str]) -> dict[str, str]:
        return dict(dice.sample(list(items.items()), len(items)))

    agents = dice.sample(among.agents, len(among.agents))
    teams = dice.sample(among.teams, len(among.teams))
    other = cascade(
        message.broadcast,
        shuffled_dict({str(k): v for k, v in message.teams.items()}),
        shuffled_dict({str(k): v for k, v in message.agents.items()}),
    )

    assert resolve(other, registry(*agents, *teams)) == resolve(message, among)
