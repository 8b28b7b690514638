"""Templates of agents: TOML files, the user's own and a few that ship.

A template holds any of these; what is given at a start wins over it::

    kind = "claude"            # required: a kind of agent
    model = "opus"
    prompt = "Read TASK.md."   # its first order
    resume_prompt = "Go on."   # told when its conversation goes on after a crash
    role = "reviewer"
    teams = ["backend"]        # made if they are missing
    directory = "~/project"
    worktree = false           # give each its own git worktree, made from that directory
    permissions = "plan"       # the kind's own word
    options = ["--verbose"]    # more of the program's own arguments
    keep = ["ANTHROPIC_API_KEY"]  # variables with secrets that it may see all the same
    trust = "ask"              # or "accept": say that the directory is trusted
    restart = true             # after a crash
    prewarm = 0                # so many wait, started, to be handed out at once; 8 at most
    place = "auto"             # or left, right, above or below the session that it goes beside

    [environment]
    EDITOR = "true"

    [limits]                   # 0 for none
    idle_seconds = 0
    turn_seconds = 0
    total_seconds = 0
    silent_seconds = 0
    restart_silent = false     # start it again when silent, rather than tell
    memory = "2GB"             # of the agent with all that it starts; none of these for no limit
    cpu = 1.5                  # processors, on average over 15 s
    disk = "5GB"               # by which its directory may grow
    processes = 200
    over = "stop"              # what happens to one that takes more: or "pause", "warn"
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from anyio import to_thread
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from iterm_mcp.agents.kinds import all_kinds
from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.agent_lives import AgentOrder, Limits
from iterm_mcp.models.ids import TeamName
from iterm_mcp.models.sessions import Direction
from iterm_mcp.models.task_limits import OverLimit, ResourceLimits
from iterm_mcp.services.resources.sizes import parse_size

if TYPE_CHECKING:
    from collections.abc import Iterator

SHIPPED = Path(__file__).with_name("shipped_templates")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PREFIX = "template:"
"""What makes the name of a template stand where a kind's may."""

FILE_BYTES = 64 * 1024

MOST_PREWARMED = 8
"""Agents of one template that may wait."""

Placing = Literal["auto", "left", "right", "above", "below"]


def _bytes(value: object) -> object:
    """Read a size as people write it; what is none is refused with the field's own words."""
    if not isinstance(value, str):
        return value
    try:
        return parse_size(value)
    except InvalidRequestError as error:
        raise ValueError(str(error)) from None


_Size = Annotated[int, BeforeValidator(_bytes), Field(gt=0, le=2**60)]
_Seconds = Annotated[float, Field(ge=0, le=30 * 86400)]


class LimitsTable(BaseModel):
    """The table ``[limits]``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    idle_seconds: _Seconds = 0
    turn_seconds: _Seconds = 0
    total_seconds: _Seconds = 0
    silent_seconds: _Seconds = 0
    restart_silent: bool = False
    memory: _Size | None = None
    cpu: Annotated[float, Field(gt=0, le=1024)] | None = None
    disk: _Size | None = None
    processes: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    over: Literal["stop", "pause", "warn"] = "stop"

    def resources(self) -> ResourceLimits:
        """Return what an agent may take of the machine."""
        return ResourceLimits(
            self.memory, self.cpu, self.disk, self.processes, OverLimit(self.over)
        )


class TemplateFile(BaseModel):
    """What a template's file holds."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: str
    model: str = ""
    prompt: Annotated[str, Field(max_length=100_000)] = ""
    resume_prompt: Annotated[str, Field(max_length=100_000)] = ""
    role: str = ""
    teams: list[str] = []
    directory: str = ""
    worktree: bool = False
    permissions: str = ""
    options: list[str] = []
    keep: list[str] = []
    trust: Literal["ask", "accept"] = "ask"
    restart: bool = True
    prewarm: Annotated[int, Field(ge=0, le=MOST_PREWARMED)] = 0
    place: Placing = "auto"
    environment: dict[str, str] = {}
    limits: LimitsTable = LimitsTable()


@dataclass(frozen=True, slots=True)
class Template:
    """A template.

    Attributes:
        path: Its file.
        shipped: It came with the program.
        place: Where the agent's pane goes, seen from the session that it is started beside; None
            for its longer side, see `PanePlacer`.
        prewarm: How many wait to be handed out, see `Spares`.
    """

    name: str
    path: Path
    shipped: bool
    order: AgentOrder
    place: Direction | None = None
    prewarm: int = 0


class Templates:
    """Finds templates. Files are read when they are asked for, so an edit counts at once.

    Args:
        folder: The user's own; it need not be there. They win over shipped ones of their name.
    """

    def __init__(self, folder: str | Path, shipped: Path = SHIPPED) -> None:
        self._folders = (Path(folder), shipped)
        self._shipped = shipped

    @property
    def folder(self) -> Path:
        """Where the user's own stand."""
        return self._folders[0]

    async def names(self) -> tuple[str, ...]:
        """Return the names of all templates, sorted, whether they are sound or not."""
        return await to_thread.run_sync(lambda: tuple(sorted({name for name, _ in self._files()})))

    async def find(self, name: str) -> Template:
        """Return a template.

        Raises:
            NotFoundError: There is none of this name; the hint lists those there are.
            InvalidRequestError: Its file cannot be used; the error names file and key.
        """
        return await to_thread.run_sync(self._find, name)

    async def order(self, kind: str) -> tuple[AgentOrder, Direction | None]:
        """Return what a kind, or ``template:`` and a name, asks for, and the side of its pane.

        Raises:
            NotFoundError, InvalidRequestError: See `find`; whether there is such a kind is not
                looked at.
        """
        if not kind.startswith(PREFIX):
            return AgentOrder(kind=kind, directory=""), None
        template = await self.find(kind.removeprefix(PREFIX))
        return template.order, template.place

    async def load(self) -> tuple[tuple[Template, ...], tuple[str, ...]]:
        """Return all templates that are sound, and what is wrong with the others."""
        return await to_thread.run_sync(self._load)

    def _load(self) -> tuple[tuple[Template, ...], tuple[str, ...]]:
        sound: dict[str, Template] = {}
        faults = []
        for name in sorted({name for name, _ in self._files()}):
            try:
                sound[name] = self._find(name)
            except InvalidRequestError as error:
                faults.append(f"{error}. {error.hint}")
        return tuple(sound.values()), tuple(faults)

    def _find(self, name: str) -> Template:
        for found, path in self._files():
            if found == name:
                return read_template(path, shipped=path.parent == self._shipped)
        names = ", ".join(sorted({one for one, _ in self._files()}))
        raise NotFoundError(
            "template", name, hint=f"Use one of: {names}; your own stand in {self.folder}."
        )

    def _files(self) -> Iterator[tuple[str, Path]]:
        for folder in self._folders:
            try:
                paths = sorted(folder.iterdir())
            except OSError:
                continue
            for path in paths:
                if path.suffix == ".toml" and NAME.fullmatch(path.stem):
                    yield path.stem, path


def read_template(path: Path, *, shipped: bool = False) -> Template:
    """Return the template that a file holds.

    Raises:
        InvalidRequestError: It cannot be read, or something in it is wrong; it says what.
    """
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES + 1)
        if len(text) > FILE_BYTES:
            raise _unfit(path, f"it is larger than {FILE_BYTES // 1024} KiB", "Put less into it.")
        content = tomllib.loads(text.decode())
    except OSError as error:
        raise _unfit(path, str(error.strerror), "See that it can be read.") from None
    except UnicodeDecodeError:
        raise _unfit(path, "it is not UTF-8", "Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise _unfit(path, f"it is not TOML: {error}", "Mend that line.") from None
    return parse_template(path, content, shipped=shipped)


def parse_template(path: Path, content: dict[str, Any], *, shipped: bool = False) -> Template:
    """Return the template that a file's content stands for.

    Raises:
        InvalidRequestError: A key is unknown or missing, or its value is of another kind.
    """
    try:
        found = TemplateFile.model_validate(content)
    except ValidationError as error:
        raise _explained(path, error) from None
    if found.kind not in all_kinds():
        kinds = ", ".join(sorted(all_kinds()))
        raise _unfit(path, f"kind: there is no kind {found.kind!r}", f"Use one of: {kinds}.")
    if found.worktree and found.prewarm:
        why = "an agent that waits has no worktree yet, so prewarm and worktree do not go together"
        raise _unfit(path, why, "Take one of them out.")
    limits = found.limits
    order = AgentOrder(
        kind=found.kind,
        directory=found.directory,
        prompt=found.prompt,
        resume_prompt=found.resume_prompt,
        model=found.model,
        role=found.role,
        teams=tuple(TeamName(one) for one in found.teams),
        permissions=found.permissions,
        environment=found.environment,
        keep=tuple(found.keep),
        options=tuple(found.options),
        trust=found.trust,
        restart=found.restart,
        limits=Limits(
            limits.idle_seconds,
            limits.turn_seconds,
            limits.total_seconds,
            limits.silent_seconds,
            limits.restart_silent,
        ),
        template=path.stem,
        worktree=found.worktree,
        resources=limits.resources(),
    )
    place = None if found.place == "auto" else Direction(found.place)
    return Template(path.stem, path, shipped, order, place, found.prewarm)


def _explained(path: Path, error: ValidationError) -> InvalidRequestError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(one) for one in first["loc"])
    match first["type"]:
        case "extra_forbidden":
            known = LimitsTable if len(first["loc"]) > 1 else TemplateFile
            names = ", ".join(known.model_fields)
            return _unfit(path, f"{key}: there is no such key", f"The keys are: {names}.")
        case "missing":
            return _unfit(path, f"{key}: it is missing", f'Write {key} = "…".')
        case _:
            what = first["msg"][:1].lower() + first["msg"][1:]
            return _unfit(path, f"{key}: {what}", f"Change {key} in that file.")


def _unfit(path: Path, what: str, hint: str) -> InvalidRequestError:
    return InvalidRequestError(f"template {path}: {what}", hint=hint, code="template_unfit")
