"""Processes as tests make them up."""

from __future__ import annotations

from iterm_mcp.services.agents.processes import ProcessId
from iterm_mcp.services.resources.table import Row

ME = 1000


def row(
    pid: int,
    parent: int = 1,
    *,
    session: int | None = None,
    born: float | None = None,
    owner: int = ME,
    state: str = "S",
    cpu: float = 0.0,
    reaped: float = 0.0,
    memory: int = 1000,
    life: int = 0,
) -> Row:
    """Return a process that leads its own session, and is as old as its id says."""
    begun = float(pid + 100_000 * life) if born is None else born
    return Row(
        ProcessId(pid, f"boot:{begun:g}"), parent, pid if session is None else session, owner,
        f"p{pid}", state, begun, cpu, reaped, memory,
    )  # fmt: skip


def table(*rows: Row) -> dict[int, Row]:
    return {one.pid: one for one in rows}
