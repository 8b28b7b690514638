"""A part in a shared backlog without Redis: messages stand where a test puts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.errors import NotFoundError, StoreError
from iterm_mcp.models.tasks import TaskResult, TaskState
from iterm_mcp.tasks.front.redis_front import FrontStatistics
from iterm_mcp.tasks.front.results import FrontResult, Standing, TaskEnd, message_id

if TYPE_CHECKING:
    from iterm_mcp.models.task_graphs import GraphSpec


class SharedFront:
    """As much of a front as is asked by people and programs.

    Attributes:
        away: Redis is not there; what is asked is refused.
    """

    def __init__(self) -> None:
        self.messages: dict[str, Standing] = {}
        self.graphs: dict[str, GraphSpec] = {}
        self.cancelled: dict[str, str] = {}
        self.waited: list[float] = []
        self.away = False

    def statistics(self) -> FrontStatistics:
        return FrontStatistics(not self.away, 2, 1, "gone" if self.away else "")

    async def machines(self) -> list[str]:
        self._check()
        return ["one", "other"]

    async def submit(self, graph: GraphSpec, submitter: str = "") -> str:
        assert submitter
        message = message_id(graph.key)
        self.graphs[message] = graph
        self.messages.setdefault(message, Standing())
        return message

    async def look(self, message: str) -> Standing:
        self._check()
        if message not in self.messages:
            raise NotFoundError("graph", message, hint="Ask in time.")
        return self.messages[message]

    async def wait(self, message: str, seconds: float) -> Standing:
        self.waited.append(seconds)
        return await self.look(message)

    async def cancel(self, message: str, who: str = "", reason: str = "") -> bool:
        self.cancelled[message] = f"{who}: {reason}"
        return True

    def end(self, message: str, state: TaskState = TaskState.SUCCEEDED) -> None:
        """Have a message be over."""
        end = TaskEnd(state, "" if state is TaskState.SUCCEEDED else "exit 3", 1, TaskResult(42))
        self.messages[message] = Standing("other", FrontResult("other", "g-1", {"a": end}))

    def _check(self) -> None:
        if self.away:
            raise StoreError("the shared backlog cannot be had", code="front_unavailable")
