"""``python -m tests.fleet --port 9107 --machines 3 --story mixed``: a fleet to scrape.

With ``--history FILE`` nothing is served: the file is the story's past in OpenMetrics.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import anyio
from tests.fleet import STORIES, Fleet
from tests.fleet.history import history, write_history
from tests.fleet.serving import open_fleet, scrape_config
from tests.fleet.stories import HOUR


async def serve(fleet: Fleet, port: int, every: float, step: float) -> None:
    """Serve until somebody ends it; say how it is scraped."""
    async with open_fleet(fleet, every=every, step=step, port=port) as url:
        config = json.dumps(scrape_config(fleet, url), indent=2)  # JSON is YAML
        print(config, flush=True)  # noqa: T201 - what it is for
        await anyio.sleep_forever()


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description="Simulated daemons, for dashboards and alerts.")
    parser.add_argument("--port", type=int, default=9107)
    parser.add_argument("--machines", type=int, default=3)
    parser.add_argument("--story", choices=sorted(STORIES), default="mixed")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--every", type=float, default=1.0, help="real seconds between steps")
    parser.add_argument("--step", type=float, default=15.0, help="seconds of the story a step")
    parser.add_argument("--history", type=Path, help="write the past into this file instead")
    parser.add_argument("--hours", type=float, default=24.0, help="how much of it")
    given = parser.parse_args()
    story = STORIES[given.story]
    if given.history:
        scrapes = history(
            story, seconds=given.hours * HOUR, step=given.step, machines=given.machines,
            seed=given.seed,
        )  # fmt: skip
        write_history(given.history, scrapes)
        return
    fleet = Fleet(story, given.machines, seed=given.seed)
    try:
        anyio.run(serve, fleet, given.port, given.every, given.step)
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
