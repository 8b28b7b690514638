"""``iterm-mcp events conversations|summary|compare|costs|shifts``: what work came to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from iterm_mcp.cli.daemon_http import get_json
from iterm_mcp.cli.event_options import AgentKindOption, AgentOption, moment
from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import print_json

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH = 30
"""Of a step in a column of a comparison."""
MOST_COLUMNS = 4

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Since = Annotated[str, typer.Option(help="A time, or how long ago: 2026-01-31T12:00, 2h.")]


def conversations(
    since: _Since = "7d",
    agent: AgentOption = "",
    agent_kind: AgentKindOption = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="At most.")] = 50,
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """List the conversations of the last week, the newest first, with what each cost."""
    found = get_json(
        "/v1/conversations",
        {"since": moment(since), "agent": agent, "agent_kind": agent_kind, "limit": limit},
    )
    if as_json:
        print_json(found)
        return
    for one in found["conversations"]:
        sums = one["sums"]
        dollars = (sums["reported_nanodollars"] + sums["computed_nanodollars"]) / 1e9
        who = one["agent"] or one["kind"] or "-"
        last = datetime.fromisoformat(one["last_at"]).astimezone()
        parts = [one["conversation"], f"{last:%F %H:00}", who, f"${dollars:,.2f}", one["title"]]
        typer.echo(plain("  ".join(" ".join(part.split()) for part in parts)).rstrip())


def summary(
    conversation: Annotated[str, typer.Argument(help="Its id, from `conversations`.")],
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Tell what a conversation came to: turns, tools, failures, files, tokens, cost."""
    one = get_json(f"/v1/conversations/{quote(conversation, safe='')}", {})
    if as_json:
        print_json(one)
        return
    for line in _summary(one):
        typer.echo(plain(line))


def compare(
    ids: Annotated[list[str], typer.Argument(help="Conversations' ids, 2 to 20.")],
    different: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--different", help="Only the steps that differ.")
    ] = False,
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Set conversations side by side, step by step, each aligned to the first.

    Of more than four each row has a mark for each: = did the same, ~ did it to something else,
    ! did something else, - did nothing there.
    """
    found = get_json("/v1/compare", {"conversation": ids})
    if as_json:
        print_json(found)
        return
    accounts = found["accounts"]
    for at, (one, alike) in enumerate(zip(accounts, found["similarity"], strict=True)):
        spent = one["spent"]
        typer.echo(plain(
            f"{chr(ord('A') + at)}  {one['conversation']}  {one['agent'] or one['kind']}  "
            f"{alike:.0%} as A  {len(one['turns'])} turns  {len(one['calls'])} calls  "
            f"{len(one['files'])} files  ${(spent['reported'] + spent['computed']) / 1e9:,.4f}"
        ))  # fmt: skip
    wide = len(accounts) > MOST_COLUMNS
    if not wide:
        typer.echo("   " + " ".join(f"{chr(ord('A') + at):{WIDTH}}" for at in range(len(accounts))))
    for one in found["steps"]:
        if not (one["same"] and different):
            typer.echo(_narrow(one["steps"]) if wide else _beside(one))
    if found["left_out"]:
        typer.echo(f"{found['left_out']} steps of the longest are left out", err=True)


def costs(
    by: Annotated[
        list[str] | None,
        typer.Option(help="day, agent, kind, model or conversation; repeatable."),
    ] = None,
    since: _Since = "7d",
    until: Annotated[str, typer.Option(help="The same; now if left out.")] = "",
    agent: AgentOption = "",
    agent_kind: AgentKindOption = "",
    model: Annotated[str, typer.Option(help="A model's name.")] = "",
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Tell what was spent, told apart by what is asked for."""
    found = get_json(
        "/v1/costs",
        {
            "by": by or ["agent"], "since": moment(since), "until": until and moment(until),
            "agent": agent, "agent_kind": agent_kind, "model": model,
        },
    )  # fmt: skip
    if as_json:
        print_json(found)
        return
    for one in found["rows"]:
        names = "  ".join(name or "-" for name in one["names"])
        typer.echo(plain(f"{names}  {_sums(one['sums'])}"))
    typer.echo(f"all  {_sums(found['total'])}")
    for line in _agents_say(found["check"]):
        typer.echo(plain(line))


def _agents_say(check: Mapping[str, Any] | None) -> list[str]:
    """Return what agents say that it cost, beside what is computed; nothing if they say nothing."""
    if not check or not check["compared"]:
        return []
    of = f"{check['compared']} of the {check['conversations']} dearest conversations"
    apart = [f"  {one['conversation']}  {_both(one)}" for one in check["apart"]]
    return [f"of {of}: {_both(check)} ({check['difference_percent']:+.2f} %)", *apart]


def _both(sides: Mapping[str, Any]) -> str:
    said, computed = sides["reported"] / 1e9, sides["computed"] / 1e9
    return f"${said:.4f} as agents say, ${computed:.4f} as computed"


def shifts(
    days: Annotated[int, typer.Argument(min=1, max=90, help="Whole days, today left out.")] = 7,
    agent: AgentOption = "",
    agent_kind: AgentKindOption = "",
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Set the last days beside as many before them, and tell what is more than chance."""
    found = get_json("/v1/history/shifts", {"days": days, "agent": agent, "agent_kind": agent_kind})
    if as_json:
        print_json(found)
        return
    for one in found["shifts"]:
        said = f"{one['before']:.4g} to {one['after']:.4g} a day"
        if one["p"] is None:
            said += ": too few days to say anything"
        elif one["direction"] == "none":
            said += f": may be chance (p = {one['p']:.2g})"
        else:
            said += (
                f": {one['direction']} by {one['least']:.4g} to {one['most']:.4g} "
                f"with {found['confidence']:.0%} confidence (p = {one['p']:.2g})"
            )
        typer.echo(f"{one['measure']:20} {said}")
    typer.echo(f"method: {found['method']}; claimed at p <= {found['alpha']}")


def _summary(one: dict[str, Any]) -> list[str]:
    spent, usage = one["spent"], one["spent"]["usage"]
    begun = datetime.fromisoformat(one["started_at"]).astimezone()
    last = datetime.fromisoformat(one["last_at"]).astimezone()
    tokens = ", ".join(f"{name} {count:,}" for name, count in usage.items() if count)
    ended = f", {one['end_reason'] or 'ended'}" if one["ended_at"] else ""
    where = f" in {one['directory']}" if one["directory"] else ""
    lines = [
        " ".join((one["title"] or one["conversation"]).split()),
        f"{one['agent'] or '-'} ({', '.join((one['kind'], *one['models']))}){where}",
        f"{begun:%F %T} to {last:%F %T}{ended}; {one['waited_seconds']:.0f} s waiting for people",
        f"${(spent['reported'] + spent['computed']) / 1e9:,.4f}; {tokens or 'no tokens'}",
    ]
    if spent["unpriced"]:
        lines.append(f"{spent['unpriced']:,} tokens of unknown cost")
    for turn in one["turns"]:
        took = "" if turn["seconds"] is None else f" in {turn['seconds']:.1f} s"
        prompt = " ".join(turn["prompt"].split())[:80]
        lines.append(f"turn {turn['index'] + 1}: {turn['outcome']}{took}, {turn['calls']} calls: "
                     f"{prompt}")  # fmt: skip
    lines += [
        f"tool {tool['tool']}: {tool['calls']} calls, {tool['failed']} failed, "
        f"{tool['seconds']:.1f} s"
        for tool in one["tools"]
    ]
    lines += [
        f"failed {failure['times']} times: {failure['tool']}: "
        f"{' '.join(failure['error'].split())[:100]}"
        for failure in one["failures"]
    ]
    for file in one["files"]:
        added, removed = file["lines_added"], file["lines_removed"]
        size = "" if added is None else f" +{added} -{removed or 0}"
        lines.append(f"file {file['change']}: {file['path']}{size}")
    lines += [f"{done['what']} {done['name']}: {done['text']}" for done in one["commits"]]
    return [" ".join(line.split()) for line in lines]


def _beside(row: dict[str, Any]) -> str:
    cells = " ".join(f"{_step(step):{WIDTH}}" for step in row["steps"])
    return f"{'=' if row['same'] else '!'}  {cells}".rstrip()


def _narrow(steps: list[dict[str, Any] | None]) -> str:
    """Return a row of many conversations: which of them did the first one's step, and the step."""
    first = next(one for one in steps if one is not None)
    marks = ""
    for one in steps:
        if one is None:
            marks += "-"
        elif one["what"] == first["what"]:
            marks += "=" if one["subject"] == first["subject"] else "~"
        else:
            marks += "!"
    return f"{marks}  {_step(first)}"


def _step(step: dict[str, Any] | None) -> str:
    if step is None:
        return "-"
    text = plain(" ".join(f"{step['what']} {step['subject']}".split()))
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def _sums(sums: dict[str, Any]) -> str:
    dollars = (sums["reported_nanodollars"] + sums["computed_nanodollars"]) / 1e9
    names = ("input", "cache_read", "cache_write", "cache_write_1h", "output")
    tokens = sum(sums["usage"][name] for name in names)
    unpriced = f"  ({sums['unpriced']} answers of unknown price)" if sums["unpriced"] else ""
    return f"${dollars:,.4f}  {tokens:,} tokens{unpriced}"
