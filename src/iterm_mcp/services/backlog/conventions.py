"""How a repository's tests are run, as far as its files say it. Pure."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOLD_BY = (
    "Makefile", "makefile", "GNUmakefile", "pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg",
    "uv.lock", "poetry.lock", "package.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock",
    "Cargo.toml", "go.mod",
)  # fmt: skip
"""Files at the top of a repository that are looked at."""

_TEST_TARGET = re.compile(r"^(?:test|check)[ \t]*:(?!=)", re.MULTILINE)
_UNWRITTEN = "no test specified"
"""What ``npm init`` writes where there are no tests."""


def commands_for(files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the commands that run a repository's tests; none where no file says how.

    A ``test`` or ``check`` target in a Makefile is the repository's own word, and stands alone.
    Else each language's usual command is taken, one after the other.

    Args:
        files: The texts of those of `TOLD_BY` that are there.
    """
    for name in ("GNUmakefile", "makefile", "Makefile"):
        if found := _TEST_TARGET.search(files.get(name, "")):
            target = "test" if _has_target(files[name], "test") else found[0].rstrip(": \t")
            return (f"make {target}",)
    return tuple(command for find in _LANGUAGES if (command := find(files)))


def _has_target(text: str, name: str) -> bool:
    return re.search(rf"^{name}[ \t]*:(?!=)", text, re.MULTILINE) is not None


def _python(files: Mapping[str, str]) -> str:
    told = "pytest.ini" in files or "[tool:pytest]" in files.get("setup.cfg", "")
    told = told or "[pytest]" in files.get("tox.ini", "")
    project = _toml(files.get("pyproject.toml", ""))
    tool = project.get("tool")
    told = told or (isinstance(tool, dict) and "pytest" in tool)
    if not told and "pytest" not in files.get("pyproject.toml", ""):
        return ""
    if "uv.lock" in files:
        return "uv run pytest -q"
    if "poetry.lock" in files:
        return "poetry run pytest -q"
    return "python3 -m pytest -q"


def _node(files: Mapping[str, str]) -> str:
    try:
        package = json.loads(files.get("package.json", "{}"))
        script = package["scripts"]["test"]
    except (ValueError, KeyError, TypeError):
        return ""
    if not isinstance(script, str) or _UNWRITTEN in script:
        return ""
    locks = {"pnpm-lock.yaml": "pnpm test", "yarn.lock": "yarn test", "bun.lock": "bun run test"}
    return next((command for lock, command in locks.items() if lock in files), "npm test")


def _rust(files: Mapping[str, str]) -> str:
    return "cargo test --quiet" if "Cargo.toml" in files else ""


def _go(files: Mapping[str, str]) -> str:
    return "go test ./..." if "go.mod" in files else ""


def _toml(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except ValueError:
        return {}


_LANGUAGES: tuple[Callable[[Mapping[str, str]], str], ...] = (_python, _node, _rust, _go)
