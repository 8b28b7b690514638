"""What may be asked of events over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from iterm_mcp.models.event_queries import LINKS, MAX_LIMIT, EventQuery
from iterm_mcp.models.events import EventKind, Links
from iterm_mcp.web.api.routing import Given, Time

Name = Annotated[str, Field(max_length=512)]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Number = Annotated[int, Field(ge=0, le=2**62)]


class EventFilter(Given):
    """Which events; what is left out does not matter, and what is given must all hold."""

    since: Time | None = None
    until: Time | None = None
    kind: Annotated[list[EventKind], Field(max_length=50, default_factory=list)]
    source: Annotated[list[Name], Field(max_length=50, default_factory=list)]
    subject: Annotated[str, Field(max_length=512, description="What it begins with.")] = ""
    session: Name = ""
    agent: Name = ""
    team: Name = ""
    task: Name = ""
    step: Name = ""
    agent_kind: Name = ""
    conversation: Name = ""
    subagent: Name = ""
    turn: Name = ""
    call: Name = ""
    model: Name = ""
    trace: Name = ""
    least_dollars: Amount | None = None
    most_dollars: Amount | None = None
    least_seconds: Amount | None = None
    most_seconds: Amount | None = None
    failed: bool | None = None
    words: Annotated[
        str, Field(max_length=1000, description='All of them; "in this order"; begin*.')
    ] = ""
    pattern: Annotated[str, Field(max_length=1000, description="RE2.")] = ""
    ignore_case: bool = False

    def query(self, **more: Any) -> EventQuery:  # noqa: ANN401 - as EventQuery has them
        """Return what it asks for."""
        names = {name: "agent_kind" if name == "kind" else name for name in LINKS}
        return EventQuery(
            since=self.since,
            until=self.until,
            kinds=frozenset(self.kind),
            sources=frozenset(self.source),
            subject=self.subject,
            links=Links(**{name: getattr(self, field) for name, field in names.items()}),
            least_dollars=self.least_dollars,
            most_dollars=self.most_dollars,
            least_seconds=self.least_seconds,
            most_seconds=self.most_seconds,
            failed=self.failed,
            words=self.words,
            pattern=self.pattern,
            ignore_case=self.ignore_case,
            **more,
        )


StrictAmount = Annotated[Amount, Field(strict=True)]


class NewFilter(EventFilter):
    """The body of ``PUT /v1/filters/{name}``: JSON has numbers and truth of its own."""

    least_dollars: StrictAmount | None = None
    most_dollars: StrictAmount | None = None
    least_seconds: StrictAmount | None = None
    most_seconds: StrictAmount | None = None
    failed: StrictBool | None = None
    ignore_case: StrictBool = False


class EventParameters(EventFilter):
    """The parameters of ``GET /v1/events``."""

    saved: Annotated[str, Field(max_length=100, description="A saved filter to add to.")] = ""
    order: Literal["newest", "oldest"] = "newest"
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 100
    cursor: Annotated[str, Field(max_length=200, description="Of the page before.")] = ""

    def page(self, saved: EventFilter | None) -> EventQuery:
        """Return what it asks for, added to a saved filter."""
        chosen = self if saved is None else added(self, saved)
        return chosen.query(
            newest_first=self.order == "newest", limit=self.limit, cursor=self.cursor
        )


class StreamParameters(EventFilter):
    """The parameters of ``GET /v1/events/stream``."""

    saved: Annotated[str, Field(max_length=100, description="A saved filter to add to.")] = ""
    snapshot: Annotated[int, Field(ge=0, le=MAX_LIMIT, description="Newest ones first.")] = 100
    after: Annotated[
        Number | None, Field(description="Go on behind this number, without a snapshot.")
    ] = None


def added(given: EventFilter, saved: EventFilter | None) -> EventFilter:
    """Return a filter with what is given, and else what was saved."""
    chosen = {} if saved is None else saved.model_dump(exclude_unset=True)
    own = given.model_dump(include=set(EventFilter.model_fields), exclude_unset=True)
    return EventFilter(**{**chosen, **own})
