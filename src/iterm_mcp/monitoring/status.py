"""How monitoring stands: what runs, what it sees, what fires, what it takes. Blocks."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from iterm_mcp.monitoring import asking
from iterm_mcp.monitoring.asking import NoAnswerError
from iterm_mcp.monitoring.configuration import JOB
from iterm_mcp.monitoring.places import load_options
from iterm_mcp.monitoring.programs import NAMES, PROMETHEUS, find_ours, find_program
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.monitoring.places import Places

Json = dict[str, Any]


def running_info(places: Places) -> Json:
    """Return what the keeper that runs has written; empty where none runs, or not all is up."""
    pid = lock_holder(str(places.lock))
    told: Any = None
    with suppress(OSError, ValueError):
        told = json.loads(places.info.read_text("utf-8"))
    return dict(told) if pid and isinstance(told, dict) and told.get("pid") == pid else {}


def look(places: Places) -> Json:
    """Return how monitoring stands.

    It is healthy when all that was started answers, every target is up and every rule works.
    """
    options, info = load_options(places), running_info(places)
    ours = find_ours(places)
    answer: Json = {
        "running": bool(info),
        "programs": {name: _program(name, info, ours) for name in NAMES},
        "keep_days": options.keep_days,
        "disk_bytes": {
            "prometheus": folder_bytes(places.prometheus_data),
            "alertmanager": folder_bytes(places.alertmanager_data),
        },
        "folder": str(places.folder),
    }
    if not info and ours:
        answer["left_behind"] = sorted(ours)
    url = info.get("programs", {}).get(PROMETHEUS, {}).get("url")
    if url:
        try:
            answer |= {
                "targets": asking.targets(url),
                "rules": asking.rules(url),
                "alerts": asking.alerts(url),
            }
        except NoAnswerError as error:
            answer["problem"] = f"Prometheus does not answer: {error}"
    answer["healthy"] = _is_healthy(answer)
    return answer


def _program(name: str, info: Json, ours: dict[str, Any]) -> Json:
    kept = info.get("programs", {}).get(name)
    if kept is not None:
        process = ours.get(name)  # it may have been started again since
        return {**kept, "running": process is not None, "pid": process.pid if process else None}
    found = find_program(name)
    return {"running": name in ours, "installed": found.version if found else None}


def _is_healthy(answer: Json) -> bool:
    if not answer["running"] or "problem" in answer:
        return False
    kept = [one for one in answer["programs"].values() if "url" in one]
    return (
        all(one["running"] for one in kept)
        and any(one["job"] == JOB for one in answer["targets"])  # not before it is found
        and all(one["health"] == "up" for one in answer["targets"])
        and not answer["rules"]["broken"]
    )


def folder_bytes(folder: Path) -> int:
    """Return how much all files below a folder take; those that go meanwhile take nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - many
    return total
