"""``iterm-mcp demo``: the whole way from an MCP client to real shells, in a minute or less."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

import anyio
import typer
from mcp import Client, MCPError, StdioServerParameters
from mcp.types import CallToolResult, TextContent
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from iterm_mcp.cli.demo_home import temporary_home

if TYPE_CHECKING:
    from iterm_mcp.paths import Paths

WHOLE_SECONDS = 60.0
ANSWER_SECONDS = 10.0
LOG_LINES = 5

EXPECTED = (MCPError, typer.TyperException, TimeoutError)
"""What a terminal, a daemon or a machine may do to the demo."""

AGENT_SCRIPT = """\
# A scripted agent: says who it is, then answers every line that it is told.
name=$1
printf 'I am %s.\\n' "$name"
while printf '> ' && IFS= read -r order; do
    words=$(printf '%s' "$order" | wc -w)
    printf '%s: done, %d words.\\n' "$name" "$words"
done
"""

TEAMS = {"build": ("ann", "ben"), "review": ("cem", "dana")}
BROADCAST = "say good morning"
FOR_REVIEW = "read the change and report"
FOR_DANA = "look at the tests only please"
WORDS = {"ann": 3, "ben": 3, "cem": 5, "dana": 6}
"""How many words reach each: the broadcast, the team's text, the agent's own."""

_PICTURE = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Rich's picture without the fonts that it would fetch from the network."""


def demo(picture: Path | None = None) -> None:
    """Open four scripted agents in a 2x2 layout, cascade messages to them, read them back.

    Everything happens in a temporary home and is ended again; nothing of yours is touched.

    Args:
        picture: Where to write what was shown as SVG.
    """
    console = Console(width=100 if not sys.stdout.isatty() else None, record=picture is not None)
    with temporary_home() as paths:
        try:
            story = anyio.run(_play, console, paths)
        except (*EXPECTED, ExceptionGroup) as error:
            _show_failure(_reasons(error), paths)
            raise typer.Exit(1) from None
        _show(console, story)
        _show_operations(console, _measured(paths), since=story.before)
    if picture is not None:
        console.save_svg(str(picture), title="iterm-mcp demo", code_format=_PICTURE)
    if story.silent:
        console.print(f"[red]No answer from {', '.join(story.silent)}.[/red]")
        raise typer.Exit(1)
    console.print("[green]All four agents were told, and all four answered.[/green]")


@dataclass(frozen=True)
class _Measure:
    """How often a terminal operation was done, and how long all of them took together."""

    count: float = 0.0
    seconds: float = 0.0


@dataclass
class _Story:
    """What the demo saw.

    Attributes:
        screens: The last screen of each agent.
        silent: The agents whose answer did not come.
        calls: Seconds of every call, by tool.
        before: What the daemon had measured when all was up: a wait for a host that starts is no
            operation's own time.
    """

    screens: dict[str, str] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)
    calls: dict[str, list[float]] = field(default_factory=dict)
    before: dict[str, _Measure] = field(default_factory=dict)


def _reasons(error: Exception) -> list[str]:
    """Return what went wrong in words; raise the error if it is a bug of ours."""
    if isinstance(error, ExceptionGroup):
        return [reason for one in error.exceptions for reason in _reasons(one)]
    if isinstance(error, TimeoutError):
        return [f"it was not over after {WHOLE_SECONDS:.0f} s"]
    if not isinstance(error, EXPECTED):
        raise error
    return [str(error)]


def _show_failure(reasons: list[str], paths: Paths) -> None:
    """Say why, with the ends of the logs, which are about to go with their home."""
    for reason in dict.fromkeys(reasons):
        typer.echo(f"the demo failed: {reason}", err=True)
    for log in sorted(Path(paths.logs).glob("*.log")):
        for line in log.read_text(errors="replace").splitlines()[-LOG_LINES:]:
            typer.echo(f"{log.name}: {line}", err=True)


async def _play(console: Console, paths: Paths) -> _Story:
    story = _Story()
    script = Path(os.environ["HOME"]) / "agent.sh"
    await anyio.Path(script).write_text(AGENT_SCRIPT)
    relay = StdioServerParameters(
        command=sys.executable, args=["-m", "iterm_mcp"], env=dict(os.environ)
    )
    began = perf_counter()
    with anyio.fail_after(WHOLE_SECONDS):
        async with Client(relay) as client:
            await client.list_tools()  # the client checks answers by it
            teller = _Teller(client, story)
            await teller.call("list_sessions")  # for which a host is started
            seconds = perf_counter() - began
            console.print(f"Client, relay, daemon and host are up after {seconds:.2f} s.")
            story.calls.clear()
            story.before = await anyio.to_thread.run_sync(_measured, paths)
            sessions = await _open_agents(teller, script)
            receipts = await teller.call(
                "cascade_message",
                broadcast=BROADCAST,
                teams={"review": FOR_REVIEW},
                agents={"dana": FOR_DANA},
                idempotency_key="demo",
            )
            _show_receipts(console, receipts)
            deadline = monotonic() + ANSWER_SECONDS
            for name, session_id in sessions.items():
                await _read_answer(teller, name, session_id, deadline)
    return story


class _Teller:
    """Calls tools, and remembers how long each took."""

    def __init__(self, client: Client, story: _Story) -> None:
        self._client = client
        self.story = story

    async def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        result = await self._timed(tool, arguments)
        return dict(result.structured_content or {})

    async def read(self, session_id: str) -> str:
        """Return a screen without the sealed lines around it."""
        text = _text(await self._timed("read_screen", {"session_id": session_id}))
        return "\n".join(text.splitlines()[1:-1])

    async def _timed(self, tool: str, arguments: dict[str, object]) -> CallToolResult:
        began = perf_counter()
        result = await self._client.call_tool(tool, arguments)
        self.story.calls.setdefault(tool, []).append(perf_counter() - began)
        if result.is_error:
            raise typer.TyperException(f"{tool} failed: {_text(result)}")
        return result


def _text(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


async def _open_agents(teller: _Teller, script: Path) -> dict[str, str]:
    """Open the layout, and register who lives in it."""
    names = [name for members in TEAMS.values() for name in members]
    panes = [{"name": name, "command": f"/bin/sh {script} {name}"} for name in names]
    root = {
        "split": "rows",
        "children": [
            {"split": "columns", "children": panes[:2]},
            {"split": "columns", "children": panes[2:]},
        ],
    }
    layout = await teller.call("apply_layout", root=root)
    sessions = {pane["name"]: pane["session_id"] for pane in layout["panes"]}
    await teller.call("create_team", name="crew", description="Everybody")
    for team, members in TEAMS.items():
        await teller.call("create_team", name=team, parent="crew")
        for name in members:
            await teller.call("register_agent", name=name, session_id=sessions[name], teams=[team])
    return sessions


async def _read_answer(teller: _Teller, name: str, session_id: str, deadline: float) -> None:
    """Read an agent's screen until its answer stands there."""
    answer = re.compile(rf"{name}: done, +{WORDS[name]} words")
    while True:
        teller.story.screens[name] = await teller.read(session_id)
        if answer.search(teller.story.screens[name]):
            return
        if monotonic() > deadline:
            teller.story.silent.append(name)
            return
        await anyio.sleep(0.02)


def _show_receipts(console: Console, answer: dict[str, Any]) -> None:
    table = Table("agent", "text from", "text", "receipt", title="cascade_message")
    for one in answer["receipts"]:
        source = f"team {one['team']}" if "team" in one else one["source"]
        table.add_row(one["agent"], source, one["text"], one["state"])
    console.print(table)


def _show(console: Console, story: _Story) -> None:
    """Print the screens as they stand in the window."""
    grid = Table.grid(expand=True)
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    for team, members in TEAMS.items():
        grid.add_row(*(
            Panel(Text(story.screens.get(name, "")), title=name, subtitle=f"team {team}", height=8)
            for name in members
        ))  # fmt: skip
    console.print(grid)
    table = Table("tool", "calls", "median", "slowest", title="As the client saw it")
    for tool, seconds in story.calls.items():
        ordered = sorted(seconds)
        table.add_row(
            tool,
            str(len(ordered)),
            f"{ordered[len(ordered) // 2] * 1e3:.2f} ms",
            f"{ordered[-1] * 1e3:.2f} ms",
        )
    console.print(table)


def _measured(paths: Paths) -> dict[str, _Measure]:
    """Return the daemon's own measurements of terminal operations, from its metrics."""
    from urllib.request import Request, urlopen

    from prometheus_client.parser import text_string_to_metric_families

    info = json.loads(Path(paths.daemon_info).read_text())
    token = Path(paths.token).read_text().strip()
    request = Request(f"{info['http']}/metrics", headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - loopback, from our own file
    with urlopen(request, timeout=5) as response:  # noqa: S310
        text = response.read().decode()
    totals: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        if family.name == "iterm_mcp_terminal_operation_duration_seconds":
            for sample in family.samples:
                kind = sample.name.rsplit("_", 1)[-1]
                if kind in {"sum", "count"}:
                    totals.setdefault(sample.labels["operation"], {})[kind] = sample.value
    return {name: _Measure(sums["count"], sums["sum"]) for name, sums in totals.items()}


def _show_operations(
    console: Console, now: dict[str, _Measure], since: dict[str, _Measure]
) -> None:
    table = Table("terminal operation", "count", "mean", title="As the daemon measured it")
    for operation, all_of_them in now.items():
        earlier = since.get(operation, _Measure())
        count = all_of_them.count - earlier.count
        if count:
            mean = (all_of_them.seconds - earlier.seconds) / count * 1e3
            table.add_row(operation, f"{count:.0f}", f"{mean:.2f} ms")
    console.print(table)
