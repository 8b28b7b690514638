"""What is wrong with a document that a person wrote: per line and key, with what to write. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from iterm_mcp.services.yaml_source import Path, Source

MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong.

    Attributes:
        key: Where, as ``steps.2.run.command``; steps are counted from 1.
        fix: What to write instead.
    """

    line: int
    key: str
    text: str
    fix: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.key}: {self.text}. {self.fix}".rstrip()


def refusal(
    kind: str, problems: Iterable[Problem], *, most: int = MOST_PROBLEMS
) -> InvalidRequestError:
    """Return the error that tells all problems of a document, by line.

    Args:
        kind: What it was to be: ``playbook``; the error's code is ``bad_playbook`` then.
    """
    found = sorted(problems, key=lambda one: one.line)
    shown = found[:most]
    more = f"\nand {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    listed = "\n".join(str(one) for one in shown)
    count = "a mistake" if len(found) == 1 else f"{len(found)} mistakes"
    return InvalidRequestError(
        f"the {kind} has {count}:\n{listed}{more}",
        hint="Mend these lines, and validate it again.",
        code=f"bad_{kind}",
    )


class Forms:
    """Tells what is wrong with a document's form.

    Args:
        kind: What it is to be: ``playbook``.
        examples: What to write, by the last part of a key.
    """

    def __init__(
        self, kind: str, model: type[BaseModel], examples: Mapping[str, str], source: Source
    ) -> None:
        self._kind = kind
        self._model = model
        self._examples = examples
        self._source = source

    def problems(self, error: ValidationError) -> list[Problem]:
        """Return what a validation found; each place once, for a value fails for each form."""
        kept: dict[tuple[int, str], Problem] = {}
        for details in error.errors(include_url=False):
            one = self._problem(details)
            kept.setdefault((one.line, one.key), one)
        return list(kept.values())

    def at(self, path: Path, text: str, fix: str) -> Problem:
        """Return a problem of a place."""
        return Problem(self._source.line(path), self._shown(path), text, fix)

    def path_of(self, details: ErrorDetails) -> Path:
        """Return the place that a validation names, without pydantic's words for its choices."""
        path: Path = ()
        for one in details["loc"]:
            if isinstance(one, int) or not _is_choice(one) or (*path, one) in self._source.lines:
                path = (*path, one)
        return path

    def _problem(self, error: ErrorDetails) -> Problem:
        path = self.path_of(error)
        key = str(path[-1]) if path else self._kind
        kind = error["type"]
        siblings = self._keys_at(path[:-1])
        if kind == "extra_forbidden":
            alike = get_close_matches(key, siblings, n=1)
            fix = f"Write {alike[0]}" if alike else f"The keys are {', '.join(siblings)}"
            return self.at(path, "there is no such key", f"{fix}.")
        if kind == "missing":
            example = self._examples.get(key, f"{key}: …")
            line = self._source.line(path[:-1])
            return Problem(line, self._shown(path), "it is missing", f"Write {example}.")
        if kind == "string_type" and isinstance(error.get("input"), bool):
            fix = "Put it in quotes: YAML takes yes, no, on, off, true and false for truth values."
            return self.at(path, "it is no text", fix)
        if kind in {"model_type", "model_attributes_type", "dict_type"}:
            keys = ", ".join(self._keys_at(path))
            fix = f"Write a mapping with {keys}." if keys else "Write keys with values below it."
            return self.at(path, "it is no mapping", fix)
        what = error["msg"].removeprefix("Value error, ")
        fix = f"Write {self._examples[key]}." if key in self._examples else ""
        return self.at(path, what[:1].lower() + what[1:], fix)

    def _shown(self, path: Path) -> str:
        parts = [str(one + 1) if isinstance(one, int) else one for one in path]
        return ".".join(part[:60] for part in parts) or self._kind

    def _keys_at(self, path: Path) -> list[str]:
        """Return the keys that a mapping at this path may have."""
        model: Any = self._model
        named = False
        for part in path:
            if isinstance(part, int):
                continue
            if named:  # the name of one of many, whose form is known already
                named = False
                continue
            fields = {one.alias or name: one for name, one in model.model_fields.items()}
            inner = _model_in(fields[part].annotation) if part in fields else None
            if inner is None:
                return []
            model, named = inner
        return [] if named else [one.alias or name for name, one in model.model_fields.items()]


def _is_choice(part: str) -> bool:
    """Tell whether a part of a path is pydantic's word for one of several forms."""
    return part in {"int", "str", "float", "literal['any']", "constrained-int"} or "[" in part


def _model_in(annotation: Any) -> tuple[type[BaseModel], bool] | None:  # noqa: ANN401 - any
    """Return the model that an annotation is about, and whether there is one for each name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for one in get_args(annotation):
        found = _model_in(one)
        if found is not None:
            return found[0], found[1] or get_origin(annotation) is dict
    return None
