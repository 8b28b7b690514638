"""What an agent runs to leave its events in a folder, whether a daemon is there or not. Pure.

A hook holds its agent up, so it is a few lines for whatever shell the agent runs it in (bash, zsh
or a POSIX ``sh``): built-ins, and one ``cat`` that takes the shell's place. They stand in a file of
the folder, and what is written into agents' settings is a line that reads them. Each event is a
file of its own, named by the process, so that events that are written at the same time cannot mix
however large they are. It prints nothing, and ends with 0: nothing of it is seen in the
conversation.

Who empties the folder listens at a named pipe that stands in it, and is called by a byte: the event
is there a moment later. Nobody is held up who listens no more, because only so many bytes are
written as any pipe holds.

How many events may lie there is bounded by a file that grows by a byte with each of them, under a
limit of the shell's own; `iterm_mcp.services.events.spool.Spool` makes it empty. One event more is
refused on stderr, and with exit code 1, which agents show: better than to lose it unseen.
"""

from __future__ import annotations

import shlex

SCRIPT = ".hook"
COUNTER = ".count"
BELL = ".bell"
"""The named pipe by which it is told that an event comes."""
RUNG_BLOCKS = 4
"""As `EVENT_BLOCKS`: while more events lie there nobody need be called, who is busy with them."""
EVENT_BLOCKS = 64
"""Of 512 bytes in some shells, of 1024 in others: at least 32 768 events."""
FILE_BLOCKS = 16_384
"""Of one event: at least 8 MiB."""

FULL = (
    "iterm-mcp: this event is lost, because its spool or the disk is full; iterm-mcp doctor tells"
    " what to do"
)

HEAD = 4
"""Fields of the line before an event: agent, epoch, session, delivery."""

_LINES = r"""
cd {folder} 2>/dev/null || exit 0
trap '' XFSZ
ulimit -S -f {rung}
if printf . 2>/dev/null >>{counter}; then
  [ ! -p {bell} ] || printf . 2>/dev/null 1<>{bell}
else
  ulimit -S -f {events}
  printf . 2>/dev/null >>{counter} || {{ echo {full} >&2; exit 1; }}
fi
ulimit -S -f {size}
{{
  printf '%s\t%s\t%s\t\n' \
    "$ITERM_MCP_AGENT" "$ITERM_MCP_EPOCH" "${{ITERM_SESSION_ID:-$TERM_SESSION_ID}}"
  exec cat
}} >>"$iterm_mcp_kind.$$"
"""


def spool_script(folder: str) -> str:
    """Return what stands in the folder's `SCRIPT`: it leaves its standard input, one event."""
    return _LINES.format(
        folder=shlex.quote(folder), events=EVENT_BLOCKS, counter=COUNTER, full=shlex.quote(FULL),
        size=FILE_BLOCKS, bell=BELL, rung=RUNG_BLOCKS,
    )  # fmt: skip


def spool_command(folder: str, kind: str) -> str:
    """Return the shell command that agents run; where the folder is gone it does nothing.

    It is the same text wherever it is used with the same folder and kind: Claude Code runs a
    command once that stands in several of its settings.

    Args:
        folder: Where events are left.
        kind: The agent's kind, a word; names the files, as ``KIND.PID``.
    """
    script = shlex.quote(f"{folder}/{SCRIPT}")
    return f"[ ! -r {script} ]||{{ iterm_mcp_kind={kind};. {script};}}"


def plain_spool_command(folder: str, kind: str) -> str:
    """Return the same for agents that run commands in whatever shell their user has, such as fish.

    Args:
        folder: Where events are left.
        kind: See `spool_command`.
    """
    return shlex.join(("/bin/sh", "-c", spool_command(folder, kind)))
