"""YAML as plain values that know the line on which each stands.

Only plain data is read: no tags, so nothing is ever constructed but texts, numbers, lists and
mappings; no anchors, so a small text cannot stand for a huge one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = tuple[str | int, ...]

MOST_BYTES = 64 * 1024
MOST_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Source:
    """A document.

    Attributes:
        value: What it says.
        lines: On which line each value stands, counted from 1, by its path.
    """

    value: Any
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """Return the line of a value, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(text: str, most_bytes: int = MOST_BYTES) -> Source:
    """Read one document. It takes up to a tenth of a second: call it in a thread.

    Raises:
        InvalidRequestError: It is no YAML, or more than plain data; the text says on which line.
    """
    if len(text.encode(errors="replace")) > most_bytes:
        raise InvalidRequestError(
            f"the document is longer than {most_bytes} bytes", hint="Split it."
        )
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        reader = _Reader()
        return Source(None if node is None else reader.read(node, ()), reader.lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise _unreadable(line, error.problem or "it is no YAML") from None
    except yaml.YAMLError as error:
        raise _unreadable(1, str(error).splitlines()[0]) from None


def _check_events(text: str) -> None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = 1 if event.start_mark is None else event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _unreadable(line, "there is a second document", "Keep one to a file.")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            hint = "Write the value out, or make it a variable."
            raise _unreadable(line, "anchors (&) and aliases (*) are not read", hint)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MOST_DEPTH:
                raise _unreadable(line, f"it is nested deeper than {MOST_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Reader:
    """Turns nodes into values, and notes their lines."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self._constructor = yaml.constructor.SafeConstructor()

    def read(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401 - any data
        self.lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            found: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = self._key(key_node)
                if key in found:
                    line = key_node.start_mark.line + 1
                    raise _unreadable(line, f"the key {key[:40]!r} is there twice", "Drop one.")
                found[key] = self.read(value_node, (*path, key))
                # A mapping that begins on the next line is looked for where its key stands.
                self.lines[*path, key] = key_node.start_mark.line + 1
            return found
        if isinstance(node, yaml.SequenceNode):
            return [self.read(one, (*path, at)) for at, one in enumerate(node.value)]
        return self._constructor.construct_object(node, deep=True)

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise _unreadable(
                node.start_mark.line + 1,
                "a key is a word",
                "Put a text that begins with { or [ in quotes.",
            )
        return str(node.value)


def _unreadable(line: int, what: str, hint: str = "") -> InvalidRequestError:
    return InvalidRequestError(
        f"line {line}: {what}",
        hint=hint or "See that the indentation is right, and texts with : or # are in quotes.",
        code="bad_yaml",
    )
