"""What agents used and said last is told of late, in pieces, and by several ways."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from tests.unit.services.tasks.attempts import make_order

from iterm_mcp.models.event_queries import Sums
from iterm_mcp.models.events import TokenUsage
from iterm_mcp.models.tasks import Outcome, TaskResult
from iterm_mcp.services.tasks import collecting
from iterm_mcp.services.tasks.collecting import Collector
from iterm_mcp.services.tasks.folders import AttemptFolders
from iterm_mcp.tasks.work import Ending, Place, Running
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


class Late:
    """Where is known what an agent said and used: a little more each time that it is asked.

    Args:
        texts, tokens: What is known at first, then, and so on; the last for ever.
    """

    def __init__(self, texts: list[str], tokens: list[int]) -> None:
        self._texts = texts
        self._tokens = tokens

    async def query(self, _query: object) -> Any:  # noqa: ANN401 - a page
        text = self._texts.pop(0) if len(self._texts) > 1 else self._texts[0]
        said = [SimpleNamespace(event=SimpleNamespace(text=text))] if text else []
        return SimpleNamespace(events=said)

    async def report(self, *_times: object, agent: str) -> Any:  # noqa: ANN401 - a report
        assert agent
        tokens = self._tokens.pop(0) if len(self._tokens) > 1 else self._tokens[0]
        total = Sums(usage=TokenUsage(output=tokens), reported_nanodollars=tokens * 10**9)
        return SimpleNamespace(total=total)

    async def find(self, _name: object) -> None:
        """Nothing is known of its life."""

    async def list(self, *_: object, **__: object) -> tuple[()]:
        return ()


async def collect(folder: Path, known: Late, late_seconds: float) -> TaskResult:
    async def verify(*_: object, **__: object) -> tuple[()]:
        return ()

    collector = Collector(
        AttemptFolders(str(folder)), cast("Any", None), cast("Any", known), cast("Any", known),
        known, known, FakeClock(), verify, recordings=str(folder), late_seconds=late_seconds,
    )  # fmt: skip
    running = Running("t-0123abcd~1", agent="ada")
    order = make_order(kind="claude")
    return await collector.collect(order, Place("/work"), running, Ending(Outcome.SUCCEEDED))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(collecting, "STEADY_SECONDS", 0.1)


async def test_what_is_read_after_the_turn_was_said_to_have_ended_is_counted(
    tmp_path: Path,
) -> None:
    result = await collect(tmp_path, Late(["done"], [1, 1, 1, 2, 2, 3]), 20.0)
    assert (result.cost_usd, result.tokens, result.output) == (3.0, 3, "done")


async def test_what_was_said_is_waited_for_as_well(tmp_path: Path) -> None:
    result = await collect(tmp_path, Late([*[""] * 30, "done"], [5]), 20.0)
    assert (result.tokens, result.output) == (5, "done")


@pytest.mark.parametrize(
    ("texts", "tokens", "known"), [([""], [5], (5.0, 5)), (["done"], [0], (None, None))]
)
async def test_what_is_never_told_is_waited_for_so_long(
    tmp_path: Path, texts: list[str], tokens: list[int], known: tuple[object, object]
) -> None:
    began = anyio.current_time()
    result = await collect(tmp_path, Late(texts, tokens), 0.3)
    assert (result.cost_usd, result.tokens) == known
    assert anyio.current_time() - began >= 0.3
