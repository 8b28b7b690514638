"""Work is written down: a graph with its tasks, in one transaction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iterm_mcp.errors import InvalidRequestError, NotFoundError, shown
from iterm_mcp.models.task_graphs import FailurePolicy, Graph
from iterm_mcp.models.tasks import GraphId, TaskId, TaskState
from iterm_mcp.tasks.codec import dump, dump_spec, load_spec, seconds_of, time_of
from iterm_mcp.tasks.releasing import consider, follow
from iterm_mcp.tasks.statements import Statement
from iterm_mcp.tasks.tables import GRAPHS, NEEDS, TASKS
from iterm_mcp.tasks.writing import clean, new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from iterm_mcp.models.task_graphs import GraphSpec
    from iterm_mcp.models.tasks import TaskSpec
    from iterm_mcp.tasks.statements import Record
    from iterm_mcp.tasks.writing import Writer

SEARCHED_CHARACTERS = 4000
MOST_KEY_CHARACTERS = 300
_INSERT = Statement(sa.insert(TASKS).returning(*TASKS.c))
_CHUNK = 400
"""How many values one statement is given at most."""


def submit(
    writer: Writer, graph: GraphSpec, submitter: str, repositories: Mapping[str, str]
) -> Graph:
    """Write down a graph, or find the one that was submitted with its key.

    Args:
        repositories: Of each directory that is in one.

    Raises:
        NotFoundError: A task that is needed is nowhere.
    """
    known = _known(writer.connection, graph.tasks)
    if graph.key:
        found = writer.connection.execute(
            sa.select(GRAPHS.c.graph_id).where(GRAPHS.c.key == _key(graph.key))
        ).scalar()
        if found:
            return _with(graph_of(writer.connection, found), known)
    new = [one for one in graph.tasks if one.name not in known]
    graph_id = new_id("g")
    writer.connection.execute(
        sa.insert(GRAPHS).values(
            graph_id=graph_id,
            name=clean(graph.name),
            on_failure=graph.on_failure,
            key=_key(graph.key),
            submitter=clean(submitter),
            created_at=writer.now,
            failed=False,
            compensates=any(one.compensates for one in new),
        )
    )
    ids = {**known, **{one.name: new_id("t") for one in new}}
    _check_elsewhere(writer.connection, new, ids)
    rows = add_tasks(writer, new, ids, graph_id, submitter, repositories)
    settled = [one for row in rows for one in consider(writer, row, add_tasks)]
    follow(writer, settled, add_tasks)
    return _with(graph_of(writer.connection, graph_id), known)


def _with(graph: Graph, known: Mapping[str, str]) -> Graph:
    """Return a graph with the tasks that were there before it, under the names it has for them."""
    before = {name: TaskId(task_id) for name, task_id in known.items()}
    return replace(graph, tasks={**before, **graph.tasks})


def add_tasks(
    writer: Writer,
    specs: Sequence[TaskSpec],
    ids: Mapping[str, str],
    graph_id: str,
    submitter: str,
    repositories: Mapping[str, str],
) -> list[Record]:
    """Write down tasks of a graph, and return those that may have nothing to wait for any more.

    Args:
        ids: Of all tasks of the graph, the new ones included, by name.
    """
    queued = []
    for spec in specs:
        waits = bool(spec.needs or spec.compensates)
        state = TaskState.WAITING if waits else TaskState.QUEUED
        later = seconds_of(spec.not_before) if spec.not_before else 0.0
        if not waits and later > writer.now:
            state = TaskState.DELAYED
        values = _values(spec, submitter, repositories, writer.now)
        values |= {"task_id": ids[spec.name], "graph": graph_id, "state": state}
        if state is TaskState.DELAYED:
            values["not_before"] = later
        row: Record = _INSERT.one_or_none(writer.connection, values)
        writer.record(row, state, "", 0)
        if waits:
            queued.append(row)
    edges = [
        {"task_id": ids[spec.name], "need": need, "need_id": ids.get(need, need)}
        for spec in specs
        for need in spec.needs
    ]
    if edges:
        writer.connection.execute(sa.insert(NEEDS), edges)
    return queued


def graph_of(connection: Connection, graph_id: str) -> Graph:
    """Return a graph as it was accepted.

    Raises:
        NotFoundError: There is none.
    """
    row = connection.execute(sa.select(GRAPHS).where(GRAPHS.c.graph_id == graph_id)).one_or_none()
    if row is None:
        raise NotFoundError("graph", graph_id, hint="List tasks to see of which graph they are.")
    tasks = connection.execute(
        sa.select(TASKS.c.name, TASKS.c.task_id)
        .where(TASKS.c.graph == graph_id)
        .order_by(TASKS.c.number)
    )
    return Graph(
        GraphId(graph_id),
        row.name,
        FailurePolicy(row.on_failure),
        time_of(row.created_at),
        row.submitter,
        {name: TaskId(task_id) for name, task_id in tasks},
    )


def repository_of(directory: str) -> str:
    """Return the checkout that a directory is in, a worktree's own repository; empty for none.

    Reads the disk.
    """
    here = Path(directory)
    for folder in (here, *here.parents):
        mark = folder / ".git"
        try:
            if mark.is_dir():
                return str(folder)
            if mark.is_file():
                return _main_checkout(mark) or str(folder)
        except OSError:
            return ""
    return ""


def _main_checkout(mark: Path) -> str:
    with mark.open(encoding="utf-8", errors="replace") as file:
        text = file.read(4096)
    where = Path(text.removeprefix("gitdir:").strip())
    if where.parent.name == "worktrees" and where.parent.parent.name == ".git":
        return str(where.parent.parent.parent)
    return ""


def _known(connection: Connection, specs: Iterable[TaskSpec]) -> dict[str, str]:
    """Return the ids of tasks that were submitted before with the same key, by name."""
    names = {_key(one.key): one.name for one in specs if one.key}
    keys = [one for one in names if one is not None]
    found: dict[str, str] = {}
    for start in range(0, len(keys), _CHUNK):
        query = sa.select(TASKS.c.key, TASKS.c.task_id).where(
            TASKS.c.key.in_(keys[start : start + _CHUNK])
        )
        found |= {names[key]: task_id for key, task_id in connection.execute(query)}
    return found


def _check_elsewhere(
    connection: Connection, specs: Iterable[TaskSpec], ids: Mapping[str, str]
) -> None:
    needed = {need: spec.name for spec in specs for need in spec.needs if need not in ids}
    wanted = list(needed)
    for start in range(0, len(wanted), _CHUNK):
        part = wanted[start : start + _CHUNK]
        query = sa.select(TASKS.c.task_id).where(TASKS.c.task_id.in_(part))
        there = set(connection.execute(query).scalars())
        for one in part:
            if one not in there:
                raise NotFoundError(
                    "task",
                    one,
                    hint=f"Task {shown(needed[one])!r} needs it: name one of its graph, or the id "
                    "of one that is there.",
                )


def _key(key: str) -> str | None:
    if len(key) > MOST_KEY_CHARACTERS or "\0" in key:
        raise InvalidRequestError(
            f"the key {shown(key)!r} is longer than {MOST_KEY_CHARACTERS} characters, or holds NUL",
            hint="Use a shorter one.",
        )
    return key or None


def _values(
    spec: TaskSpec, submitter: str, repositories: Mapping[str, str], now: float
) -> dict[str, object]:
    text = dump_spec(spec)
    stored = load_spec(text)  # as it will be read back
    return {
        "name": clean(stored.name),
        "kind": clean(stored.kind),
        "team": clean(stored.team),
        "account": clean(stored.account),
        "repository": clean(stored.repository or repositories.get(spec.directory, "")),
        "labels": dump(dict(stored.labels)),
        "priority": spec.priority,
        "compensates": clean(stored.compensates),
        "words": clean_words(f"{stored.name}\n{stored.prompt}"),
        "key": _key(spec.key),
        "spec": text,
        "reason": "",
        "question": "",
        "cancelling": "",
        "submitter": clean(submitter),
        "created_at": now,
        "queued_at": now,
        "tries": 0,
        "losses": 0,
        "attempts": 0,
        "fork_step": "",
    }


def clean_words(text: str) -> str:
    """Return what is searched of a text."""
    return text[:SEARCHED_CHARACTERS].replace("\0", "").encode("utf-8", "replace").decode().lower()
