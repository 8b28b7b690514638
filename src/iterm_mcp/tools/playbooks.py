"""The tool for playbooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from anyio import to_thread
from mcp.server.mcpserver import Context
from pydantic import Field

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.playbooks import Decision, RunId
from iterm_mcp.services.playbooks.checks import read_playbook
from iterm_mcp.services.playbooks.plan import plan, settle_variables
from iterm_mcp.services.untrusted import sanitise
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.callers import caller_of
from iterm_mcp.tools.progress import progress
from iterm_mcp.tools.tool import TYPES, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.models.playbooks import Run, StepRecord
    from iterm_mcp.services.playbooks.running import PlaybookService, RunView

DETAIL_CHARACTERS = 1000
LISTED = 20

Action = Literal["validate", "dry_run", "run", "status", "resume", "cancel"]


class PlaybookTools:
    """The tool over `PlaybookService`."""

    def __init__(self, playbooks: PlaybookService) -> None:
        self._playbooks = playbooks

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(self.run_playbook, "Run playbook", TYPES, "yaml workflow steps layout agents")
        ]

    async def run_playbook(
        self,
        action: Annotated[Action, Field(description="What to do.")],
        document: Annotated[str, Field(description="The YAML.")] = "",
        variables: Annotated[dict[str, str], Field(description="Their values.")] = {},
        run_id: Annotated[str, Field(description="A run; status lists all.")] = "",
        decision: Annotated[
            Decision,
            Field(description="For resume: what of the step it stopped at."),
        ] = Decision.LOOK,
        wait_seconds: Annotated[
            float,
            Field(description="For its end; it goes on.", ge=0, le=3600),
        ] = 30,
        *,
        context: Context[Any, Any],
    ) -> Json:
        """Run YAML in the background, resumable after a crash: playbook (a name), variables, steps.

        A step is layout (split, children, name, command, directory, agent), start (agents: name:
        kind, prompt, teams …; beside), run (in, command,
        timeout, expect, save), tell (agents, teams, everybody, until), wait (in, pattern or for;
        or team, until; timeout), read (in, lines, save) or note (key, value). ${name}: a variable,
        or what was saved.
        """
        playbooks, caller = self._playbooks, caller_of(context)
        match action:
            case "validate" | "dry_run":
                return await _looked_at(document, variables, planned=action == "dry_run")
            case "run":
                name = await playbooks.run(caller, document, variables)
                return await self._waited(name, wait_seconds, context)
            case "status" if not run_id:
                return {"runs": [_listed(one) for one in (await playbooks.runs())[:LISTED]]}
            case "status":
                return await self._waited(RunId(run_id), wait_seconds, context)
            case "resume":
                _check_id(run_id)
                await playbooks.resume(caller, RunId(run_id), decision)
                return await self._waited(RunId(run_id), wait_seconds, context)
            case _:
                _check_id(run_id)
                await playbooks.cancel(caller, RunId(run_id))
                return await self._waited(RunId(run_id), 0, context)

    async def _waited(self, run_id: RunId, seconds: float, context: Context[Any, Any]) -> Json:
        async with progress(context, lambda: sanitise(self._playbooks.now(run_id)) or "running"):
            view = await self._playbooks.wait(run_id, seconds)
        return _answer(view)


async def _looked_at(document: str, variables: dict[str, str], *, planned: bool) -> Json:
    playbook = await to_thread.run_sync(read_playbook, document)
    answer: Json = {
        "playbook": playbook.playbook,
        "steps": len(playbook.steps),
        "variables": playbook.variables,
    }
    if planned:
        answer["plan"] = sanitise("\n".join(plan(playbook, settle_variables(playbook, variables))))
    return answer


def _check_id(run_id: str) -> None:
    if not run_id:
        raise InvalidRequestError("which run?", hint="Give run_id; status lists them.")


def _listed(run: Run) -> Json:
    answer: Json = {
        "run_id": run.run_id,
        "playbook": run.name,
        "state": run.state.value,
        "at": run.created_at.isoformat(),
    }
    if run.reason:
        answer["reason"] = sanitise(run.reason)
    return answer


def _answer(view: RunView) -> Json:
    """Return a run; what its steps have found is terminal output."""
    answer = _listed(view.run) | {"steps": view.steps}
    if view.now:
        answer["now"] = sanitise(view.now)
    answer["untrusted"] = ["journal"]
    answer["journal"] = [_step(one) for one in view.journal]
    if view.run.known.panes:
        answer["panes"] = {sanitise(name): one for name, one in view.run.known.panes.items()}
    return answer


def _step(record: StepRecord) -> Json:
    detail = {
        key: sanitise(value)[-DETAIL_CHARACTERS:] if isinstance(value, str) else value
        for key, value in record.detail.items()
        if key not in {"attempt", "prompt_id", "left"}
    }
    answer: Json = {"step": record.number, "state": record.state.value, **detail}
    if record.ended_at is not None:
        seconds = (record.ended_at - record.started_at).total_seconds()
        answer["seconds"] = round(seconds, 3)
    return answer
