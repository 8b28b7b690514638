from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

import pytest
from tests.unit.services.events.exporting.test_exporter import NOW, Pages
from tests.unit.services.events.story import story
from tests.unit.services.events.told import at, told

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.events import EventKind
from iterm_mcp.models.exports import ExportFormat
from iterm_mcp.services.events.exporting import Exporter
from iterm_mcp.services.events.exporting.recordings import Recorded
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.events import Event
    from iterm_mcp.models.exports import Export

HEADER = b'{"version": 3, "term": {"cols": 80, "rows": 24}}\n'


class Shelf:
    """Recordings in memory."""

    def __init__(self, *found: Recorded, lines: bytes = HEADER) -> None:
        self._found = found
        self._lines = lines
        self.asked: list[tuple[str, float, float]] = []
        self.files: list[IO[bytes]] = []

    async def list(self) -> Sequence[Recorded]:
        return self._found

    async def cut(self, name: str, begin: float, end: float) -> IO[bytes]:
        self.asked.append((name, begin, end))
        self.files.append(BytesIO(self._lines))
        return self.files[-1]


def recording(
    name: str = "r", session: str = "s1", begin: float = -10, end: float = 60
) -> Recorded:
    return Recorded(name, session, at(begin), at(end))


def seen_in(session: str = "s1") -> list[Event]:
    return [replace(one, links=replace(one.links, session=session)) for one in story()]


def exporter(shelf: Shelf, events: Sequence[Event] = ()) -> Exporter:
    return Exporter(Pages(events or seen_in()), FakeClock(NOW), shelf)


async def lines_of(export: Export) -> list[Any]:
    told_there = b"".join([one async for one in export.chunks])
    return [json.loads(one) for one in told_there.splitlines()]


async def test_a_conversation_is_shown_with_its_turns_and_calls() -> None:
    shelf = Shelf(recording())
    export = await exporter(shelf).conversation("c1", ExportFormat.ASCIICAST)
    assert export.name.endswith(".cast")
    assert export.media_type == "application/x-asciicast"
    head, *events = await lines_of(export)
    labels = [one[2] for one in events]
    assert head["title"] == "first"
    assert labels[:2] == ["prompt: build it", "Bash"]
    assert "failed: Bash" in labels
    assert "subagent: reviewer" in labels
    assert shelf.asked == [("r", 9.0, 57.0)]
    assert shelf.files[0].closed


async def test_one_turn_is_shown_alone() -> None:
    shelf = Shelf(recording())
    await exporter(shelf).conversation("c1", ExportFormat.ASCIICAST, turn=1)
    await exporter(shelf).conversation("c1", ExportFormat.ASCIICAST, turn=2)
    assert [one[1:] for one in shelf.asked] == [(10.0, 42.0), (49.0, 57.0)]
    with pytest.raises(NotFoundError, match="turn"):
        await exporter(shelf).conversation("c1", ExportFormat.ASCIICAST, turn=3)


async def test_a_session_is_shown_whole_or_between_two_times() -> None:
    command = told(EventKind.COMMAND_ENDED, 5, subject="make")
    interrupted = told(EventKind.TURN_INTERRUPTED, 6)
    shelf = Shelf(recording())
    exports = exporter(shelf, [command, interrupted])
    _, *events = await lines_of(await exports.session("s1", ExportFormat.ASCIICAST))
    assert [one[2] for one in events] == ["$ make", "turn interrupted"]
    await exports.session("s1", ExportFormat.ASCIICAST, since=at(2), until=at(8))
    assert [one[1:] for one in shelf.asked] == [(0.0, 71.0), (11.0, 18.0)]


async def test_the_recording_that_shows_most_is_taken() -> None:
    shelf = Shelf(
        recording("other", "s2"), recording("early", begin=-100, end=2), recording("best", begin=2)
    )
    await exporter(shelf).conversation("c1", ExportFormat.ASCIICAST)
    assert [one[0] for one in shelf.asked] == ["best"]


@pytest.mark.parametrize(
    "shelf", [Shelf(), Shelf(recording(session="s2")), Shelf(recording(begin=-500, end=-400))],
    ids=["none", "another", "before"],
)  # fmt: skip
async def test_what_was_not_recorded_is_told(shelf: Shelf) -> None:
    with pytest.raises(NotFoundError, match="recording"):
        await exporter(shelf).conversation("c1", ExportFormat.ASCIICAST)


async def test_a_conversation_without_a_session_has_no_recording() -> None:
    with pytest.raises(NotFoundError, match="recording"):
        await exporter(Shelf(recording(session="")), story()).conversation(
            "c1", ExportFormat.ASCIICAST
        )


async def test_a_recording_that_is_none_is_told_before_anything_is_sent() -> None:
    shelf = Shelf(recording(), lines=b"nonsense\n")
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        await exporter(shelf).conversation("c1", ExportFormat.ASCIICAST)
    assert shelf.files[0].closed


async def test_markers_are_hidden_as_events_are() -> None:
    def hide(event: Event) -> Event:
        return replace(event, text="[hidden]", subject="", payload={})

    export = await exporter(Shelf(recording())).conversation(
        "c1", ExportFormat.ASCIICAST, hide=hide
    )
    labels = [one[2] for one in (await lines_of(export))[1:]]
    assert labels[0] == "prompt: [hidden]"
    assert "reviewer" not in "".join(labels)


async def test_a_long_recording_comes_in_pieces() -> None:
    lines = HEADER + b'[0.001, "o", "0123456789"]\n' * 8000
    shelf = Shelf(replace(recording(), written_at=at(60) + timedelta(1)), lines=lines)
    export = await exporter(shelf).session("s1", ExportFormat.ASCIICAST)
    sizes = [len(one) async for one in export.chunks]
    assert len(sizes) > 2
    assert max(sizes) < 100_000
