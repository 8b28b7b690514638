"""The shape of the database, step by step. A step that was released never changes.

``user_version`` counts the steps a file has seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.errors import StoreError
from iterm_mcp.store.agent_tables import (
    create_agent_lives,
    create_agents_and_teams,
    create_observations,
    create_roles,
)
from iterm_mcp.store.budget_tables import create_budget_holds, create_budgets_and_alerts
from iterm_mcp.store.choosing_tables import create_outcomes_and_backlogs
from iterm_mcp.store.event_tables import create_annotations, create_read_positions
from iterm_mcp.store.http_tables import create_http_side
from iterm_mcp.store.message_tables import create_approvals, create_cascades, create_deliveries
from iterm_mcp.store.session_tables import (
    create_layouts,
    create_locks,
    create_triggers,
    give_triggers_locks,
)
from iterm_mcp.store.share_tables import create_shares
from iterm_mcp.store.work_tables import create_notes_and_results, create_playbook_runs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    create_agents_and_teams,
    create_cascades,
    create_locks,
    create_layouts,
    create_triggers,
    give_triggers_locks,
    create_observations,
    create_deliveries,
    create_notes_and_results,
    create_roles,
    create_playbook_runs,
    create_approvals,
    create_agent_lives,
    create_http_side,
    create_read_positions,
    create_budgets_and_alerts,
    create_annotations,
    create_budget_holds,
    create_shares,
    create_outcomes_and_backlogs,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the steps that this file has not seen: all of them, or none.

    Raises:
        StoreError: The file has seen steps that this version does not know.
    """
    if _seen(connection) == len(MIGRATIONS):
        return  # and the file is not even written to
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in MIGRATIONS[_seen(connection) :]:  # another process may just have done it
            step(connection)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _seen(connection: sqlite3.Connection) -> int:
    """Return how many steps the file has seen."""
    (seen,) = connection.execute("PRAGMA user_version").fetchone()
    if seen > len(MIGRATIONS):
        raise StoreError(
            f"the database has schema {seen}, and this version knows {len(MIGRATIONS)}",
            hint="It was written by a newer iterm-mcp: upgrade this one.",
            code="store_too_new",
        )
    return int(seen)
