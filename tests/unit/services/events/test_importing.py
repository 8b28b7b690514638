"""What somebody brings in is kept once, whatever else tells of the same conversation."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.events.shelf import Shelf

from iterm_mcp.agents.events.codex_exec_events import stamp
from iterm_mcp.agents.events.codex_hook_events import CodexHookEvents
from iterm_mcp.agents.events.codex_rollout_events import CodexRolloutEvents
from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.event_queries import EventPage
from iterm_mcp.models.events import EventKind, Links
from iterm_mcp.services.events import told_once as module
from iterm_mcp.services.events.accounts import make_account
from iterm_mcp.services.events.importing import LOOKED_AT, Importer, kind_of
from iterm_mcp.services.events.sources import LINES
from iterm_mcp.services.events.told_once import ToldOnce

if TYPE_CHECKING:
    from iterm_mcp.models.event_queries import EventQuery
    from iterm_mcp.services.events.importing import Imported

JOBS = Path(__file__).parents[3] / "fixtures" / "jobs"
CODEX = JOBS / "codex"
AT = datetime(2026, 11, 21, 21, tzinfo=UTC)
FILES = {
    "codex-exec": CODEX / "exec.jsonl",
    "codex": CODEX / "rollout.jsonl",
    "gemini": JOBS / "gemini" / "chat.jsonl",
    "claude": JOBS / "otlp" / "claude_transcript.jsonl",
}


def lines_of(name: str) -> list[bytes]:
    return FILES[name].read_bytes().splitlines()


class Silent:
    """A store that nobody may ask."""

    async def query(self, query: EventQuery) -> EventPage:
        raise AssertionError(query)


class Slow(Shelf):
    """A store that looks for a while, and has to be asked again."""

    async def query(self, query: EventQuery) -> EventPage:
        if not query.cursor:
            return EventPage((), cursor="on", complete=False)
        return await super().query(query)


class Desk:
    """A store, and what leads into it; `restart` forgets what was only remembered."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self.shelf = shelf or Shelf()
        self.restart()

    def restart(self) -> None:
        self.once = ToldOnce(self.shelf, self.shelf)
        self.importer = Importer(self.once, LINES)

    async def bring(self, name: str, kind: str = "", *, step: int = 7) -> Imported:
        lines = lines_of(name)
        taking = self.importer.begin(kind, AT, Links(model="gpt-5"))
        for start in range(0, len(lines), step):
            await taking.feed(lines[start : start + step])
        return await taking.finish()

    @property
    def tokens(self) -> int:
        return make_account(list(self.shelf.events.values())).spent.usage.total


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize("kind", FILES)
async def test_a_file_is_known_by_its_lines_and_brought_in_once(desk: Desk, kind: str) -> None:
    first = await desk.bring(kind, step=1)
    assert (first.kind, first.skipped) == (kind, 0)
    assert first.new == len(desk.shelf.events) > 0
    assert len(first.conversations) == 1
    desk.restart()
    again = await desk.bring(kind, kind, step=1000)
    assert (again.new, again.events) == (0, first.events)


@pytest.mark.parametrize("restarted", [False, True], ids=["same daemon", "next daemon"])
@pytest.mark.parametrize("first", ["codex", "codex-exec"])
async def test_a_stream_and_its_rollout_tell_a_thread_once(
    desk: Desk, first: str, *, restarted: bool
) -> None:
    second = {"codex": "codex-exec", "codex-exec": "codex"}[first]
    await desk.bring(first)
    before = set(desk.shelf.events)
    tokens = desk.tokens
    if restarted:
        desk.restart()
    await desk.bring(second)
    more = {one.kind for key, one in desk.shelf.events.items() if key not in before}
    assert more == ({EventKind.LOG_REPORTED} if first == "codex" else set())
    assert desk.tokens == tokens > 0


async def test_beside_hooks_a_stream_tells_what_they_do_not_know(desk: Desk) -> None:
    reader, calls = CodexHookEvents(), 0
    for index, raw in enumerate((CODEX / "hooks.jsonl").read_bytes().splitlines()):
        told = {**json.loads(raw), "transcript_path": None}
        await desk.once.take(reader.read(told, AT - timedelta(hours=1), str(index)))
    calls = len(make_account(list(desk.shelf.events.values())).calls)
    before = set(desk.shelf.events)
    await desk.bring("codex-exec")
    more = {one.kind for key, one in desk.shelf.events.items() if key not in before}
    assert more == {EventKind.LOG_REPORTED, EventKind.MODEL_ANSWERED, EventKind.FILE_CHANGED}
    assert len(make_account(list(desk.shelf.events.values())).calls) == calls


async def test_what_a_thread_does_after_its_stream_is_told_by_its_rollout(desk: Desk) -> None:
    lines = lines_of("codex")
    events = CodexRolloutEvents().read(lines)
    ended = [one.at for one in events if one.kind is EventKind.TOOL_ENDED][1]
    taking = desk.importer.begin("codex-exec", ended, Links())
    await taking.feed([stamp(ended), *lines_of("codex-exec")[1:]])
    assert not desk.shelf.events  # of no thread
    await taking.feed(lines_of("codex-exec"))
    await taking.finish()

    kept = await desk.once.take(events)
    later = [one for one in events if one.at > ended + module.LAG]
    assert 0 < kept.new == len(later) < len(events)
    assert kept.new + kept.repeated == len(events)


async def test_other_events_pass_without_a_question() -> None:
    shelf = Shelf()
    once = ToldOnce(shelf, Silent())
    events = LINES["gemini"]().read(lines_of("gemini"))
    assert (await once.take(events)).new == len(events)


async def test_a_store_that_looks_for_long_is_asked_on() -> None:
    desk = Desk(Slow())
    await desk.bring("codex")
    done = await desk.bring("codex-exec")
    assert 0 < done.new < done.events


async def test_only_so_many_threads_are_remembered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 1)
    (first, *_) = CodexRolloutEvents().read(lines_of("codex"))
    for name in "abc":
        meta = {"id": name, "timestamp": "2026-01-01T00:00:00Z"}
        line = {"type": "session_meta", "timestamp": "2026-01-01T00:00:00Z", "payload": meta}
        await desk.once.take(CodexRolloutEvents().read([json.dumps(line).encode()]))
    assert len(desk.shelf.events) == 3
    assert (await desk.once.take([first])).new == 1


async def test_lines_of_no_known_kind_are_refused(desk: Desk) -> None:
    with pytest.raises(InvalidRequestError, match="nobody reads"):
        desk.importer.begin("emacs", AT, Links())
    for lines in ([], [b"", b"hello", b"[1]", b'{"a": 1}']):
        taking = desk.importer.begin("", AT, Links())
        await taking.feed(lines)
        with pytest.raises(InvalidRequestError, match="of no known kind"):
            await taking.finish()
    taking = desk.importer.begin("", AT, Links())
    with pytest.raises(InvalidRequestError, match="of no known kind"):
        await taking.feed([b"noise"] * (LOOKED_AT + 1))


async def test_noise_before_a_stream_is_counted_and_the_rest_is_told(desk: Desk) -> None:
    taking = desk.importer.begin("", AT, Links())
    await taking.feed([b"Reading prompt from stdin...", b""])
    await taking.feed(lines_of("codex-exec"))
    done = await taking.finish()
    assert (done.kind, done.skipped) == ("codex-exec", 1)


@pytest.mark.parametrize(
    "line", [b'{"type": "thread.started"}', b'{"type": "session_meta"}', b'{"sessionId": "s"}']
)
def test_half_a_line_tells_no_kind(line: bytes) -> None:
    assert kind_of(line) == ""
