"""Whether what agents' hooks tell arrives in the event store: sent by each way, and looked for."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING
from urllib.error import URLError
from uuid import uuid4

from iterm_mcp.agents.claude_hooks import spool_hooks
from iterm_mcp.agents.hook_spool import SCRIPT, spool_command
from iterm_mcp.agents.reports import report_token
from iterm_mcp.cli.checking.finding import Finding
from iterm_mcp.cli.checking.programs import ask, written
from iterm_mcp.cli.installing import config_file
from iterm_mcp.cli.installing.clients import ClaudeCodeHooks
from iterm_mcp.cli.installing.errors import ConfigError
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iterm_mcp.cli.installing.clients import Machine
    from iterm_mcp.paths import Paths

ARRIVE_SECONDS = 20.0
POLL_SECONDS = 0.05
HOOK_SECONDS = 10
KIND = "claude"
MEND = "Run `iterm-mcp install claude-code`."


def check_hooks_installed(machine: Machine, paths: Paths) -> Iterator[Finding]:
    """Look whether the user's own Claude Code tells us of all that it should."""
    client = ClaudeCodeHooks(paths.spool)
    path = client.file(machine)
    try:
        ours = client.entry(config_file.decode(config_file.read(path)), "")
    except ConfigError as error:
        yield Finding("fail", client.title, f"{path}: {error}", error.hint)
        return
    except OSError as error:
        yield Finding("fail", client.title, f"{path}: {error.strerror}", "Permit it to be read.")
        return
    wanted = {event: groups[0] for event, groups in spool_hooks(paths.spool).items()}
    if ours is None:
        yield Finding("ok", client.title, "only our own agents' tell us what happens", MEND)
    elif ours != wanted:
        yield Finding("warn", client.title, f"{path} has those of another version", MEND)
    elif not (Path(paths.spool) / SCRIPT).is_file():
        yield Finding("fail", client.title, f"there is no {paths.spool}/{SCRIPT}", MEND)
    else:
        yield Finding("ok", client.title, f"{len(ours)} kinds of events are told")


def check_hook_delivery(paths: Paths) -> Iterator[Finding]:
    """Send an event by each way that hooks have, and wait until it is in the store."""
    pid = lock_holder(paths.daemon_lock)
    if pid is None:
        text = "not tried: no daemon runs; what comes by the spool meanwhile is kept when one does"
        yield Finding("ok", "hooks", text)
        return
    url = str(written(paths.daemon_info, pid).get("http", ""))
    ways: tuple[tuple[str, Callable[[bytes], None]], ...] = (
        ("http", lambda event: _post(url, paths, event)),
        ("spool", lambda event: _spool(paths, event)),
    )
    for name, send in ways:
        conversation = f"doctor-{uuid4()}"
        event = {"session_id": conversation, "hook_event_name": "Doctor", "way": name}
        hint = f"See {paths.logs}/daemon.log."
        try:
            began = monotonic()
            send(json.dumps(event).encode() + b"\n")
            sent = monotonic()
            arrived = _arrived(url, paths, conversation)
        except (URLError, OSError, ValueError, subprocess.SubprocessError) as error:
            yield Finding("fail", "hooks", f"an event cannot be sent by {name}: {error}", hint)
            continue
        took = f"{(sent - began) * 1e3:.0f} ms to send, {(monotonic() - sent) * 1e3:.0f} to be kept"
        if arrived:
            yield Finding("ok", "hooks", f"an event arrives by {name}: {took}")
        else:
            yield Finding("fail", "hooks", f"an event sent by {name} never arrived", hint)


def _post(url: str, paths: Paths, event: bytes) -> None:
    """Do what an agent does: show the token that opens nothing else."""
    ask(f"{url}/v1/hooks/{KIND}", report_token(_token(paths)), event)


def _spool(paths: Paths, event: bytes) -> None:
    """Do what an agent does: run the hook's command in a shell."""
    script = Path(paths.spool) / SCRIPT
    if not script.is_file():  # the command is silent then, and nothing would ever arrive
        raise ValueError(f"there is no {script}")
    done = subprocess.run(
        [os.environ.get("SHELL") or "/bin/sh", "-c", spool_command(paths.spool, KIND)],
        input=event, capture_output=True, timeout=HOOK_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode or done.stdout or done.stderr:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        raise ValueError(f"exit code {done.returncode}, {said or 'and nothing said'}")


def _arrived(url: str, paths: Paths, conversation: str) -> bool:
    deadline = monotonic() + ARRIVE_SECONDS
    while monotonic() < deadline:
        asked = f"{url}/v1/events?conversation={conversation}&limit=1"
        if json.loads(ask(asked, _token(paths)))["events"]:
            return True
        sleep(POLL_SECONDS)
    return False


def _token(paths: Paths) -> str:
    return Path(paths.token).read_text(encoding="ascii").strip()
