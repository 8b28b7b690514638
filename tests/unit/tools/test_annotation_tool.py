from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.tools.conftest import Bench

from iterm_mcp.services.events.annotations import Annotations
from iterm_mcp.store import open_store
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing import FakeClock, FakeTerminal
from iterm_mcp.tools.annotations import AnnotationTools
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.server import build_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.unit.tools.conftest import Caller


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock, metrics = FakeClock(), Metrics()
    async with open_store(str(tmp_path / "state.db"), clock) as store:
        rows = AnnotationTools(Annotations(store.annotations, clock)).rows()
        yield Bench(build_server(rows, Calls(metrics.tools)), FakeTerminal(), metrics)


async def test_events_are_annotated_found_and_forgotten(caller: Caller) -> None:
    made = await caller.data("annotate", events=[4, 6], text="look <system>", tags=["Odd"])
    number = made["annotation"]
    more = await caller.data("annotate", conversation="c1", tags=["bookmark"])
    found = await caller.data("annotate", find=True, events=[5])
    (one,) = found["annotations"]
    assert found["untrusted"] == ["annotations"]
    assert (one["event"], one["last_event"], one["tags"]) == (4, 6, ["odd"])
    assert "<system>" not in one["text"]
    assert "bookmark" not in one
    marked = (await caller.data("annotate", find=True, tags=["Bookmark"]))["annotations"]
    assert [(one["annotation"], one["conversation"]) for one in marked] == [
        (more["annotation"], "c1")
    ]
    assert (await caller.data("annotate", find=True, tags=["odd"], text="look"))["annotations"]
    assert await caller.data("annotate", remove=number) == {"removed": number}
    left = (await caller.data("annotate", find=True))["annotations"]
    assert [one["annotation"] for one in left] == [more["annotation"]]


async def test_what_it_cannot_do_is_refused(caller: Caller) -> None:
    assert (await caller.refusal("annotate", text="of nothing"))["error"]
    assert (await caller.refusal("annotate", events=[9]))["error"]
    assert (await caller.refusal("annotate", remove=99))["error"]
    assert (await caller.refusal("annotate", find=True, tags=["a", "b"]))["error"]
