"""A fleet of simulated daemons: real registries, driven through their real observers by a story.

No daemon runs. Each machine has its own `iterm_mcp.telemetry.Metrics`, and every number in it came
by the way it comes in a daemon: an observer's method, a meter's block, a collector that asks at
the scrape. Hours pass in seconds, and the same seed tells the same story.

``python -m tests.fleet`` serves one over HTTP; `tests.fleet.history.history` gives its past.
"""

from tests.fleet.fleet import Fleet
from tests.fleet.stories import STORIES, Ill, Story

__all__ = ["STORIES", "Fleet", "Ill", "Story"]
