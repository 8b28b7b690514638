"""See whether the fake agents still behave as the real ones, and whether we see these rightly.

``uv run python -m scripts.agent_canary [--clients FOLDER] [--install] [--verbose] [--only PART]``

Claude Code's TUIs run in sessions of a headless host, with the same hooks and the same script; so
do those of Codex and Gemini CLI, which our own daemon starts, and of which is noted what it and
their kinds see, beside what their models were told. Codex's app-server is compared, too. The real
ones ask local models that do what the messages order. No login, no network. What was seen of both
is printed side by side. Exits with 1 when a persona pretends something that the real one does not
do, or when something was not seen of a real one, with 2 when one of them did not come through the
script, and with 0 when they agree or are not installed.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import structlog
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from scripts.acceptance.install import install
from scripts.acceptance.rig import OFFLINE, Rig, open_rig
from scripts.canary import codex_server, tuis
from scripts.canary.acts import ACTS
from scripts.canary.comparing import Finding, compare
from scripts.canary.directed_model import serve
from scripts.canary.responses_model import serve_responses
from scripts.canary.subject import EVENTS, Act, SilentError, Subject

from iterm_mcp.config import Settings
from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.sessions import Program, Size
from iterm_mcp.paths import find_paths
from iterm_mcp.telemetry import Metrics
from iterm_mcp.terminal.endpoint import find_endpoint
from iterm_mcp.terminal.iterm import ItermTerminal
from iterm_mcp.terminal.link import open_link

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KEY = "none-scripted-abcdefghijklmnop"
SIZE = Size(100, 40)
FAKE = (sys.executable, "-m", "iterm_mcp.testing.fake_agent")


def prepare(folder: Path, command: str) -> str:
    """Make a home in which nothing is asked at the start; return the settings with our hooks."""
    project = folder / "project"
    state = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {str(project): {"hasTrustDialogAccepted": True}},
    }
    (folder / ".claude.json").write_text(json.dumps(state), "utf-8")
    hook = {"hooks": [{"type": "command", "command": command}]}
    path = folder / "settings.json"
    path.write_text(json.dumps({"hooks": {event: [hook] for event in EVENTS}}), "utf-8")
    return str(path)


async def run(rig: Rig, program: Sequence[str], **environ: str) -> list[Act]:
    """Run a program through the script; return what was seen of it.

    Raises:
        SilentError: It did not come through.
    """
    log = rig.folder / "hooks.jsonl"
    settings = prepare(rig.folder, f"cat >> {log}; echo >> {log}")
    for name in ("HOME", "ITERM_MCP_HOME"):  # where the host is looked for
        os.environ[name] = rig.environ[name]
    config, metrics = Settings(terminal="headless"), Metrics()
    paths = find_paths(rig.environ)
    arguments = (*program[1:], "--settings", settings, "--permission-mode", "default")
    seen = {key: rig.environ[key] for key in ("HOME", "PATH", "LANG")}
    async with open_link(
        lambda: find_endpoint(config, paths), metrics, config.connect_timeout_seconds
    ) as link:
        terminal = ItermTerminal(link, metrics.operations, config.request_timeout_seconds)
        opened = await terminal.open_session(
            Program(
                command=program[0],
                arguments=arguments,
                directory=str(rig.project),
                environment={**OFFLINE, **seen, **environ},
                size=SIZE,
            )
        )
        subject = Subject(terminal, opened.session_id, rig.folder)
        async with anyio.create_task_group() as group:
            group.start_soon(subject.watch_status)
            group.start_soon(subject.watch_titles)
            failure = await _play(subject)
            group.cancel_scope.cancel()
        with suppress(NotFoundError):  # it has ended, as it should
            await terminal.close_session(opened.session_id)
    if failure:
        raise SilentError(failure)
    return subject.acts


async def _play(subject: Subject) -> str:
    """Play all acts; return what did not come, or nothing."""
    try:
        await subject.until("SessionStart", lambda: subject.count("SessionStart") > 0)
        await subject.becomes("idle")
        subject.close_act()
        for act in ACTS:
            subject.acts.append(Act(act.__name__))
            await act(subject)
            subject.close_act()
    except SilentError as error:
        return f"{subject.acts[-1].name}: {error}"
    return ""


def claude(programs: list[Path], console: Console) -> list[Finding]:
    """Compare the TUI of Claude Code.

    Raises:
        SilentError: One of the two did not come through the script.
    """
    seen = []
    for name in ("real", "persona"):
        with open_rig(programs) as rig, serve() as model:
            real = rig.find("claude")
            if real is None:
                console.print("Claude Code is not installed; see --install")
                return []
            environ = {"ANTHROPIC_BASE_URL": model.base_url, "ANTHROPIC_API_KEY": KEY}
            if name == "real":
                console.print(f"Claude Code {rig.version('claude')}")
            try:
                program = [real] if name == "real" else [*FAKE, "claude"]
                seen.append(anyio.run(_run, rig, program, environ))
            except SilentError as error:
                raise SilentError(f"Claude Code, {name}: {error}") from None
    return list(compare(*seen))


def codex(programs: list[Path], console: Console) -> list[Finding]:
    """Compare Codex's app-server.

    Raises:
        SilentError: One of the two did not come through the script.
    """
    seen = []
    for name in ("real", "persona"):
        with open_rig(programs) as rig, serve_responses() as model:
            real = rig.find("codex")
            if real is None:
                console.print("Codex is not installed; see --install")
                return []
            if name == "real":
                console.print(f"Codex {rig.version('codex')}")
            try:
                program = [real] if name == "real" else [*FAKE, "codex"]
                seen.append(codex_server.run(rig, program, model.base_url))
            except SilentError as error:
                raise SilentError(f"Codex, {name}: {error}") from None
    return list(codex_server.compare(*seen))


def tui(kind: str, programs: list[Path], console: Console) -> list[Finding]:
    """Compare a TUI that our daemon starts.

    Raises:
        SilentError: One of the two did not come through the script.
    """
    seen = []
    for fake in (False, True):
        with open_rig(programs) as rig:
            if rig.find(kind) is None:
                console.print(f"{kind} is not installed; see --install")
                return []
            if not fake:
                console.print(f"{kind} {rig.version(kind)}, in its terminal")
            try:
                seen.append(tuis.run(rig, kind, fake=fake))
            except SilentError as error:
                whose = "persona" if fake else "real"
                raise SilentError(f"{kind}, {whose}: {error}") from None
    return list(tuis.compare(*seen))


PARTS: dict[str, Callable[[list[Path], Console], list[Finding]]] = {
    "claude": claude,
    "codex-server": codex,
    "codex": partial(tui, "codex"),
    "gemini": partial(tui, "gemini"),
}


def main() -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--install", action="store_true", help="bring the programs from npm first")
    parser.add_argument("--verbose", action="store_true", help="show what agrees, too")
    parser.add_argument("--only", choices=PARTS, action="append", metavar="PART")
    asked = parser.parse_args()
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)  # the table is the output
    programs = [folder.resolve() for folder in asked.clients]
    if asked.install:
        programs.append(install())
    console = Console(width=None if sys.stdout.isatty() else 160)
    findings: list[Finding] = []
    for part in asked.only or PARTS:
        try:
            findings += PARTS[part](programs, console)
        except SilentError as error:
            console.print(f"One did not come through. {escape(str(error))}")
            return 2
    table = Table("act", "of what", "real", "persona", "")
    for one in findings:
        if asked.verbose or not one.agrees:
            mark = "[green]same" if one.agrees else "[red]differs"
            table.add_row(one.act, one.subject, escape(one.real), escape(one.persona), mark)
    console.print(table)
    wrong = sum(not one.agrees for one in findings)
    console.print(f"{len(findings) - wrong} agree, {wrong} differ")
    return 1 if wrong else 0


async def _run(rig: Rig, program: list[str], environ: dict[str, str]) -> list[Act]:
    return await run(rig, program, **environ)


if __name__ == "__main__":
    sys.exit(main())
