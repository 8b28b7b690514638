"""One client for all these tests, and one session a shell, in which the cases run in turn."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.tool_client import open_tools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.homes import Home
    from tests.integration.tool_client import Json, ToolClient


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/integration/commands/" in item.nodeid:
            item.add_marker(pytest.mark.headless)


@dataclass(frozen=True)
class Kind:
    """A shell and how it is started.

    Attributes:
        marked: The host gives it shell integration; any other arguments than none prevent that.
    """

    program: str
    arguments: str = ""
    marked: bool = True

    def __str__(self) -> str:
        return f"{self.program}, {'marked' if self.marked else 'unmarked'}"

    @property
    def fish(self) -> bool:
        return self.program == "fish"

    def command(self) -> str:
        path = shutil.which(self.program)
        if path is None:
            pytest.skip(f"there is no {self.program}")
        return path if self.marked else f"/usr/bin/env {path} {self.arguments}"


MARKED = [Kind("bash"), Kind("zsh"), Kind("fish")]
UNMARKED = [
    Kind("bash", "--norc --noprofile", marked=False),
    Kind("dash", marked=False),
    Kind("zsh", "-f", marked=False),
    Kind("fish", "--no-config", marked=False),
]


EVERY = [
    *MARKED,
    *(
        pytest.param(kind, marks=[] if kind.program == "dash" else pytest.mark.long)
        for kind in UNMARKED
    ),
]
"""All of them; of those that do not mark their prompts every run has one."""


class Shell:
    """A session that runs a shell."""

    def __init__(self, tools: ToolClient, kind: Kind, session_id: str) -> None:
        self.tools = tools
        self.kind = kind
        self.session_id = session_id

    async def run(self, command: str, **arguments: Any) -> Json:  # noqa: ANN401
        """Run a command, and return what became of it."""
        return await self.tools.data(
            "run_command", session_id=self.session_id, command=command, **arguments
        )

    async def refused(self, command: str, **arguments: Any) -> Json:  # noqa: ANN401
        return await self.tools.refusal(
            "run_command", session_id=self.session_id, command=command, **arguments
        )

    async def wait(self, **arguments: Any) -> Json:  # noqa: ANN401
        return await self.tools.data("wait_for", session_id=self.session_id, **arguments)

    async def keys(self, *keys: str) -> None:
        await self.tools.data("send_keys", session_id=self.session_id, keys=list(keys))

    async def interrupt(self) -> Json:
        return await self.tools.data("interrupt_session", session_id=self.session_id)


@pytest.fixture(scope="session")
async def hands(shared_home: Home) -> AsyncIterator[ToolClient]:
    """The one client."""
    async with open_tools(shared_home) as tools:
        yield tools


@pytest.fixture(scope="session")
def standing() -> dict[Kind, str]:
    """The sessions that were opened, by what runs in them."""
    return {}


@pytest.fixture(params=EVERY, ids=str)
async def shell(
    request: pytest.FixtureRequest, hands: ToolClient, standing: dict[Kind, str]
) -> Shell:
    """A shell that others have used before."""
    kind: Kind = request.param
    if kind not in standing:
        standing[kind] = await hands.open(command=kind.command(), directory="/")
    return Shell(hands, kind, standing[kind])


@pytest.fixture(params=EVERY, ids=str)
async def fresh(request: pytest.FixtureRequest, hands: ToolClient) -> AsyncIterator[Shell]:
    """A shell that the test may harm; each one has been opened this very moment."""
    kind: Kind = request.param
    session_id = await hands.open(command=kind.command(), directory="/")
    yield Shell(hands, kind, session_id)
    await hands.result("close_session", session_id=session_id)


@pytest.fixture
async def bash(hands: ToolClient) -> AsyncIterator[Shell]:
    """A fresh bash that marks its prompts."""
    session_id = await hands.open(command=MARKED[0].command(), directory="/")
    yield Shell(hands, MARKED[0], session_id)
    await hands.result("close_session", session_id=session_id)
