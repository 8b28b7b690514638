"""``python -m tests.ledgers [--live] [FILE…]``: the confusion table over recorded ledgers.

With ``--live`` fake agents are watched in a real host besides, which takes half a minute.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from tests.ledgers import live
from tests.ledgers.replay import confusion, in_words, load, wrong_ready

if TYPE_CHECKING:
    from iterm_mcp.models.agent_states import AgentState

RECORDED = Path(__file__).parents[1] / "fixtures" / "ledgers"


def main(arguments: list[str]) -> int:
    """Print the table; return 1 when an agent was wrongly said to be ready."""
    table: Counter[tuple[str, AgentState]] = Counter()
    alive = "--live" in arguments
    arguments = [one for one in arguments if one != "--live"]
    for path in map(Path, arguments or sorted(map(str, RECORDED.glob("*.jsonl")))):
        table += confusion(load(path))
    if alive:
        table += anyio.run(live.run)
    sys.stdout.write(in_words(table) + "\n")
    return 1 if wrong_ready(table) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
