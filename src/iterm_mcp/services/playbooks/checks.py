"""Reading a playbook, and saying per line and key what is wrong and what to write. Pure."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import ItermMcpError
from iterm_mcp.services.agents.templates import PREFIX
from iterm_mcp.services.document_problems import Forms, refusal
from iterm_mcp.services.names import check_name
from iterm_mcp.services.output.patterns import Patterns
from iterm_mcp.services.playbooks.document import VERBS, Playbook
from iterm_mcp.services.playbooks.text import check_known, names_in
from iterm_mcp.services.yaml_source import read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iterm_mcp.services.document_problems import Problem
    from iterm_mcp.services.playbooks.document import (
        LayoutPart,
        PaneAgentPart,
        StartAgentPart,
        StepPart,
    )
    from iterm_mcp.services.yaml_source import Path

_PLAIN = re.compile(r"[\w.-]{1,35}")
"""A word that must be a pane: other sessions have a longer id, or are named with a colon."""


def read_playbook(text: str) -> Playbook:
    """Read and check a playbook. It may take a tenth of a second: call it in a thread.

    Raises:
        InvalidRequestError: Something is wrong; the text holds all that was found, by line.
    """
    source = read_yaml(text)
    forms = Forms("playbook", Playbook, EXAMPLES, source)
    try:
        playbook = Playbook.model_validate(source.value)
    except ValidationError as error:
        raise refusal("playbook", forms.problems(error)) from None
    problems = [*_Checker(playbook, forms).problems()]
    if problems:
        raise refusal("playbook", problems)
    return playbook


EXAMPLES = {
    "in": "in: build, the name of a pane",
    "command": 'command: "make all"',
    "timeout": "timeout: 60, in seconds",
    "expect": "expect: 0, or expect: any",
    "save": "save: answer, a word of letters, digits and _",
    "steps": "steps:, and below it a list such as - run: {in: build, command: make}",
    "playbook": "playbook: a-name, of letters, digits, dots, underscores and hyphens",
    "name": "name: build",
    "split": "split: columns, or split: rows",
    "until": "until: ready or done for a team, started or ended for a message",
    "for": "for: prompt, idle, change or exit",
    "key": "key: a-name",
    "agents": "agents: {ann: {kind: claude}}",
    "kind": "kind: claude, or another, or template: and a name",
    "value": 'value: "some text"',
    "lines": "lines: 50",
}


# Its sense.


class _Checker:
    """Looks at what stands in a playbook of the right form."""

    def __init__(self, playbook: Playbook, forms: Forms) -> None:
        self._playbook = playbook
        self._at = forms.at
        self._known = set(playbook.variables)
        self._panes: set[str] = set()

    def problems(self) -> Iterator[Problem]:
        for at, step in enumerate(self._playbook.steps):
            path: Path = ("steps", at)
            given = [verb for verb in VERBS if getattr(step, verb) is not None]
            if len(given) != 1:
                what = f"it has {' and '.join(given)}" if given else "it says nothing"
                yield self._at(path, what, f"A step is one of {', '.join(VERBS)}.")
                continue
            yield from self._texts(step.part.model_dump(by_alias=True), (*path, step.verb))
            yield from self._step(step, (*path, step.verb))
            save = getattr(step.part, "save", None)
            if save is not None:
                if save in self._playbook.variables:
                    fix = "Save it under another name: variables keep their values."
                    yield self._at((*path, step.verb, "save"), "it is a variable already", fix)
                self._known.add(save)

    def _step(self, step: StepPart, path: Path) -> Iterator[Problem]:
        part = step.part
        match step.verb:
            case "layout":
                yield from self._layout(part, path)
            case "start":
                for name, agent in part.agents.items():
                    yield from self._agent(name, agent, (*path, "agents", name))
            case "tell":
                if part.everybody is None and not part.teams and not part.agents:
                    fix = 'Write agents: {ann: "…"}, teams: {crew: "…"} or everybody: "…".'
                    yield self._at(path, "there is nobody to tell", fix)
            case "wait":
                yield from self._wait(part, path)
        where = getattr(part, "where", None)
        if where is not None and _PLAIN.fullmatch(where) and where not in {*self._panes, "active"}:
            alike = get_close_matches(where, self._panes, n=1)
            known = ", ".join(sorted(self._panes)) or "none yet: a layout step comes first"
            fix = f"Write {alike[0]}." if alike else f"The panes are: {known}; or name:, agent:…"
            yield self._at((*path, _key(step)), f"no pane is called {where!r}", fix)

    def _wait(self, part: Any, path: Path) -> Iterator[Problem]:  # noqa: ANN401 - a WaitPart
        if (part.where is None) == (part.team is None):
            fix = "Write in: for a session, or team: for its agents."
            yield self._at(path, "it waits for a session or for a team", fix)
        elif part.where is not None and part.pattern is None and part.condition is None:
            fix = 'Write pattern: "…", or for: prompt, idle, change or exit.'
            yield self._at(path, "there is nothing to wait for", fix)
        elif part.team is not None and (part.pattern or part.condition or part.save):
            fix = "Write until: ready or done."
            yield self._at(path, "pattern, for and save belong to sessions", fix)
        if part.pattern is not None and not _has_variables(part.pattern):
            yield from self._try(partial(Patterns, [part.pattern]), (*path, "pattern"))

    def _layout(self, part: LayoutPart, path: Path) -> Iterator[Problem]:
        for at, node in _nodes(part, path):
            if node.split is not None and len(node.children) < 2:  # noqa: PLR2004 - a split
                yield self._at(at, "a split has two children or more", "Add another pane.")
            if node.split is None and node.children:
                yield self._at(at, "children need a split", EXAMPLES["split"])
            if node.split is not None and any((node.name, node.command, node.agent)):
                yield self._at(at, "a split is no pane", "Put name, command, agent into a child.")
            if node.agent is not None:
                yield from self._agent(node.agent.name, node.agent, (*at, "agent"))
            if node.name is not None:
                if node.name in self._panes:
                    fix = "Give each pane a name of its own."
                    yield self._at((*at, "name"), f"{node.name!r} is there already", fix)
                self._panes.add(node.name)

    def _agent(
        self, name: str, agent: PaneAgentPart | StartAgentPart, path: Path
    ) -> Iterator[Problem]:
        if not _has_variables(agent.kind) and not agent.kind.startswith(PREFIX):
            yield from self._try(partial(find_kind, agent.kind), (*path, "kind"))
        for kind, key, names in (("agent", "name", [name]), ("team", "teams", agent.teams)):
            for one in names:
                if not _has_variables(one):
                    yield from self._try(partial(check_name, kind, one), (*path, key))

    def _texts(self, value: object, path: Path) -> Iterator[Problem]:
        """See that every variable in these texts is known by then."""
        if isinstance(value, str):

            def check() -> None:
                for name in names_in(value):
                    check_known(name, self._known)

            yield from self._try(check, path)
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from self._texts(inner, (*path, key))
        elif isinstance(value, list):
            for at, inner in enumerate(value):
                yield from self._texts(inner, (*path, at))

    def _try(self, check: Callable[[], object], path: Path) -> Iterator[Problem]:
        try:
            check()
        except ItermMcpError as error:
            yield self._at(path, str(error), error.hint)


def _key(step: StepPart) -> str:
    """Return under which key a step names its session."""
    return str(type(step.part).model_fields["where"].alias)


def _has_variables(text: str) -> bool:
    """Tell whether a text is another one when it runs; `_Checker._texts` tells of what is none."""
    return "${" in text


def _nodes(part: LayoutPart, path: Path) -> Iterator[tuple[Path, LayoutPart]]:
    yield path, part
    for at, child in enumerate(part.children):
        yield from _nodes(child, (*path, "children", at))
