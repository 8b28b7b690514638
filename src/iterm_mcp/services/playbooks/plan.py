"""What a playbook would do, in words, and its steps with the variables put in. Pure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.playbooks.document import StepPart
from iterm_mcp.services.playbooks.text import check_known, fill, fill_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from iterm_mcp.services.playbooks.document import (
        LayoutPart,
        NotePart,
        Playbook,
        ReadPart,
        RunPart,
        StartPart,
        TellPart,
        WaitPart,
    )

SHOWN_CHARACTERS = 100


def settle_variables(playbook: Playbook, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables' values: those given, and the document's own for the others.

    Raises:
        NotFoundError: One is given that the playbook does not have.
        InvalidRequestError: One is not given that has no value of its own.
    """
    for name in given:
        check_known(name, playbook.variables)
    values = {**playbook.variables, **given}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise InvalidRequestError(
            f"the playbook needs {', '.join(missing)}",
            hint=f"Give a value for {' and for '.join(missing)} in variables.",
            code="variables_missing",
        )
    return {name: str(value) for name, value in values.items()}


def filled(step: StepPart, values: Mapping[str, str]) -> StepPart:
    """Return a step with all variables put in; those in a command are quoted for a shell.

    Raises:
        NotFoundError: A variable has no value: the step that saves it was skipped.
        InvalidRequestError: What it has become is no step.
    """
    verb = step.verb
    data = fill_all(step.part.model_dump(by_alias=True), partial(fill, values=values))
    if verb == "run":
        data["command"] = fill(step.part.command, values, command=True)
    try:
        return StepPart.model_validate({verb: data})
    except ValueError as error:
        first = str(error).splitlines()[2].strip()
        raise InvalidRequestError(
            f"with its variables put in this {verb} step makes no sense: {first}",
            hint="Look at the values of its variables.",
        ) from None


def plan(playbook: Playbook, values: Mapping[str, str]) -> list[str]:
    """Return what each step would do, in a line each; what is saved later stays as ``${name}``."""
    saved = {
        save: f"${{{save}}}"
        for step in playbook.steps
        if (save := getattr(step.part, "save", None)) is not None
    }
    lines: list[str] = []
    for number, step in enumerate(playbook.steps, 1):
        lines += [
            f"{number:3}. {line}" if not at else f"     {line}"
            for at, line in enumerate(told(filled(step, saved | dict(values))))
        ]
    return lines


def told(step: StepPart) -> list[str]:
    """Return what a step does, in words: one line, and more for what belongs to it."""
    return [*_TELLS[step.verb](step.part)]


def _layout(part: LayoutPart) -> Iterator[str]:
    panes = part.panes()
    yield f"layout: {len(panes)} pane{'s' if len(panes) > 1 else ''}"
    for pane in panes:
        agent = pane.agent
        runs = f"runs {_short(pane.command or 'a shell')}"
        if agent is not None and not pane.command and agent.kind != "shell":
            runs = f"starts a {agent.kind}"
        words = [pane.name or "without a name", runs]
        if pane.directory:
            words.append(f"in {_short(pane.directory)}")
        if pane.agent is not None:
            words.append(f"as {pane.agent.kind} agent {pane.agent.name}")
            if pane.agent.teams:
                words.append(f"of {', '.join(pane.agent.teams)}")
        yield " ".join(words)


def _start(part: StartPart) -> Iterator[str]:
    beside = f" beside {part.where}" if part.where else ""
    yield f"start {len(part.agents)} agent{'s' if len(part.agents) > 1 else ''}{beside}"
    for name, agent in part.agents.items():
        words = [name, "of", agent.kind]
        if agent.directory:
            words.append(f"in {_short(agent.directory)}")
        if agent.teams:
            words.append(f"in team {', '.join(agent.teams)}")
        if agent.prompt:
            words.append(f"told {_short(agent.prompt)}")
        yield " ".join(words)


def _run(part: RunPart) -> Iterator[str]:
    end = "however it ends" if part.expect == "any" else f"must end with {part.expect}"
    saved = f", saved as {part.save}" if part.save else ""
    yield f"run in {part.where}: {_short(part.command)} ({part.timeout:g} s, {end}{saved})"


def _tell(part: TellPart) -> Iterator[str]:
    until = f" until it has {part.until} ({part.timeout:g} s)" if part.until else ""
    yield f"tell{until}, each agent the most specific:"
    if part.everybody is not None:
        yield f"everybody: {_short(part.everybody)}"
    for kind, texts in (("team", part.teams), ("agent", part.agents)):
        for name, text in texts.items():
            yield f"{kind} {name}: {_short(text)}"


def _wait(part: WaitPart) -> Iterator[str]:
    if part.team is not None:
        what = f"all agents of team {part.team} are {part.until.value}"
    else:
        wanted = [f"{part.where} prints {_short(part.pattern)}"] if part.pattern else []
        if part.condition is not None:
            wanted.append(f"{part.where} has {part.condition.value}")
        what = " or ".join(wanted)
    saved = f", saved as {part.save}" if part.save else ""
    yield f"wait until {what} ({part.timeout:g} s{saved})"


def _read(part: ReadPart) -> Iterator[str]:
    saved = f", saved as {part.save}" if part.save else ""
    yield f"read the last {part.lines} lines of {part.where}{saved}"


def _note(part: NotePart) -> Iterator[str]:
    yield f"note {part.namespace}/{part.key}: {_short(part.value)}"


_TELLS: dict[str, Callable[[Any], Iterator[str]]] = {
    "layout": _layout, "start": _start, "run": _run, "tell": _tell, "wait": _wait, "read": _read,
    "note": _note,
}  # fmt: skip


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}…"


def as_calls(step: StepPart, session_id: str | None) -> list[tuple[str, dict[str, Any]]]:
    """Return the tools, and their arguments, that would do what a step does.

    What a role permits is said of tools; a playbook is no way around it.
    """
    part = step.part
    if step.verb != "start":
        return [_as_call(step, session_id)]
    beside = {} if session_id is None else {"beside": session_id}
    return [
        ("start_agent", {"name": name, **agent.model_dump(exclude_defaults=True), **beside})
        for name, agent in part.agents.items()
    ]


def _as_call(step: StepPart, session_id: str | None) -> tuple[str, dict[str, Any]]:
    part = step.part
    target = {} if session_id is None else {"session_id": session_id}
    match step.verb:
        case "layout":
            return "apply_layout", {"root": part.model_dump(exclude_none=True)}
        case "run":
            return "run_command", target | {"command": part.command}
        case "tell":
            told_all = {} if part.everybody is None else {"broadcast": part.everybody}
            return "cascade_message", told_all | {"teams": part.teams, "agents": part.agents}
        case "wait":
            return (
                ("wait_for", target) if part.team is None else ("wait_agents", {"team": part.team})
            )
        case "read":
            return "read_output", target
        case _:
            return "manage_notes", {"action": "set", "key": part.key}
