"""What docs/agent-pains.md says by itself: each pain of agents' users, what is done, and the tests.

Nothing is left blank: for a pain of delivery, state, lifecycle or approvals without a test that is
there, no page is written; any other says where it belongs.
"""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KNOWN = Path(__file__).with_name("known.toml")
AREAS = ("delivery", "state", "lifecycle", "approvals", "worktrees")
ELSEWHERE = "Elsewhere"

Pain = dict[str, Any]


class PainError(ValueError):
    """The page would have a blank, or would name a test that is not there."""


def read_pains() -> list[Pain]:
    """Return all pains, as `KNOWN` has them."""
    return list(tomllib.loads(KNOWN.read_text("utf-8"))["pain"])


def render_pains(root: Path, pains: Iterable[Pain] | None = None) -> str:
    """Return the page's generated part.

    Raises:
        PainError: A cell would be blank, or a test is not there.
    """
    known = read_pains() if pains is None else list(pains)
    names = [one.get("name", "") for one in known]
    for name in names:
        if names.count(name) > 1:
            raise PainError(f"{name!r} is named twice")
    parts = []
    for area in AREAS:
        rows = ["| pain | what users suffer | what is done | seen by |", "|---|---|---|---|"]
        rows += [_row(one, root) for one in known if one.get("area") == area]
        parts.append("\n".join([f"## {area.capitalize()}\n", *rows, ""]))
    rows = ["| pain | what users suffer | where it belongs |", "|---|---|---|"]
    rows += [
        "| {} | {} | {} |".format(*_cells(one, "name", "suffered", "belongs"))
        for one in known
        if one.get("area") not in AREAS
    ]
    return "\n".join([*parts, f"## {ELSEWHERE}\n", *rows, ""])


def _row(pain: Pain, root: Path) -> str:
    name, suffered, done = _cells(pain, "name", "suffered", "done")
    if not pain.get("tests"):
        raise PainError(f"no test shows what is done about {name!r}")
    tests = "; ".join(_test(name, one, root) for one in pain["tests"])
    return f"| {name} | {suffered} | {done} | {tests} |"


def _cells(pain: Mapping[str, str], *keys: str) -> list[str]:
    cells = [pain.get(key, "").strip() for key in keys]
    for key, cell in zip(keys, cells, strict=True):
        if not cell:
            raise PainError(f"{key} of {pain.get('name', 'a pain')!r} is blank")
        if "|" in cell:
            raise PainError(f"{key} of {pain['name']!r} would be two cells")
    return cells


def _test(pain: str, test: str, root: Path) -> str:
    """Return a test as its sentence, linked to its file."""
    path, _, name = test.partition("::")
    file = root / "tests" / path
    if not (file.name.startswith("test_") and name.startswith("test_")):
        raise PainError(f"{pain!r}: {test} is no test that is run")
    if not file.is_file() or name not in _functions(file):
        raise PainError(f"{pain!r}: there is no test {test}")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../tests/{path})"


def _functions(file: Path) -> set[str]:
    return {
        node.name
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
