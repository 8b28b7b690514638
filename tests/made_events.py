"""Events that look like those of agents at work, made from a seed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import TYPE_CHECKING

from iterm_mcp.models.events import Cost, CostBasis, Event, EventKind, Links, TokenUsage, event_key

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 1, 1, 9, tzinfo=UTC)
MODELS = ("claude-opus-4-5", "claude-sonnet-4-5", "gpt-5-codex", "gemini-3-pro")
AGENTS = ("ada", "grace", "edsger", "barbara", "donald", "alan", "tony", "leslie")
TOOLS = ("Bash", "Edit", "Read", "Grep", "Write", "WebFetch")
KINDS = (
    (EventKind.TOOL_STARTED, 4),
    (EventKind.TOOL_ENDED, 4),
    (EventKind.MODEL_ANSWERED, 3),
    (EventKind.FILE_CHANGED, 1),
    (EventKind.PROMPT_SUBMITTED, 1),
    (EventKind.TURN_ENDED, 1),
    (EventKind.TOOL_FAILED, 1),
)
COMMON = [
    "the",
    "file",
    "test",
    "error",
    "function",
    "return",
    "value",
    "import",
    "class",
    "module",
    "build",
    "run",
    "check",
    "result",
    "line",
    "change",
    "server",
    "client",
    "request",
    "answer",
    "table",
    "index",
    "commit",
    "branch",
    "merge",
    "review",
    "timeout",
    "retry",
]
VOCABULARY = 50_000
WORDS = 85
"""Of one text."""


def words(dice: random.Random, many: int) -> str:
    """Return text in which words are as often as in real ones: the n-th a n-th of the first."""
    ranks = [int(VOCABULARY ** dice.random()) - 1 for _ in range(many)]
    return " ".join(COMMON[rank] if rank < len(COMMON) else f"w{rank}" for rank in ranks)


def make_events(many: int, *, seed: int = 1) -> list[Event]:
    """Return the first so many events of a seed."""
    return list(islice(stream_events(seed), many))


def stream_events(seed: int = 1, *, words_each: int = WORDS) -> Iterator[Event]:
    """Yield events without end, some milliseconds apart; the same seed gives the same ones."""
    dice = random.Random(seed)
    kinds = [kind for kind, weight in KINDS for _ in range(weight)]
    conversations = [f"{dice.getrandbits(128):032x}" for _ in range(20)]
    at = START
    for number in count():
        at += timedelta(milliseconds=dice.randrange(1, 200))
        if dice.random() < 0.01:
            conversations[dice.randrange(20)] = f"{dice.getrandbits(128):032x}"
        place = dice.randrange(20)
        kind = dice.choice(kinds)
        answered = kind is EventKind.MODEL_ANSWERED
        tool = dice.choice(TOOLS)
        yield Event(
            key=event_key("claude.transcript", conversations[place], f"{seed}-{number}"),
            at=at,
            kind=kind,
            source="claude.transcript",
            subject=f"src/module_{dice.randrange(300)}.py" if not answered else "answer",
            text=words(dice, words_each),
            links=Links(
                session=f"s-{place}",
                agent=AGENTS[place % 8],
                team="team",
                kind="claude",
                conversation=conversations[place],
                turn=f"turn-{number // 40}",
                call="" if answered else f"toolu_{number // 2:020d}",
                model=dice.choice(MODELS) if answered else "",
            ),
            payload={"tool": tool, "input": {"command": f"make {number}", "cwd": "~/project"}},
            duration_seconds=dice.randrange(10**7) / 1e6 if kind is EventKind.TOOL_ENDED else None,
            usage=TokenUsage(dice.randrange(5000), 10_000, 200, 0, 700, 100) if answered else None,
            cost=Cost(dice.randrange(10**8), CostBasis.COMPUTED) if answered else None,
        )
