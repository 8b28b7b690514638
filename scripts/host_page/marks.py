"""The marks on tests that name what a test shows, and where that is written.

They are read from the tests' source, so nothing is imported or run.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KINDS = ("answers", "notifies", "behaves")


class PageError(ValueError):
    """The page would have a blank, or would say what no test shows."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark.

    Attributes:
        kind: ``answers``, ``notifies`` or ``behaves``.
        names: Its arguments: a request and outcomes, types of notifications, or items.
        source: The section of the API's specification.
        test: The name of the function it stands on.
        path: The file, seen from the project's root.
    """

    kind: str
    names: tuple[str, ...]
    source: str
    test: str
    path: str

    @property
    def sentence(self) -> str:
        """Return the test's name as it is read."""
        script = "" if self.test.startswith("test_") else "script: "
        return script + self.test.removeprefix("test_").replace("_", " ")


def collect(root: Path) -> list[Mark]:
    """Return all marks of the tests below a folder ``tests`` in `root`.

    Raises:
        PageError: A mark does not stand on a test, or cannot be read.
    """
    found: list[Mark] = []
    for file in sorted((root / "tests").rglob("*.py")):
        text = file.read_text("utf-8")
        if any(f"pytest.mark.{kind}" in text for kind in KINDS):
            found += read_marks(text, file.relative_to(root).as_posix())
    return found


def read_marks(text: str, path: str) -> Iterator[Mark]:
    """Yield the marks in one file: on tests, and on the scripts that its ``SCRIPTS`` lists.

    Raises:
        PageError: As `collect`.
    """
    tree = ast.parse(text)
    file = path.rpartition("/")[2]
    scripts = scripts_of(tree)
    placed: set[ast.AST] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            runs = node.name in scripts or (
                file.startswith("test_") and node.name.startswith("test_")
            )
            for one in node.decorator_list:
                if not _kind(one):
                    continue
                where = f"{path}: the mark {ast.unparse(one)} on {node.name}"
                if not runs:
                    raise PageError(f"{where} stands on no test that is run")
                placed.add(one)
                try:
                    names, source = _words(one)
                except ValueError as error:
                    raise PageError(f"{where} {error}") from None
                yield Mark(_kind(one), names, source, node.name, path)
    for stray in ast.walk(tree):
        if isinstance(stray, ast.Call) and _kind(stray) and stray not in placed:
            raise PageError(f"{path}: the mark {ast.unparse(stray)} stands on no function")


def _kind(node: ast.AST) -> str:
    """Return which of our marks an expression is, or nothing."""
    name = node.func if isinstance(node, ast.Call) else node
    if not isinstance(name, ast.Attribute) or name.attr not in KINDS:
        return ""
    return name.attr if ast.unparse(name.value) == "pytest.mark" else ""


def _words(node: ast.expr) -> tuple[tuple[str, ...], str]:
    """Return a mark's names and its source."""
    keywords = node.keywords if isinstance(node, ast.Call) else []
    if not isinstance(node, ast.Call) or [one.arg for one in keywords] != ["source"]:
        raise ValueError("needs source=")
    words = [
        one.value
        for one in (*node.args, keywords[0].value)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    ]
    if len(words) <= len(node.args):
        raise ValueError("needs plain words")
    return tuple(words[:-1]), words[-1]


def scripts_of(tree: ast.Module) -> set[str]:
    """Return the names that a module of scripts lists in ``SCRIPTS``."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if ast.unparse(target) == "SCRIPTS":
                found |= {one.id for one in ast.walk(node.value) if isinstance(one, ast.Name)}
    return found
