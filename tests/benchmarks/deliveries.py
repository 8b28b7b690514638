"""``uv run python -m tests.benchmarks.deliveries [--messages N]``: from telling to submitted."""

from __future__ import annotations

import argparse
from time import monotonic

import anyio
from rich.console import Console
from tests.benchmarks.figures import Figure, percentile, table
from tests.integration.deliveries.crew import told
from tests.integration.homes import open_home
from tests.integration.tool_client import open_tools


async def measure(messages: int, kind: str = "claude") -> list[Figure]:
    """Tell one idle agent message after message; the agent's own record says when each came."""
    answered, known, ended = [], [], []
    came: list[float] = []
    async with open_home("headless") as home, open_tools(home) as tools, told(tools, kind) as one:
        for number in range(messages):
            began = monotonic()
            receipt = await one.tell(f"message {number}")
            answered.append(monotonic() - began)
            await one.ends(receipt, until="submitted")
            known.append(monotonic() - began)
            await one.ends(receipt)
            ended.append(monotonic() - began)
            received = await one.happens("received", number + 1)
            came.append(received["monotonic"] - began)
    return [
        Figure(f"{what} {name}", percentile(values, share), "s")
        for what, values in (
            ("tell to submitted, by the agent's own record", came),
            ("tell to answered", answered),
            ("tell to submitted, known to a waiting client", known),
            ("tell to ended, known to a waiting client", ended),
        )
        for name, share in (("p50", 0.5), ("p95", 0.95))
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.deliveries")
    parser.add_argument("--messages", type=int, default=100)
    given = parser.parse_args()
    Console(width=120).print(table(anyio.run(measure, given.messages)))


if __name__ == "__main__":
    main()
