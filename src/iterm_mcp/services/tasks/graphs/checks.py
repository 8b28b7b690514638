"""What is wrong with the tasks of a document of the right form. Pure, but for what is injected."""

from __future__ import annotations

import re
from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.choosing import AUTO
from iterm_mcp.models.task_graphs import FailurePolicy
from iterm_mcp.models.tasks import COMMAND, GATHER
from iterm_mcp.services.tasks.acceptance.schemas import check_schema
from iterm_mcp.services.tasks.graphs.compiling import fits, most_of
from iterm_mcp.services.tasks.graphs.drafts import UNDO
from iterm_mcp.services.tasks.graphs.known import why_no_place
from iterm_mcp.services.tasks.graphs.texts import NOT_GIVEN, plain
from iterm_mcp.services.tasks.graphs.ties import circles
from iterm_mcp.services.tasks.graphs.whens import read_place, read_when
from iterm_mcp.tasks.conditions import references

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.tasks import TaskSpec
    from iterm_mcp.services.document_problems import Problem
    from iterm_mcp.services.tasks.graphs.drafts import Draft
    from iterm_mcp.services.tasks.graphs.known import Known
    from iterm_mcp.services.yaml_source import Path

    At = Callable[[Path, str, str], Problem]

_TASK_ID = re.compile(r"t-[A-Za-z0-9][A-Za-z0-9.-]{0,80}")
SHOWN = 8
MOST_STARS = 200


class Checker:
    """Looks at the drafts of a document.

    Args:
        unread: Names of tasks whose own form is wrong: others may need them.
        at: Makes the problem of a place.
    """

    def __init__(
        self,
        drafts: Sequence[Draft],
        unread: Collection[str],
        policy: FailurePolicy,
        known: Known,
        at: At,
    ) -> None:
        self._drafts = drafts
        self._names = {one.name: one for one in drafts}
        self._unread = unread
        self._policy = policy
        self._known = known
        self._at = at
        self._results: dict[str, set[str]] = {}
        self._stars: dict[str, list[str]] = {}

    def problems(self) -> Iterator[Problem]:
        """Yield all that is wrong."""
        yield from self._twice()
        for draft in self._drafts:
            yield from self._work(draft)
            yield from self._chain(draft)
            yield from self._list(draft)
            yield from self._needs(draft)
            yield from self._conditions(draft)
            yield from self._references(draft)
            yield from self._acceptance(draft)
        yield from self._many_stars()
        yield from self._circles()

    def _many_stars(self) -> Iterator[Problem]:
        if len(self._stars) > MOST_STARS:
            fix = "Name tasks, or have one gather many."
            what = f"its needs have {len(self._stars)} different stars, more than {MOST_STARS}"
            yield self._at(("tasks",), what, fix)

    def _twice(self) -> Iterator[Problem]:
        counted = Counter(one.name for one in self._drafts)
        for draft in self._drafts:
            if counted[draft.name] > 1:
                fix = "Give each a name of its own; steps of chains share them with all tasks."
                yield self._at(
                    draft.path, f"{draft.name!r} is there {counted[draft.name]} times", fix
                )
            head, _, number = draft.name.rpartition("-")
            fanned = self._names.get(head)
            if number.isdecimal() and fanned is not None and fanned.is_many:
                fix = (
                    f"Call it otherwise: tasks of {head}'s elements are called {head}-1 and so on."
                )
                yield self._at(draft.path, f"{draft.name!r} may be one of them", fix)

    def _work(self, draft: Draft) -> Iterator[Problem]:
        part, path = draft.part, draft.path
        given = [key for key in ("run", "prompt") if (getattr(part, key) or "").strip()]
        if len(given) != 1:
            what = "it has both run and prompt" if given else "it does not say what to do"
            yield self._at(path, what, 'Write run: "make" for a command, prompt: "…" for an agent.')
        elif given == ["run"] and "work" in draft.own:
            fix = "Leave work out: it says of an agent's prompt what kind of work it is."
            yield self._at((*path, "work"), "nobody is chosen for a command line", fix)
        elif given == ["run"] and part.kind not in {None, COMMAND} and "kind" in draft.own:
            fix = "Write prompt: for what an agent is told, or leave kind out."
            yield self._at((*path, "kind"), f"a {part.kind} runs no command line", fix)
        elif given == ["prompt"] and part.kind in {COMMAND, GATHER}:
            fix = "Write run: for a command line, or the kind of an agent."
            yield self._at((*path, "kind"), f"{part.kind} is no kind of agent", fix)
        elif given == ["prompt"]:
            yield from self._agent(draft)
        if draft.compensates:
            keys = [
                key for key in ("needs", "when", "fan_out", "then", "undo") if getattr(part, key)
            ]
            for key in keys:
                fix = "It runs when the graph has failed, if its task succeeded."
                yield self._at((*path, key), f"{key} has no meaning here", fix)
            if self._policy is not FailurePolicy.COMPENSATE:
                fix = "Write on_failure: compensate above."
                yield self._at(path, "nothing is ever made undone in this graph", fix)

    def _agent(self, draft: Draft) -> Iterator[Problem]:
        kind, template = draft.part.kind, draft.part.template
        kinds, templates = self._known.kinds, self._known.templates
        if kind is None and (not template or templates is None or "${" in template):
            fix = "Write kind: claude, or another; or template: and a name."
            yield self._at(draft.path, "it does not say what kind of agent works on it", fix)
        elif kind == AUTO:
            if template:
                fix = f"Write kind: {(templates or {}).get(template, 'claude')}, or leave it out."
                what = "who is chosen has a template of its own"
                yield self._at((*draft.path, "template"), what, fix)
            return
        elif kind is not None and kinds is not None and kind not in kinds:
            yield self._at(
                (*draft.path, "kind"), f"there is no kind {kind!r}", _did_you_mean(kind, kinds)
            )
        if template and "${" not in template and template not in (templates or {template}):
            yield self._at(
                (*draft.path, "template"),
                f"there is no template {template!r}",
                _did_you_mean(template, templates or ()),
            )

    def _chain(self, draft: Draft) -> Iterator[Problem]:
        if draft.part.undo is not None and draft.along:
            fix = "Write the list out, or make it undone in one task."
            what = "a task that is made undone cannot be about what another one finds"
            yield self._at((*draft.path, "undo"), what, fix)
        head = draft.head or draft.along
        if head not in {"", draft.name} and draft.over is not None:
            fix = f"Take it out of the chain, and have it need {draft.follows or head}."
            what = f"it is about one element of {head}'s list already"
            yield self._at((*draft.path, "fan_out"), what, fix)

    def _list(self, draft: Draft) -> Iterator[Problem]:
        path = (*draft.path, "fan_out")
        items = draft.items
        if items is not None and draft.head == draft.name:
            most = most_of(draft)
            if not items:
                yield self._at(path, "its list is empty", "Name at least one element.")
            elif len(items) > most:
                fix = "Split it into several graphs, or raise its most: up to 1000."
                yield self._at(path, f"its list has {len(items)} elements, more than {most}", fix)
        if draft.found_list:
            yield from self._found_list(draft, path)

    def _found_list(self, draft: Draft, path: Path) -> Iterator[Problem]:
        if NOT_GIVEN.fullmatch(draft.found_list):
            return
        try:
            task, _ = read_place(draft.found_list)
        except ItermMcpError as error:
            fix = "Write a list, or tasks.NAME.output.path for one that a task will find."
            yield self._at(path, str(error), fix)
            return
        yield from self._is_needed(draft, task, path)

    def _needs(self, draft: Draft) -> Iterator[Problem]:
        for at, need in enumerate(draft.part.needs):
            path = (*draft.path, "needs", at)
            if need == draft.name:
                yield self._at(path, "it needs itself", "Take it out.")
            elif "*" in need:
                if not self._fitting(draft, need):
                    yield self._at(path, f"no task is called like {need!r}", self._alike(need))
            elif need.endswith(UNDO) and need in self._names:
                fix = "Leave it out: it only runs when the graph has failed."
                yield self._at(path, f"{need!r} makes another task undone", fix)
            elif not self._is_there(need) and not _TASK_ID.fullmatch(need):
                yield self._at(path, f"there is no task {need!r}", self._alike(need))

    def _is_there(self, name: str) -> bool:
        known = name in self._names or name in self._unread
        head, _, number = name.rpartition("-")
        return (
            known
            or self._element_of(name) is not None
            or (head in self._unread and number.isdecimal())
        )

    def _element_of(self, name: str) -> Draft | None:
        """Return the task with a list to whose elements such a name belongs; None for none."""
        head, _, number = name.rpartition("-")
        draft = self._names.get(head)
        items = None if draft is None else self._items_of(draft)
        if items is None or not re.fullmatch(r"[1-9][0-9]{0,5}", number):
            return None
        return draft if int(number) <= len(items) else None

    def _items_of(self, draft: Draft) -> list[Json] | None:
        head = self._names.get(draft.head)
        return None if head is None else head.items

    def _fitting(self, draft: Draft, star: str) -> list[str]:
        """Return the tasks of the document that a need with a star is for."""
        if star not in self._stars:
            if len(self._stars) > MOST_STARS:  # told once, for all
                return [star]
            found = [
                one.name
                for one in self._drafts
                if not one.compensates
                and (fits(one.name, star) or (one.is_many and fits(one.name, star, (one.name,))))
            ]
            self._stars[star] = [*found, *(one for one in self._unread if fits(one, star))]
        return [one for one in self._stars[star] if one != draft.name]

    def _alike(self, name: str) -> str:
        return _did_you_mean(name, [*self._names, *self._unread])

    def _conditions(self, draft: Draft) -> Iterator[Problem]:
        for at, written in enumerate(draft.part.when):
            path = (*draft.path, "when", at)
            try:
                condition = read_when(written)
            except ItermMcpError as error:
                yield self._at(path, str(error), error.hint)
            else:
                yield from self._is_needed(draft, condition.task, path)

    def _references(self, draft: Draft) -> Iterator[Problem]:
        for where, text in _texts(draft):
            path = (*draft.path, *where)
            try:
                found = references(text)
            except ItermMcpError as error:
                yield self._at(path, str(error), error.hint)
                continue
            if found and where[0] not in _FILLED:
                fix = f"Results are put into {', '.join(_FILLED)}."
                yield self._at(path, "no result is put in here", fix)
                continue
            for reference in found:
                yield from self._is_needed(draft, reference.task, path, star=True)
                yield from self._is_kept(reference.task, reference.path, path)

    def _is_kept(self, task: str, value: str, path: Path) -> Iterator[Problem]:
        needed = self._names.get(task)
        name = value.removeprefix("files.")
        if needed is None or name == value or needed.is_many:
            return
        if name not in needed.part.files:
            kept = ", ".join(needed.part.files) or "none"
            fix = f"Add it to {task}'s files; it keeps {kept}."
            yield self._at(path, f"{task} keeps no file {name!r}", fix)

    def _is_needed(
        self, draft: Draft, task: str, path: Path, *, star: bool = False
    ) -> Iterator[Problem]:
        needed = self._results.get(draft.name)
        if needed is None:
            needed = self._results[draft.name] = self._needed(draft)
        if task in needed or (star and "*" in task and any(fits(one, task) for one in needed)):
            return
        fix = f"Add {task} to its needs." if self._is_there(task) else self._alike(task)
        what = f"it asks for the result of {task!r}, which it does not need"
        yield self._at(path, what, fix)

    def _needed(self, draft: Draft) -> set[str]:
        """Return under which names a task gets results."""
        found: set[str] = set()
        for need in draft.needs:
            if "*" not in need:
                found.add(need)
                continue
            for name in self._fitting(draft, need):
                found.add(name)
                fanned = self._names.get(name)
                items = None if fanned is None else self._items_of(fanned)
                children = [f"{name}-{number}" for number in range(1, len(items or ()) + 1)]
                found |= {one for one in children if fits(one, need)}
        return found

    def _acceptance(self, draft: Draft) -> Iterator[Problem]:
        schema = draft.part.accept.output
        if schema is None:
            return
        try:
            check_schema({key: plain(one) for key, one in schema.items()})
        except ItermMcpError as error:
            yield self._at((*draft.path, "accept", "schema"), str(error), error.hint)

    def _circles(self) -> Iterator[Problem]:
        ties: dict[str, list[str]] = {}
        for draft in self._drafts:
            named = ties.setdefault(draft.name, [])
            for need in draft.needs:
                if need == draft.name:
                    continue  # told already
                element = self._element_of(need)
                whole = self._fitting(draft, need) if "*" in need else [need]
                named += [element.name] if element is not None else whole
        for path in circles(ties):
            first = self._names.get(path[0])
            shown = path if len(path) <= SHOWN else [*path[: SHOWN - 1], "…", path[-1]]
            where = first.path if first is not None else ("tasks",)
            what = f"it waits for itself: {' needs '.join(shown)}"
            yield self._at((*where, "needs"), what, "Take one of these needs out.")


class SpecChecker:
    """Looks at what became of drafts: values of lists may stand in directories."""

    def __init__(self, known: Known, at: At) -> None:
        self._known = known
        self._at = at
        self._seen: dict[str, str] = {}

    def problems(self, draft: Draft, specs: Sequence[TaskSpec]) -> Iterator[Problem]:
        """Yield what is wrong with the tasks of a draft, the same thing once."""
        told: set[str] = set()
        for spec in specs:
            if spec.kind == GATHER:
                continue
            why = self._seen.get(spec.directory)
            if why is None:
                why = self._seen[spec.directory] = why_no_place(spec.directory, self._known)
            if why and why not in told:
                told.add(why)
                fix = "Write directory: and an absolute path, here or in defaults."
                yield self._at((*draft.path, "directory"), why, fix)


_FILLED = ("prompt", "run", "environment", "accept")
_LOOKED_AT = ("directory", "template", "team", "account")


def _texts(draft: Draft) -> Iterator[tuple[Path, str]]:
    """Yield every text of a task that may have places, and where it stands."""
    part = draft.part
    for key in ("run", "prompt", *_LOOKED_AT):
        text = getattr(part, key)
        if text:
            yield (key,), text
    many: dict[str, Mapping[str, str]] = {"environment": part.environment, "labels": part.labels}
    for key, texts in many.items():
        for name, text in texts.items():
            yield (key, name), text
    for at, text in enumerate(part.files):
        yield ("files", at), text
    for at, text in enumerate(part.accept.commands):
        yield ("accept", "commands", at), text


def _did_you_mean(name: str, known: Collection[str]) -> str:
    alike = get_close_matches(name, known, n=1)
    if alike:
        return f"Write {alike[0]}."
    shown = sorted(known)[:SHOWN]
    more = f" and {len(known) - len(shown)} more" if len(known) > len(shown) else ""
    return f"There are {', '.join(shown)}{more}." if known else "There is none."
