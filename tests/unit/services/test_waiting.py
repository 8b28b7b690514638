"""Waiting: what ends a wait, and where one goes on from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.services.stage import ONE, Stage, prompt

from iterm_mcp.models.happenings import CommandStarted, ScreenChanged, SessionEnded
from iterm_mcp.models.output import OutputLine, PromptId, PromptState
from iterm_mcp.services.output import waiting
from iterm_mcp.services.output.patterns import Patterns
from iterm_mcp.services.output.reading import Reader
from iterm_mcp.services.output.waiting import Condition, Waited, WaitService
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.models.cursors import Cursor

SECONDS = 5


async def wait(
    stage: Stage,
    act: Callable[[], object] = lambda: None,
    *,
    pattern: str | None = None,
    condition: Condition | None = None,
    since: Cursor | None = None,
    seconds: float = SECONDS,
    idle: float = 0.01,
) -> Waited:
    """Wait, and let something happen once the session is watched."""
    service = WaitService(stage.terminal, Reader(stage.terminal), FakeClock())
    results: list[Waited] = []

    async def run() -> None:
        results.append(
            await service.wait(
                ONE,
                patterns=None if pattern is None else Patterns([pattern]),
                condition=condition,
                since=since,
                timeout_seconds=seconds,
                idle_seconds=idle,
            )
        )

    with anyio.fail_after(2 * SECONDS):
        async with anyio.create_task_group() as group:
            group.start_soon(run)
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            act()
    return results[0]


def shows(stage: Stage, *texts: str) -> None:
    stage.rows, stage.cursor = Stage(*texts).rows, Stage(*texts).cursor
    stage.tell(ScreenChanged())


async def test_what_is_printed_from_now_on_matches_and_what_stood_before_does_not() -> None:
    stage = Stage("done before", "$ ")

    found = await wait(
        stage, lambda: shows(stage, "done before", "$ x", "n done 7"), pattern="done (.)"
    )

    assert found.match is not None
    assert (found.match.text, found.match.groups, found.line) == ("done 7", ("7",), 2)


async def test_from_a_cursor_what_stands_already_matches_and_the_rest_comes_next() -> None:
    stage = Stage("one")
    since = await Reader(stage.terminal).cursor(ONE)
    shows(stage, "one", "hit, hit")

    first = await wait(stage, pattern="hit", since=since)
    assert first.reading is not None
    second = await wait(stage, pattern="hit", since=first.reading.cursor)
    assert second.reading is not None
    third = await wait(stage, pattern="hit", since=second.reading.cursor, seconds=0.02)

    assert first.match is not None
    assert second.match is not None
    assert (first.line, second.line) == (1, 1)
    assert third.match is None


async def test_a_match_over_a_wrapped_row_is_found() -> None:
    stage = Stage("$ ")

    def act() -> None:
        shows(stage, "$ ", "ab", "cd")
        stage.rows[1] = OutputLine("ab", wrapped=True)

    found = await wait(stage, act, pattern="bc")

    assert found.match is not None
    assert found.line == 1
    assert found.reading is not None
    assert (found.reading.cursor.line, found.reading.cursor.column) == (2, 1)


async def test_rows_long_searched_are_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "OVERLAP_LINES", 1)
    stage = Stage("$ ")

    def act() -> None:
        shows(stage, "$ ", "a", "b", "c")
        stage.on_type = lambda _text: None

    async def later() -> None:
        for _ in range(60):
            await anyio.lowlevel.checkpoint()
        shows(stage, "$ ", "a", "b", "c", "hit")

    async with anyio.create_task_group() as group:
        group.start_soon(later)
        found = await wait(stage, act, pattern="hit")

    assert found.line == 4


async def test_nothing_matches_at_the_end_of_nothing() -> None:
    found = await wait(Stage(""), pattern="^$")

    assert found.match is not None
    assert found.match.text == ""


@pytest.mark.parametrize("marked", [True, False])
async def test_a_prompt_is_waited_for(*, marked: bool) -> None:
    stage = Stage("$ make")
    stage.variables |= {"jobName": "make", "pid": 1, "jobPid": 2}
    stage.prompts = [prompt(PromptState.RUNNING)] if marked else []

    def act() -> None:
        stage.variables["jobName"] = "bash"
        if marked:
            stage.prompts.append(prompt(PromptState.EDITING, "", name="next"))
        shows(stage, "$ make", "$ ")
        stage.cursor = (1, 2)

    assert (await wait(stage, act, condition=Condition.PROMPT)).condition is Condition.PROMPT


async def test_silence_is_waited_for() -> None:
    found = await wait(Stage("$ "), condition=Condition.IDLE)

    assert found.condition is Condition.IDLE


async def test_any_change_is_waited_for_and_nothing_else_counts_as_one() -> None:
    stage = Stage("$ ")
    started = CommandStarted(PromptId("p"), "x")

    found = await wait(
        stage, lambda: stage.tell(started, ScreenChanged()), condition=Condition.CHANGE
    )

    assert found.condition is Condition.CHANGE


async def test_a_change_since_a_cursor_needs_no_waiting() -> None:
    stage = Stage("one")
    since = await Reader(stage.terminal).cursor(ONE)
    nothing = await wait(stage, condition=Condition.CHANGE, since=since, seconds=0.02)
    shows(stage, "one", "two")

    found = await wait(stage, condition=Condition.CHANGE, since=since)

    assert nothing.condition is None
    assert found.condition is Condition.CHANGE


@pytest.mark.parametrize("condition", [Condition.EXIT, Condition.IDLE])
async def test_the_end_of_the_session_ends_every_wait(condition: Condition) -> None:
    stage = Stage("$ ")

    found = await wait(stage, lambda: stage.tell(SessionEnded()), condition=condition, idle=SECONDS)

    assert (found.ended, found.reading) == (True, None)
    assert found.condition is (Condition.EXIT if condition is Condition.EXIT else None)


async def test_when_the_time_is_up_the_tail_is_told() -> None:
    found = await wait(Stage("last", "$ "), pattern="never", seconds=0.02)

    assert (found.match, found.condition, found.ended) == (None, None, False)
    assert found.reading is not None
    assert [row.text for row in found.reading.lines.lines] == ["last", "$ "]


async def test_who_has_said_what_it_has_read_is_told_the_end_of_what_is_new() -> None:
    old = ["old one", "old two", ""]
    stage = Stage(*old)
    since = await Reader(stage.terminal).cursor(ONE)
    nothing = await wait(stage, condition=Condition.IDLE, since=since)
    all_of_it = await wait(stage, condition=Condition.IDLE)
    news = [f"new {number}" for number in range(22)]
    shows(stage, *old[:2], *news)

    found = await wait(stage, condition=Condition.IDLE, since=since)

    assert all_of_it.reading is not None
    assert [row.text for row in all_of_it.reading.lines.lines] == old
    assert nothing.reading is not None
    assert [row.text for row in nothing.reading.lines.lines] == [""]
    assert found.reading is not None
    assert [row.text for row in found.reading.lines.lines] == news[2:]
    assert (nothing.left_out, all_of_it.left_out, found.left_out) == (0, 0, 2)
