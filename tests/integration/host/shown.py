"""A test that is marked with what it shows is held to it: the wire must have carried that.

What scripts in processes of their own see is not seen here; they assert it themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scripts.host_page.outcomes import NOTIFICATIONS, shown

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from iterm2 import api_pb2

_seen: set[tuple[str, str]] = set()


def record(message: api_pb2.ServerOriginatedMessage) -> None:
    """Remember what a message from the host shows."""
    _seen.update(shown(message))
    _seen.update(("", field.name) for field, _ in message.notification.ListFields())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Fail a test that does not see what its marks say; of several runs each sees a part."""
    _seen.clear()
    yield
    callspec = getattr(item, "callspec", None)
    given = {} if callspec is None else callspec.params
    unseen = unproven(item.iter_markers(), given, _seen)
    if unseen:
        pytest.fail(f"marked with what it does not see: {unseen}", pytrace=False)


def unproven(
    marks: Iterable[pytest.Mark], given: dict[str, object], seen: set[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return what marks claim and was not seen.

    Of a test that runs several times, each run sees something that its marks say, or exactly the
    ``status`` that it was given.
    """
    claims: list[tuple[str, str]] = []
    for mark in marks:
        if mark.name == "answers":
            request, *outcomes = mark.args
            claims += [(request, one) for one in outcomes or ["answer"]]
        elif mark.name == "notifies":
            claims += [("", NOTIFICATIONS[one]) for one in mark.args if NOTIFICATIONS[one]]
    if given:
        wanted = [one for one in claims if one[1] == given.get("status")] or claims
        return [] if any(one in seen for one in wanted) else wanted
    return [one for one in claims if one not in seen]
