"""``python -m tests.ledgers [FILE…]``: the confusion table over recorded ledgers."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.ledgers.replay import confusion, in_words, load, wrong_ready

if TYPE_CHECKING:
    from iterm_mcp.models.agent_states import AgentState

RECORDED = Path(__file__).parents[1] / "fixtures" / "ledgers"


def main(arguments: list[str]) -> int:
    """Print the table; return 1 when an agent was wrongly said to be ready."""
    table: Counter[tuple[str, AgentState]] = Counter()
    for path in map(Path, arguments or sorted(map(str, RECORDED.glob("*.jsonl")))):
        table += confusion(load(path))
    sys.stdout.write(in_words(table) + "\n")
    return 1 if wrong_ready(table) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
