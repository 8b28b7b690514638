"""``uv run python -m tests.stress.deliveries``: none lost, none twice, no receipt wrong."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import anyio
from rich.console import Console
from tests.integration.homes import Home
from tests.stress.messages import Outcome, Plan, Storm

SHOWN_FAULTS = 40


async def run(plan: Plan, folder: Path, console: Console) -> Outcome:
    """Run in a folder, and end what was started there."""
    (folder / "home").mkdir(exist_ok=True)
    home = Home(str(folder / "home"), "headless")
    try:
        return await Storm(home, folder, plan, console.print).run()
    finally:
        with anyio.CancelScope(shield=True):
            await home.stop()


def report(plan: Plan, outcome: Outcome, console: Console) -> None:
    """Print the account."""
    account = outcome.account
    console.print(
        f"seed {plan.seed}: {outcome.sent} messages to {plan.agents} agents, "
        f"{outcome.seconds:.0f} s"
    )
    for (stage, times), count in sorted(account.outcomes.items()):
        console.print(f"  {count:6d} {stage}, came {times} times")
    for reason, count in account.reasons.most_common(25):
        console.print(f"  {count:6d} {reason}", markup=False)
    console.print("brought about: " + _listed(outcome.faults), markup=False)
    console.print("agents tell of: " + _listed(outcome.happened), markup=False)
    console.print(
        f"{account.mixed} came together with what a person typed, who sent {account.persons} more"
    )
    console.print(
        f"accepted to submitted p50 {account.quantile(0.5):.2f} s, "
        f"p95 {account.quantile(0.95):.2f} s, p99 {account.quantile(0.99):.2f} s"
    )
    for fault in account.faults[:SHOWN_FAULTS]:
        console.print(f"[red]{'-' * 20}")
        console.print(fault, markup=False)
    if account.faults:
        console.print(f"[red]{len(account.faults)} receipts are wrong.")
    else:
        console.print("[green]None was lost, none came twice, and no receipt was wrong.")


def _listed(counted: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counted.items())) or "nothing"


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress.deliveries", description=__doc__)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--messages", type=int, default=10_000, help="to all agents together")
    parser.add_argument("--kills", type=int, default=20, help="kill -9 of the daemon")
    parser.add_argument(
        "--drops", type=int, default=10, help="of the terminal's connection, and of processes"
    )
    parser.add_argument("--seconds", type=float, help="send no more after so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave the folder for --resume")
    parser.add_argument("--resume", type=Path, metavar="FOLDER", help="go on where it was left")
    given = parser.parse_args()
    plan = Plan(given.agents, given.messages, given.kills, given.drops, given.seed, given.seconds)
    folder = given.resume or Path(tempfile.mkdtemp(dir="/tmp", prefix="im-storm-"))
    console = Console(highlight=False, width=160)
    console.print(f"seed {plan.seed}, in {folder}")
    outcome = anyio.run(run, plan, folder, console)
    report(plan, outcome, console)
    if not given.keep and not outcome.account.faults:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if outcome.account.faults else 0


if __name__ == "__main__":
    sys.exit(main())
