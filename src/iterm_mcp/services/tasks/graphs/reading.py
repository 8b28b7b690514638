"""Reading a graph's document, with all that is wrong with it at once."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.services.document_problems import Forms, refusal
from iterm_mcp.services.tasks.graphs.checks import Checker, SpecChecker
from iterm_mcp.services.tasks.graphs.compiling import compile_draft, resolved
from iterm_mcp.services.tasks.graphs.document import EXAMPLES, GraphPart
from iterm_mcp.services.tasks.graphs.drafts import drafts_of
from iterm_mcp.services.tasks.graphs.known import Known
from iterm_mcp.services.tasks.graphs.texts import Variables, plain, settle_variables
from iterm_mcp.services.yaml_source import Source, read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.tasks import TaskSpec
    from iterm_mcp.services.document_problems import Problem
    from iterm_mcp.services.tasks.graphs.drafts import Draft
    from iterm_mcp.services.yaml_source import Path

MOST_BYTES = 256 * 1024
MOST_TASKS = 5000
MOST_NEEDS = 50_000
MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Attributes:
        spec: None when anything is wrong.
        description: What the document says of itself.
        problems: By line.
    """

    spec: GraphSpec | None
    description: str = ""
    problems: tuple[Problem, ...] = ()


def read_graph(
    text: str,
    given: Mapping[str, Json] | None = None,
    known: Known | None = None,
    *,
    key: str = "",
) -> GraphSpec:
    """Return the graph that a document in YAML or JSON asks for. Call it in a thread.

    Args:
        given: Values of its variables.
        known: What is there; this machine's directories are looked at without it.
        key: Asked again with the same key, it is the same graph.

    Raises:
        InvalidRequestError: Something is wrong; the text holds all that was found, by line.
    """
    reading = look_at(text, given, known)
    if reading.spec is None:
        raise refusal("graph", reading.problems, most=MOST_PROBLEMS)
    return replace(reading.spec, key=key)


def look_at(
    text: str, given: Mapping[str, Json] | None = None, known: Known | None = None
) -> Reading:
    """Return what a document asks for, or what is wrong with it. Call it in a thread.

    Raises:
        InvalidRequestError: It is no YAML and no JSON, or too long.
    """
    source = _source(text)
    forms = Forms("graph", GraphPart, EXAMPLES, source)
    look = _Look(forms)
    value = _filled(source, given or {}, look)
    part, unread = look.form(value)
    if part is None:
        return Reading(None, problems=look.found())
    specs = look.sense(part, unread, known or Known())
    if look.problems:
        return Reading(None, part.description, look.found())
    spec = GraphSpec(part.graph, tuple(specs), part.on_failure)
    return Reading(spec, part.description)


def _source(text: str) -> Source:
    """Read YAML, or JSON, whose tabs and pairs of surrogates YAML would take for something else."""
    try:
        value = json.loads(text) if text.lstrip()[:1] == "{" else None
    except ValueError:
        value = None
    if value is None:
        return read_yaml(text, MOST_BYTES)
    return Source(value, read_yaml(text.replace("\t", " "), MOST_BYTES).lines)


def _filled(source: Source, given: Mapping[str, Json], look: _Look) -> Any:  # noqa: ANN401 - any data
    """Return a document's data with its variables put in."""
    value = source.value
    if not isinstance(value, dict) or not isinstance(value.get("variables") or {}, dict):
        return value
    own = {name: plain(one) for name, one in (value.get("variables") or {}).items()}
    settled = settle_variables(own, given, look.tell)
    variables = Variables(settled, look.tell)
    filled = {
        name: variables.fill(value[name], (name,))
        for name in ("description", "defaults", "tasks")
        if name in value
    }
    return {**value, "variables": own, **filled}


class _Look:
    """Takes note of problems on the way from data to tasks."""

    def __init__(self, forms: Forms) -> None:
        self.problems: list[Problem] = []
        self._forms = forms

    def tell(self, path: Path, text: str, fix: str) -> None:
        self.problems.append(self._forms.at(path, text, fix))

    def found(self) -> tuple[Problem, ...]:
        return tuple(sorted(dict.fromkeys(self.problems), key=lambda one: one.line))

    def form(self, value: Any) -> tuple[GraphPart | None, set[str]]:  # noqa: ANN401 - any data
        """Return the document without what is wrong in its form, and the names of such tasks."""
        unread: set[str] = set()
        while True:
            try:
                return GraphPart.model_validate(value), unread
            except ValidationError as error:
                self.problems += self._forms.problems(error)
                wrong = {one["loc"][:2] for one in error.errors(include_url=False)}
            for path in wrong:
                if path[:1] == ("tasks",) and len(path) > 1:
                    unread |= _names_in(str(path[1]), value["tasks"][path[1]])
            value = _without(value, wrong)
            if not isinstance(value, dict) or not value.get("tasks"):
                return None, unread

    def sense(self, part: GraphPart, unread: set[str], known: Known) -> list[TaskSpec]:
        """Return the tasks; none of them counts when there are problems."""
        drafts = drafts_of(part)
        checker = Checker(drafts, unread, part.on_failure, known, self._forms.at)
        # A name that nobody has costs milliseconds: it is compared with all others.
        self.problems += islice(checker.problems(), MOST_PROBLEMS)
        specs = self._compiled(drafts, known)
        if self.problems:
            return []
        names = [one.name for one in specs if not one.compensates]
        lists = {one.name for one in drafts if one.along}
        specs = resolved(specs, names, lists)
        if sum(len(one.needs) for one in specs) > MOST_NEEDS:
            fix = "Have one task gather many, and others need that one."
            self.tell(("tasks",), f"together they have more than {MOST_NEEDS} needs", fix)
        return specs

    def _compiled(self, drafts: list[Draft], known: Known) -> list[TaskSpec]:
        items = {one.name: one.items for one in drafts if one.head == one.name}
        checker = SpecChecker(known, self._forms.at)
        broken = {one.key for one in self.problems}
        chains: defaultdict[str, set[str]] = defaultdict(set)
        for draft in drafts:
            chains[draft.head].add(draft.name)
        found: list[TaskSpec] = []
        for draft in drafts:
            try:
                compiled = compile_draft(draft, chains[draft.head], items.get(draft.head))
            except ItermMcpError as error:
                problem = self._forms.at(draft.path, str(error), error.hint)
                if not any(f"{one}.".startswith(f"{problem.key}.") for one in broken):
                    self.problems.append(problem)
                continue
            self.problems += checker.problems(draft, compiled.specs)
            found += [_with_kind(one, known) for one in compiled.specs]
            if len(found) > MOST_TASKS:
                fix = "Submit them in several graphs."
                self.tell(("tasks",), f"these are more than {MOST_TASKS} tasks", fix)
                break
        return found


def _with_kind(spec: TaskSpec, known: Known) -> TaskSpec:
    """Return a task with its template's kind, where it names none."""
    return replace(spec, kind=spec.kind or (known.templates or {}).get(spec.template, ""))


def _without(value: Any, wrong: set[tuple[int | str, ...]]) -> Any:  # noqa: ANN401 - any data
    """Return a document without what is wrong, so that the rest can be looked at; None for none."""
    if not isinstance(value, dict):
        return None
    left = {**value, "graph": "unnamed"} if ("graph",) in wrong else dict(value)
    for path in wrong:
        inner = left.get(path[0]) if path else None
        if len(path) > 1 and isinstance(inner, dict):
            left[path[0]] = {key: one for key, one in inner.items() if key != path[1]}
        elif path and path[0] != "graph":
            left.pop(path[0], None)
    return left


def _names_in(name: str, task: object) -> set[str]:
    """Return the names of a task whose form is wrong, and of the chain that it begins."""
    found = {name}
    steps = task.get("then") if isinstance(task, dict) else None
    for step in steps if isinstance(steps, list) else []:
        for key, inner in step.items() if isinstance(step, dict) else ():
            found |= _names_in(str(key), inner)
    return found
