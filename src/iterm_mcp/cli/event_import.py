"""``iterm-mcp events import``: bring in what agents wrote, or what ``codex exec --json`` prints."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iterm_mcp.cli.plain import plain
from iterm_mcp.paths import find_paths, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STDIN = "-"
FOLDERS = ("sessions", "archived_sessions")
ENDINGS = (".jsonl", ".jsonl.zst")
PRINTED = "codex-exec"
_THREAD = re.compile(r"[0-9A-Za-z-]{1,64}")

_Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Files, also packed by zstd; folders; - for stdin."),
]
_Kind = Annotated[
    str, typer.Option(help="codex, codex-exec, claude or gemini, where the lines do not tell.")
]
_Model = Annotated[str, typer.Option(help="Which model answered: codex exec does not print it.")]
_Through = Annotated[bool, typer.Option("--through", help="Print what comes from stdin, too.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, an object a line.")]


def bring(
    files: _Files,
    kind: _Kind = "",
    model: _Model = "",
    through: _Through = False,  # noqa: FBT002 - a flag
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Bring in rollouts, transcripts, chats, or a stream: codex exec --json … | … import -.

    As often as you like: each fact is kept once. Of a stream whose thread has a rollout on this
    machine that is brought in, and the stream adds what it leaves out.
    """
    given = {"kind": kind, "model": model}
    done = [
        _bring_stdin(given, through=through, as_json=as_json)
        if name == STDIN
        else _bring_all(Path(name), given, as_json=as_json)
        for name in files
    ]
    if not all(done):
        raise typer.Exit(1)


def _bring_all(path: Path, given: Mapping[str, str], *, as_json: bool) -> bool:
    """Bring in a file, or all in a folder that may be meant; tell whether all went well."""
    found = [path]
    if path.is_dir():
        found = sorted(one for one in path.rglob("*") if one.name.endswith(ENDINGS))
        if not found:
            typer.echo(plain(f"{path}: no file ends with .jsonl or .jsonl.zst"), err=True)
    done = [_bring(one, given, as_json=as_json) for one in found]
    return bool(done) and all(done)


def _bring_stdin(given: Mapping[str, str], *, through: bool, as_json: bool) -> bool:
    """Bring in what comes; it is gone from the disk only once it is kept."""
    folder = Path(find_paths().state, "imports")
    make_private_folder(str(folder))
    path = folder / f"stdin-{os.getpid()}.jsonl"
    with suppress(KeyboardInterrupt):  # what was printed until then is worth keeping
        _copy_stdin(path, through=through)
    whose = {
        "agent": os.environ.get("ITERM_MCP_AGENT", ""),
        "session": os.environ.get("ITERM_SESSION_ID", ""),
    }
    done = _bring(path, {**given, **whose}, as_json=as_json)
    if done:
        path.unlink()
    else:
        typer.echo(f"what came is in {path}: import that, or remove it", err=True)
    return done


def _copy_stdin(path: Path, *, through: bool) -> None:
    """Write what comes into a file of our own, with the times at which a stream was printed."""
    from iterm_mcp.agents.events.codex_exec_events import stamp
    from iterm_mcp.clock import SystemClock

    clock, printed = SystemClock(), False
    with path.open("wb") as copy:
        path.chmod(0o600)
        for line in sys.stdin.buffer:
            printed = printed or b'"thread.started"' in line
            if printed:
                copy.write(stamp(clock.now()))
            copy.write(line if line.endswith(b"\n") else line + b"\n")
            copy.flush()
            if through:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()


def _bring(path: Path, given: Mapping[str, str], *, as_json: bool) -> bool:
    from iterm_mcp.cli.daemon_import import ImportFailedError, send_file

    try:
        for rollout in rollouts_of(path, given.get("kind", "")):
            _tell(rollout, send_file(rollout, {"kind": "codex"}), as_json=as_json)
        _tell(path, send_file(path, given), as_json=as_json)
    except (ImportFailedError, OSError) as error:
        typer.echo(plain(f"{path}: {error}"), err=True)
        return False
    return True


def _tell(path: Path, told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"file": str(path), **told}))
        return
    skipped = f", {told['skipped']} lines not understood" if told["skipped"] else ""
    line = f"{path}: {told['kind']}, {told['events']} facts, {told['new']} new{skipped}"
    typer.echo(plain(line), err=True)


def rollouts_of(path: Path, kind: str = "") -> list[Path]:
    """Return the rollouts of the threads that a stream is of, and of their subagents.

    Args:
        kind: What the file is said to be; one that is no stream has none.

    Raises:
        OSError: The file cannot be read.
    """
    if kind not in {"", PRINTED}:
        return []
    home = Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex")
    found: dict[str, Path] = {}
    for thread in threads_of(path):
        for ending in ENDINGS:
            for folder in FOLDERS:
                for one in (home / folder).rglob(f"rollout-*{thread}{ending}"):
                    found.setdefault(thread, one)
    return list(found.values())


def threads_of(path: Path) -> list[str]:
    """Return the ids of all threads that a stream tells of; none of a file that is no stream."""
    threads: dict[str, None] = {}
    for line in _lines(path):
        if b'"thread.started"' not in line and b'"receiver_thread_ids"' not in line:
            continue
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(told, dict) or not (threads or told.get("type") == "thread.started"):
            continue  # no stream speaks of others before it has told whose it is
        item = told.get("item")
        named = item.get("receiver_thread_ids") if isinstance(item, dict) else None
        for one in [told.get("thread_id"), *(named if isinstance(named, list) else [])]:
            if isinstance(one, str) and _THREAD.fullmatch(one):
                threads[one] = None
    return list(threads)


def _lines(path: Path) -> Iterator[bytes]:
    from iterm_mcp.agents.line_buffer import LineBuffer
    from iterm_mcp.cli.daemon_import import pieces_of
    from iterm_mcp.services.events.packed_lines import LINE_BYTES, PackedFileError

    lines = LineBuffer(LINE_BYTES)
    with suppress(PackedFileError):  # who hands it over will say so
        for piece in pieces_of(path):
            yield from lines.feed(piece)
    yield lines.rest()
