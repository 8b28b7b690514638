"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import iterm_mcp

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "src" / "iterm_mcp"
MODULES = sorted(SOURCE.rglob("*.py"))
TEXTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "src/**/*.py", "tests/**/*.py", "scripts/**/*.py")
    for path in ROOT.glob(pattern)
)

VAGUE = {"core", "utils", "util", "helpers", "common", "base", "manager", "misc", "shared"}
MAX_LINES = 400

CATCH_ALL = {
    "host/server.py",  # the host's handler of one client
    "tasks/courses.py",  # ends its own attempt alone
    "tasks/engine.py",  # the engine, which begins again: all else is served without it
    "tools/tool.py",  # the boundary to the model
}
"""Where a bug may be caught instead of seen, so that it costs one request and not the process."""

PAGE_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


@cache
def text_of(path: Path) -> str:
    return path.read_text("utf-8")


def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path))


def nodes_where(pattern: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield all nodes of those modules in whose text something stands: to read all takes long."""
    for path in MODULES:
        if re.search(pattern, text_of(path)):
            name = str(path.relative_to(SOURCE))
            yield from ((name, node) for node in ast.walk(tree_of(path)))


def imports_of(path: Path) -> set[str]:
    """Return the modules that a file imports, wherever in it, but not for types alone."""
    names = set()
    tree = tree_of(path)
    skipped = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def own_file(module: str) -> Path | None:
    """Return the file behind one of our own modules."""
    stem = ROOT / "src" / module.replace(".", "/")
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            return path
    return None


def test_the_relay_imports_the_standard_library_alone() -> None:
    seen: set[Path] = set()
    waiting = [SOURCE / "relay.py"]
    foreign = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for module in imports_of(path):
            if module.split(".")[0] == "iterm_mcp":
                own = own_file(module)
                waiting += [own] if own else []
            elif module.split(".")[0] not in sys.stdlib_module_names:
                foreign.add((path.name, module))
    assert not foreign
    assert {path.name for path in seen} >= {"relay.py", "paths.py", "processes.py"}


def test_a_module_is_short_and_says_what_it_is() -> None:
    def is_fine(path: Path) -> bool:
        short = len(text_of(path).splitlines()) <= MAX_LINES
        return short and bool(ast.get_docstring(tree_of(path))) and path.stem not in VAGUE

    assert len(MODULES) > 500
    assert [str(path.relative_to(SOURCE)) for path in MODULES if not is_fine(path)] == []


def test_bugs_are_caught_at_the_boundaries_only() -> None:
    places = set()
    for name, node in nodes_where(r"except[\s\\]*:|\bException\b"):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            if caught in {"everything", "Exception"}:
                places.add(name)
    assert places == CATCH_ALL


def test_nothing_is_printed_where_a_protocol_speaks() -> None:
    printing = {
        name
        for name, node in nodes_where(r"\bprint\b")
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    }
    assert not {place for place in printing if not place.startswith("cli/")}


def test_the_changelog_leads_with_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == iterm_mcp.__version__
    heads = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert next(head for head in heads if head != "Unreleased") == iterm_mcp.__version__


def test_links_between_pages_lead_somewhere() -> None:
    pages = [path for path in TEXTS if path.suffix == ".md"]
    assert len(pages) > 20
    missing = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in PAGE_LINK.findall(text_of(page))
        if not (page.parent / link).exists()
    ]
    assert not missing


def test_no_file_names_a_folder_of_someones_machine() -> None:
    folders = re.compile(r"(?<![\w.$~])/(?:work|Users|root)/[a-z]")
    guilty = {
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in TEXTS
        if path != Path(__file__)
        for line in path.read_text("utf-8").splitlines()
        if folders.search(line)
    }
    assert not guilty
