"""Writers that type frames at random, and what must be found of them afterwards."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import anyio
from tests.integration.tool_client import open_ready, open_tools
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.homes import Home

LENGTHS = [0, 1, 10, 100, 1000, 5000, 90_000]
"""Of frames: mostly short, now and then longer than one piece of a paste."""

SECONDS_PER_FRAME = 1.0

_FRAME = re.compile(r"<(\d+):(\d+):(x*)>")


@dataclass
class Frames:
    """What was typed into one session: frames, numbered by each writer."""

    sent: dict[tuple[int, int], int] = field(default_factory=dict)

    def make(self, writer: int, length: int) -> str:
        """Return a writer's next frame."""
        number = 1 + sum(one == writer for one, _ in self.sent)
        self.sent[writer, number] = length
        return f"<{writer}:{number}:{'x' * length}>"

    def size(self) -> int:
        """Return how many characters all frames have."""
        return sum(len(f"<{writer}:{number}:>") + n for (writer, number), n in self.sent.items())

    def faults(self, got: str) -> list[str]:
        """Say what is wrong with what the program read; nothing, if all is there and whole."""
        found = [(int(one[1]), int(one[2]), len(one[3])) for one in _FRAME.finditer(got)]
        wrong = []
        if rest := _FRAME.sub("", got):
            wrong.append(f"{len(rest)} characters belong to no frame: {rest[:80]!r}")
        if {(writer, number): length for writer, number, length in found} != self.sent:
            wrong.append(f"{len(self.sent)} frames were sent, and {len(found)} others came")
        for writer in {one for one, _, _ in found}:
            order = [number for one, number, _ in found if one == writer]
            if order != sorted(set(order)):
                wrong.append(f"writer {writer} came in the order {order[:20]}")
        return wrong


async def write_at_random(
    home: Home, folder: Path, *, clients: int, sessions: int, frames: int
) -> list[str]:
    """Let clients type and paste frames into sessions as it comes; say what went wrong."""
    sent = [Frames() for _ in range(sessions)]
    files = [folder / str(number) for number in range(sessions)]
    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(open_tools(home)) for _ in range(clients)]
        ids = [
            await open_ready(writers[0], f"stty raw -echo; echo ready; exec cat > {file}")
            for file in files
        ]

        async def write(writer: int) -> None:
            random = Random(writer)
            for _ in range(frames):
                session = random.randrange(sessions)
                await writers[writer].data(
                    "send_text",
                    session_id=ids[session],
                    text=sent[session].make(writer, random.choice(LENGTHS)),
                    enter=False,
                    paste=random.random() < 0.5,
                )

        with anyio.fail_after(60 + clients * frames * SECONDS_PER_FRAME):
            async with anyio.create_task_group() as group:
                for writer in range(clients):
                    group.start_soon(write, writer)

        def missing() -> int:
            return sum(
                one.size() - file.stat().st_size for one, file in zip(sent, files, strict=True)
            )

        await eventually(missing, lambda left: left <= 0, within_seconds=60)
    return [
        f"session {number}: {fault}"
        for number, (one, file) in enumerate(zip(sent, files, strict=True))
        for fault in one.faults(file.read_text())
    ]
