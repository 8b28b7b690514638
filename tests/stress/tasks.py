"""``uv run python -m tests.stress.tasks``: durable work, and ``kill -9`` of all that it needs.

A real daemon in a home of its own has many attempts in flight all the time: commands, and fake
agents, some in worktrees of a real repository. Meanwhile the daemon is killed at random moments,
also while it starts; the terminal sends its clients away; the database falls. At the end what
commands and agents wrote down themselves is held against what the engine has: every task settles as
it should, nothing is begun or told twice, nothing is left over, and the limit was never exceeded.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from contextlib import ExitStack
from math import inf
from pathlib import Path

import anyio
from rich.console import Console
from tests.integration.homes import Home
from tests.integration.tasks.postgres import open_postgres, programs
from tests.stress.task_site import Site
from tests.stress.task_storm import DAEMON, DATABASE, HOST, Outcome, Plan, TaskStorm

SHOWN_FAULTS = 40


async def run(plan: Plan, folder: Path, database: str, console: Console) -> Outcome:
    """Run in a folder, and end what was started there."""
    (folder / "home").mkdir(exist_ok=True)
    home = Home(str(folder / "home"), "headless")
    with ExitStack() as stack:
        server = None
        if database == "postgres":
            binaries = programs()
            if binaries is None:
                raise SystemExit("PostgreSQL is not installed")
            server = stack.enter_context(open_postgres(binaries))
        site = Site(home, folder, plan.at_once, "" if server is None else server.url)
        try:
            return await TaskStorm(site, plan, server, console.print).run()
        finally:
            with anyio.CancelScope(shield=True):
                await home.stop()


def report(outcome: Outcome, console: Console) -> None:
    """Print the account."""
    account, flying = outcome.account, outcome.in_flight
    console.print(
        f"{outcome.killed.total()} kills ({_listed(outcome.killed)}), {account.tasks} tasks in "
        f"{account.attempts} attempts, {outcome.seconds:.0f} s; {account.most_at_once} at once at "
        f"most, {sum(flying) / max(1, len(flying)):.1f} in flight on average when one was killed"
    )
    console.print(f"  tasks: {_listed(outcome.sorts)}")
    console.print(f"  they are: {_listed(account.states)}")
    console.print(f"  attempts: {_listed(account.outcomes)}")
    for reason, count in account.surprises.most_common(20):
        console.print(f"  {count:4d} tried again: {reason}", markup=False)
    for fault in outcome.faults[:SHOWN_FAULTS]:
        console.print(fault, style="red", markup=False)
    if outcome.faults:
        console.print(f"[red]{len(outcome.faults)} faults.")
    else:
        console.print("[green]All have settled, none was begun twice, and nothing is left over.")


def _listed(counted: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counted.items())) or "none"


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress.tasks", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--agents", type=int, default=20, help="attempts in flight all the time")
    parser.add_argument("--victim", choices=(DAEMON, HOST, DATABASE, "all"), default="all")
    parser.add_argument("--seconds", type=float, default=inf, help="kill no more after so long")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chosen = [DAEMON, HOST, DATABASE] if given.victim == "all" else [given.victim]
    victims = tuple(one for one in chosen if one != DATABASE or given.database == "postgres")
    if not victims:
        parser.error("a file cannot be killed: give --database postgres")
    plan = Plan(given.kills, given.agents, victims, given.seed, given.seconds)
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-crash-"))
    console = Console(highlight=False, width=160, soft_wrap=True)
    console.print(f"seed {plan.seed}, in {folder}")
    outcome = anyio.run(run, plan, folder, given.database, console)
    report(outcome, console)
    if not outcome.faults:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
