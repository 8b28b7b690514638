"""What each step of a playbook does, and how what became of one is found out after a crash."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.commands import CommandState
from iterm_mcp.models.cursors import Cursor
from iterm_mcp.models.ids import SessionId, TeamName
from iterm_mcp.models.output import PromptState
from iterm_mcp.services.commands.ids import command_id
from iterm_mcp.services.commands.typed_commands import is_same
from iterm_mcp.services.output.excerpts import join
from iterm_mcp.services.output.patterns import Patterns
from iterm_mcp.services.playbooks.panes import tags_of, tree_of
from iterm_mcp.services.playbooks.starting import Starting
from iterm_mcp.services.playbooks.tasks import Outcome, StepError, UndecidedError, caller_of
from iterm_mcp.services.playbooks.telling import Telling

if TYPE_CHECKING:
    from iterm_mcp.models.commands import CommandResult
    from iterm_mcp.models.layouts import AppliedPane
    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.playbooks import Known
    from iterm_mcp.services.agents.lifecycle import Lifecycle
    from iterm_mcp.services.commands.service import CommandService
    from iterm_mcp.services.deliveries.messages import MessageService
    from iterm_mcp.services.deliveries.service import DeliveryService
    from iterm_mcp.services.layouts.service import LayoutService
    from iterm_mcp.services.output.reading import Reader
    from iterm_mcp.services.output.waiting import WaitService
    from iterm_mcp.services.playbooks.document import (
        LayoutPart,
        NotePart,
        ReadPart,
        RunPart,
        StepPart,
        WaitPart,
    )
    from iterm_mcp.services.playbooks.tasks import Detail, Task
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.services.sharing.notes import NoteService
    from iterm_mcp.services.states.waits import AgentWaits
    from iterm_mcp.terminal.protocol import Terminal

RUN_LINES = 200
"""So many lines of a command's output are looked at."""

SAVED_CHARACTERS = 20_000
"""So much of an output is saved: its end."""

KEPT_CHARACTERS = 2000
"""So much of it stands in the journal."""


@dataclass(frozen=True, slots=True)
class Means:
    """By what steps do their work."""

    terminal: Terminal
    sessions: SessionService
    layouts: LayoutService
    commands: CommandService
    waits: WaitService
    agent_waits: AgentWaits
    reader: Reader
    messages: MessageService
    deliveries: DeliveryService
    notes: NoteService
    lives: Lifecycle


class Steps:
    """Does steps. Each looks first at what an earlier try has left behind."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._telling = Telling(means.messages, means.deliveries)
        self._starting = Starting(means.lives)

    async def target(self, step: StepPart, known: Known) -> SessionId | None:
        """Return the session that a step is about; None for one that is about none.

        Raises:
            NotFoundError: It is not there.
        """
        where = getattr(step.part, "where", None)
        if where is None:
            return None
        return (
            SessionId(known.panes[where])
            if where in known.panes
            else (await self._means.sessions.find(where))
        )

    async def do(self, task: Task) -> Outcome:
        """Do a step.

        Raises:
            StepError: It did not do what it should.
            UndecidedError: It was under way when an earlier daemon ended, and nobody can tell
                what became of it.
            ItermMcpError: What the services raise.
        """
        part = task.step.part
        match task.step.verb:
            case "layout":
                return await self._layout(task, part)
            case "start":
                beside = await self.target(task.step, task.known)
                return await self._starting.start(task, part, beside)
            case "run":
                return await self._run(task, part)
            case "tell":
                return await self._telling.tell(task, part)
            case "wait":
                return await self._wait(task, part)
        return await (self._read if task.step.verb == "read" else self._note)(task, part)

    # Layouts: each pane carries a tag, by which it is found again.

    async def _layout(self, task: Task, part: LayoutPart) -> Outcome:
        standing: dict[str, SessionId] = {}
        if task.before is not None:
            standing = await self._standing(task, len(part.panes()))
        await task.note({})
        tree = tree_of(part, tags_of(task), standing)
        applied = await self._means.layouts.apply_layout(tree)
        panes = dict(task.known.panes)
        cursors = dict(task.known.cursors)
        for pane, declared in zip(applied.panes, part.panes(), strict=True):
            if declared.name is not None:
                panes[declared.name] = pane.session_id
            cursors[pane.session_id] = str(await self._beginning(pane))
        for pane in applied.panes:
            if pane.opened and pane.agent is None:
                await self._means.sessions.wait_ready(pane.session_id)
        known = replace(task.known, panes=panes, cursors=cursors)
        return Outcome(known, {"panes": [str(pane.session_id) for pane in applied.panes]})

    async def _beginning(self, pane: AppliedPane) -> Cursor:
        """Return from where on a pane's output counts: all of a new one's, so nothing is missed."""
        reader = self._means.reader
        if pane.opened:
            return await reader.cursor_at(pane.session_id, 0, 0)
        return await reader.cursor(pane.session_id)

    async def _standing(self, task: Task, panes: int) -> dict[str, SessionId]:
        """Return what an earlier try has opened, by tag."""
        found: dict[str, SessionId] = {}
        for at in range(panes):
            tag = f"{tags_of(task)}{at + 1}"
            try:
                found[tag] = await self._means.sessions.find(f"tag:{tag}")
            except NotFoundError:
                continue
        return found

    # Commands: the prompt at which one is run is known before it is typed.

    async def _run(self, task: Task, part: RunPart) -> Outcome:
        session_id = await self._session(task)
        before = task.before or {}
        if {"exit_code", "error"} & before.keys():  # that one has ended, or was not begun
            before = {}
        name = before.get("command_id")
        if name is None and "prompt_id" in before:
            name = await self._found(session_id, part.command, str(before["prompt_id"]))
        if name is None:
            prompt = await self._means.terminal.read_prompt(session_id)
            prompt_id = "" if prompt is None else str(prompt.prompt_id)
            await task.note({"session_id": session_id, "prompt_id": prompt_id})
            begun = await self._means.commands.run(
                session_id, part.command, timeout_seconds=0, max_lines=RUN_LINES
            )
            name = begun.command_id
            await task.note({"session_id": session_id, "command_id": name})
        result = await self._means.commands.status(
            str(name), wait_seconds=part.timeout, max_lines=RUN_LINES
        )
        output = "" if result.output is None else result.output.text
        detail = _of_command(result, output)
        if result.state is CommandState.RUNNING:
            raise StepError(f"the command runs on after {part.timeout:g} s", detail)
        if part.expect not in {"any", result.exit_code}:
            ended = result.state.value if result.exit_code is None else f"code {result.exit_code}"
            raise StepError(f"the command ended with {ended}, not code {part.expect}", detail)
        return Outcome(_saving(task.known, part.save, output), detail)

    async def _found(self, session_id: SessionId, command: str, prompt_id: str) -> str | None:
        """Return the id of a command that an earlier daemon was about to run.

        None when it surely was not run: the prompt of that time still waits, empty.

        Raises:
            UndecidedError: Something has changed since, and no prompt tells of the command.
        """
        terminal = self._means.terminal
        prompts = [
            await terminal.read_prompt(session_id, one)
            for one in await terminal.list_prompts(session_id)
        ]
        kept = [one for one in prompts if one is not None]
        at = next((n for n, one in enumerate(kept) if one.prompt_id == prompt_id), None)
        if at is None:
            raise UndecidedError(
                "the daemon ended while the command was typed, and its prompt is not there"
            )
        for one in kept[at:]:
            if one.state is not PromptState.EDITING and is_same(one.command, command):
                return command_id(session_id, one.prompt_id)
        last = kept[-1]
        if last.prompt_id == prompt_id and not last.command.strip():
            return None
        raise UndecidedError(
            "the daemon ended while the command was typed, and something stands at the prompt"
        )

    # What only looks is done again.

    async def _wait(self, task: Task, part: WaitPart) -> Outcome:
        if part.team is not None:
            return await self._wait_team(task, TeamName(part.team), part)
        session_id = await self._session(task)
        cursor = task.known.cursors.get(session_id)
        waited = await self._means.waits.wait(
            session_id,
            patterns=None if part.pattern is None else Patterns([part.pattern]),
            condition=part.condition,
            idle_seconds=part.idle,
            since=None if cursor is None else Cursor.parse(cursor),
            timeout_seconds=part.timeout,
        )
        tail = ""
        known = task.known
        if waited.reading is not None:
            tail = join((row.text, row.wrapped) for row in waited.reading.lines.lines)
            cursors = dict(known.cursors) | {session_id: str(waited.reading.cursor)}
            known = replace(known, cursors=cursors)
        if waited.match is None and waited.condition is None:
            ended = "the session ended" if waited.ended else f"nothing came in {part.timeout:g} s"
            raise StepError(ended, {"tail": tail[-KEPT_CHARACTERS:]})
        if waited.match is None:
            return Outcome(known, {"met": str(waited.condition)})
        groups = [one for one in waited.match.groups if one is not None]
        text = groups[0] if groups else waited.match.text
        return Outcome(_saving(known, part.save, text), {"matched": text[-KEPT_CHARACTERS:]})

    async def _wait_team(self, task: Task, team: TeamName, part: WaitPart) -> Outcome:
        until = part.until
        waited = await self._means.agent_waits.wait(
            [], until.wanted, part.timeout, team=team, hopeless=until.hopeless
        )
        states: Json = {str(one.agent): one.state.value for one in waited.views}
        if not waited.met:
            others = [f"{one.agent} is {one.state.value}" for one in waited.views]
            raise StepError(
                f"team {team!r} is not {until.value}: {', '.join(others)}", {"agents": states}
            )
        return Outcome(task.known, {"agents": states})

    async def _read(self, task: Task, part: ReadPart) -> Outcome:
        reading = await self._means.reader.tail(await self._session(task), max_lines=part.lines)
        text = join((row.text, row.wrapped) for row in reading.lines.lines).rstrip("\n")
        known = _saving(task.known, part.save, text)
        return Outcome(known, {"text": text[-KEPT_CHARACTERS:]})

    # A note that says already what it should is left alone.

    async def _note(self, task: Task, part: NotePart) -> Outcome:
        caller = caller_of(task.run)
        notes = self._means.notes
        if task.before is not None:
            try:
                found = await notes.get(caller, part.namespace, part.key)
            except NotFoundError:
                pass
            else:
                if found.value == part.value:
                    return Outcome(task.known, {"version": found.version})
        await task.note({})
        written = await notes.set(caller, part.namespace, part.key, part.value)
        return Outcome(task.known, {"version": written.version})

    async def _session(self, task: Task) -> SessionId:
        session_id = await self.target(task.step, task.known)
        if session_id is None:
            raise StepError("it names no session")
        return session_id


def _of_command(result: CommandResult, output: str) -> Detail:
    detail: Detail = {"command_id": str(result.command_id), "output": output[-KEPT_CHARACTERS:]}
    if result.exit_code is not None:
        detail["exit_code"] = result.exit_code
    return detail


def _saving(known: Known, name: str | None, text: str) -> Known:
    if name is None:
        return known
    return replace(known, values=dict(known.values) | {name: text[-SAVED_CHARACTERS:]})
