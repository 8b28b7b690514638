"""Tasks as JSON, and back. What is missing in old JSON has its default."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.task_graphs import FailurePolicy, GraphSpec
from iterm_mcp.models.task_limits import OverLimit, ResourceLimits
from iterm_mcp.models.tasks import (
    Acceptance,
    Condition,
    FanOut,
    Operator,
    Outcome,
    RetryPolicy,
    TaskResult,
    TaskSpec,
)
from iterm_mcp.tasks.work import Ending, Place, Running

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import DataclassInstance

    from iterm_mcp.models.observations import Json


KEPT_SPECS = 64
"""Those of what runs are read again and again; a spec may be large."""


def seconds_of(at: datetime) -> float:
    """Return a time as seconds since 1970."""
    return at.timestamp()


def time_of(seconds: float) -> datetime:
    """Return seconds since 1970 as an aware time."""
    return datetime.fromtimestamp(seconds, UTC)


def time_or_none(seconds: float | None) -> datetime | None:
    """Return seconds since 1970 as an aware time, if there are any."""
    return None if seconds is None else time_of(seconds)


def dump(value: Json | DataclassInstance) -> str:
    """Return JSON as compact text. What is no Unicode is replaced: no database takes it.

    Args:
        value: Or a dataclass, as the JSON of its fields.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_fields)
    return text.encode("utf-8", "replace").decode()


def _fields(value: DataclassInstance) -> dict[str, Any]:
    """Return the fields, themselves: the copies that `asdict` makes cost many times more."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def spec_json(spec: TaskSpec) -> dict[str, Json]:
    """Return a spec as JSON."""
    return asdict(spec) | _moment(spec)


def _moment(spec: TaskSpec) -> dict[str, Json]:
    at = spec.not_before
    return {"not_before": None if at is None else at.astimezone(UTC).isoformat()}


def dump_spec(spec: TaskSpec) -> str:
    """Return a spec as text."""
    return dump(_fields(spec) | _moment(spec))


def read_spec(value: Mapping[str, Any]) -> TaskSpec:
    """Return the spec that `spec_json` wrote."""
    fields = dict(value)
    at = fields.get("not_before")
    return TaskSpec(
        **fields
        | {
            "retry": RetryPolicy(**fields.get("retry", {})),
            "limits": _limits(fields.get("limits", {})),
            "acceptance": _acceptance(fields.get("acceptance", {})),
            "when": tuple(map(_condition, fields.get("when", ()))),
            "needs": tuple(fields.get("needs", ())),
            "files": tuple(fields.get("files", ())),
            "not_before": None if at is None else datetime.fromisoformat(at),
            "fan_out": FanOut(**fields["fan_out"]) if fields.get("fan_out") else None,
        }
    )


@lru_cache(KEPT_SPECS)
def load_spec(text: str) -> TaskSpec:
    """Return the spec that `dump_spec` wrote; several may be given the same one."""
    return read_spec(json.loads(text))


def graph_json(graph: GraphSpec) -> dict[str, Json]:
    """Return a graph's spec as JSON."""
    return {
        "name": graph.name,
        "tasks": [spec_json(one) for one in graph.tasks],
        "on_failure": graph.on_failure,
        "key": graph.key,
    }


def read_graph(value: Mapping[str, Any]) -> GraphSpec:
    """Return the graph's spec that `graph_json` wrote."""
    tasks = tuple(map(read_spec, value["tasks"]))
    return GraphSpec(value["name"], tasks, FailurePolicy(value["on_failure"]), value["key"])


def result_json(result: TaskResult) -> dict[str, Json]:
    """Return a result as JSON."""
    value: dict[str, Any] = asdict(result)
    return value


def read_result(value: Mapping[str, Any]) -> TaskResult:
    """Return the result that `result_json` wrote."""
    return TaskResult(**{**value, "problems": tuple(value.get("problems", ()))})


def load_result(text: str | None) -> TaskResult | None:
    """Return the result that was written as text, if any was."""
    return read_result(json.loads(text)) if text else None


def load_place(text: str) -> Place:
    """Return the place that was written as text."""
    return Place(**json.loads(text))


def load_running(text: str) -> Running:
    """Return what was written as text of what works on an attempt."""
    return Running(**json.loads(text))


def load_ending(text: str) -> Ending:
    """Return the ending that was written as text."""
    value = json.loads(text)
    return Ending(**{**value, "outcome": Outcome(value["outcome"])})


def _limits(value: Mapping[str, Any]) -> ResourceLimits:
    return ResourceLimits(**{**value, "over": OverLimit(value.get("over", OverLimit.STOP))})


def _acceptance(value: Mapping[str, Any]) -> Acceptance:
    return Acceptance(
        **{
            **value,
            "exit_codes": tuple(value.get("exit_codes", (0,))),
            "commands": tuple(value.get("commands", ())),
        }
    )


def _condition(value: Mapping[str, Any]) -> Condition:
    return Condition(**{**value, "operator": Operator(value["operator"])})
