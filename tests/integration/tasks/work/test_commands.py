"""Commands of tasks, in a real host, worked on by daemons that are killed between any two steps."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from tests.waiting import eventually

from iterm_mcp.models.tasks import Acceptance, Outcome

if TYPE_CHECKING:
    from tests.integration.tasks.work.site import Site

pytestmark = pytest.mark.headless


@pytest.mark.long
async def test_a_command_survives_a_kill_after_every_step_and_runs_once(
    own_site: Site,
) -> None:
    site = own_site
    order = site.order(
        f"echo start >>{site.folder}/starts; sleep 1; pwd; "
        'echo \'{"found": 3}\' >"$ITERM_MCP_RESULT"; echo kept >made',
        files=("made",),
    )

    run = await site.run_with_kills(order)

    result = run.result
    assert site.starts() == ["start"]
    assert (run.ending.outcome, run.ending.exit_code) == (Outcome.SUCCEEDED, 0)
    assert run.evidence == ""
    assert result.output == {"found": 3}
    assert result.exit_code == 0
    assert result.problems == ()
    assert json.dumps(dict(result.files)) == json.dumps({"made": f"{site.kept(order).files}/made"})
    assert (site.kept(order).files / "made").read_text() == "kept\n"
    assert not site.processes(order)


async def test_what_fails_leaves_evidence_and_nothing_else(site: Site) -> None:
    order = site.order("echo it went wrong; nohup sleep 300 >/dev/null 2>&1 & sleep 1; exit 3")

    run = await site.run(order)

    assert (run.ending.outcome, run.ending.exit_code) == (Outcome.FAILED, 3)
    assert "exit code 3" in run.ending.reason
    assert run.result.output == "it went wrong"
    assert run.result.problems == ("it exited with 3, and 0 was asked for",)
    found = json.loads((site.kept(order).evidence / "failure.json").read_text())
    assert run.evidence == str(site.kept(order).evidence)
    assert "it went wrong" in found["screen"]
    assert found["code"] == 3
    assert any("sleep 300" in one for one in found["processes"])
    assert not site.processes(order)


async def test_the_terminal_that_it_runs_on_is_a_whole_one_and_its_size_follows(
    site: Site,
) -> None:
    order = site.order("test -t 0 && test -t 1 && test -t 2 && stty size && printf '\\033[1mB\\n'")

    run = await site.run(order)

    assert run.ending.outcome is Outcome.SUCCEEDED
    rows, _, rest = str(run.result.output).partition(" ")
    assert int(rows) > 1
    assert rest.endswith("\nB")


async def test_a_cancelled_command_ends_with_all_that_it_started(site: Site) -> None:
    order = site.order("sleep 300 & sleep 301 & (trap '' TERM HUP; sleep 302); wait")
    place, running = await site.begin(order)
    flag = site.cancels(order)
    number = await site.daemon.ask("supervise", order, place, running, str(flag))
    await eventually(lambda: len(site.processes(order)) >= 5, within_seconds=30)
    flag.touch()
    ending = await site.daemon.answer(number)
    evidence = await site.twice("clean", order, place, outcome=ending.outcome)

    assert ending.outcome is Outcome.CANCELLED
    assert evidence == ""
    assert not site.processes(order)


async def test_deadlines_and_silence_end_it(site: Site) -> None:
    late = site.order("sleep 300", deadline_seconds=1.5)
    silent = site.order("echo hi; sleep 300", name="t-2", stall_seconds=1.0)
    busy = site.order(
        "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.4; done", name="t-3", stall_seconds=2.0
    )

    assert (await site.run(late)).ending.outcome is Outcome.TIMED_OUT
    assert (await site.run(silent)).ending.outcome is Outcome.STALLED
    assert (await site.run(busy)).ending.outcome is Outcome.SUCCEEDED


async def test_a_pane_that_a_person_closes_fails_it(site: Site) -> None:
    order = site.order("sleep 300")
    place, running = await site.begin(order)
    number = await site.daemon.ask("supervise", order, place, running, str(site.cancels(order)))
    (one,) = await eventually(
        lambda: [one for one in site.processes(order) if one.cmdline()[0] == "sleep"]
    )
    (keeper,) = [one for one in one.parents() if "keeper.py" in str(one.cmdline())]
    keeper.send_signal(signal.SIGHUP)
    ending = await site.daemon.answer(number)
    await site.twice("clean", order, place, outcome=ending.outcome)

    assert ending.outcome in {Outcome.FAILED, Outcome.LOST}
    assert "closed" in ending.reason or "terminal" in ending.reason
    assert not site.processes(order)


async def test_files_that_it_did_not_write_and_what_was_asked_for_are_told(site: Site) -> None:
    order = site.order(
        "echo 1 >one; ln -s /etc/hostname two",
        files=("one", "two", "three", "../four"),
        acceptance=Acceptance(commands=("test -f one", "test -f five")),
    )

    run = await site.run(order)

    assert run.ending.outcome is Outcome.SUCCEEDED
    assert set(run.result.files) == {"one"}
    said = "\n".join(run.result.problems)
    assert "'two' leads out of the directory" in said
    assert "'three' was not written" in said
    assert "'../four' is not named" in said
    assert "test -f five" in said
