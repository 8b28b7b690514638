"""How much work is done at once, as the user writes it: ``tasks.toml`` in the state folder.

Everything may be left out, the file as well::

    most_at_once = 5               # tasks, over all
    starts_per_minute = 30         # 0 for any number
    ageing_seconds = 300           # a task that waits so long counts as one priority higher;
                                   # one that lacks memory is not overtaken from then on

    [each.team]                    # of every team, repository, account or kind that is not named
    most_at_once = 3

    [teams.backend]
    most_at_once = 2
    starts_per_minute = 6

    [repositories."~/src/app"]     # it, and all below
    most_at_once = 1

    [accounts.work]
    starts_per_minute = 10

    [kinds.claude]
    most_at_once = 4
    memory = "1GB"                 # what one is thought to need, where its task has no limit

    [admission]
    least_memory = "1GB"           # stays available on the machine
    memory = "512MB"               # what any other kind is thought to need
    most_load = 4.0                # processes that want each processor, over a minute; 0 for any
    most_cpu_pressure = 0          # percent of the last 10 s in which something waited for a
    most_memory_pressure = 20      # processor, for memory; 0 for any
    busy_patience = 60             # seconds that a busy machine keeps all waiting: then one starts
    least_disk = "2GB"             # stays free where the task works
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from anyio import to_thread
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.resources.sizes import parse_size
from iterm_mcp.services.toml_lines import line_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_FILE_BYTES = 256 << 10


def _bytes(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_size(value)
    except InvalidRequestError as error:
        raise ValueError(f"{error}; {error.hint}") from None


_Size = Annotated[int, BeforeValidator(_bytes), Field(ge=0, le=2**60)]
_AtOnce = Annotated[int, Field(ge=0, le=10_000)]
_Rate = Annotated[float, Field(ge=0, le=100_000)]
_Percent = Annotated[float, Field(ge=0, le=100)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Share(_Part):
    """How much of the work may be of one team, repository, account or kind.

    Attributes:
        most_at_once: 0 sets no limit.
        starts_per_minute: 0 sets no limit.
    """

    most_at_once: _AtOnce = 0
    starts_per_minute: _Rate = 0.0


class KindShare(Share):
    """How much of the work may be of one kind.

    Attributes:
        memory: Bytes that one is thought to need; None for what any kind is.
    """

    memory: _Size | None = None


class Each(_Part):
    """What holds for every one that is not named."""

    team: Share = Share()
    repository: Share = Share()
    account: Share = Share()
    kind: Share = Share()


class AdmissionSettings(_Part):
    """What a machine must still have for anything to start on it."""

    least_memory: _Size = 10**9
    memory: _Size = 512 * 10**6
    most_load: Annotated[float, Field(ge=0, le=1000)] = 4.0
    most_cpu_pressure: _Percent = 0.0
    most_memory_pressure: _Percent = 20.0
    busy_patience: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    least_disk: _Size = 2 * 10**9


class TaskSettings(_Part):
    """Everything that may be set."""

    most_at_once: Annotated[int, Field(ge=0, le=10_000)] = 5
    starts_per_minute: _Rate = 0.0
    ageing_seconds: Annotated[float, Field(gt=0, le=30 * 86400)] = 300.0
    each: Each = Each()
    teams: dict[str, Share] = {}
    repositories: dict[str, Share] = {}
    accounts: dict[str, Share] = {}
    kinds: dict[str, KindShare] = {}
    admission: AdmissionSettings = AdmissionSettings()

    def team(self, name: str) -> Share:
        """Return what holds for a team."""
        return self.teams.get(name, self.each.team)

    def account(self, name: str) -> Share:
        """Return what holds for an account."""
        return self.accounts.get(name, self.each.account)

    def kind(self, name: str) -> Share:
        """Return what holds for a kind."""
        return self.kinds.get(name, self.each.kind)

    def repository(self, path: str) -> Share:
        """Return what holds for a repository; of several paths above it the longest counts."""
        above = {
            Path(one).expanduser(): share
            for one, share in self.repositories.items()
            if Path(path).is_relative_to(Path(one).expanduser())
        }
        nearest = max(above, key=lambda one: len(one.parts), default=None)
        return self.each.repository if nearest is None else above[nearest]

    def memory_for(self, kind: str) -> int:
        """Return the bytes that a task of a kind is thought to need."""
        known = self.kinds.get(kind)
        own = None if known is None else known.memory
        return self.admission.memory if own is None else own


class TaskSettingsFile:
    """Reads the file again when it has changed.

    Attributes:
        problem: What is wrong with the file as it is now; None when it is understood. Meanwhile
            what was understood last holds.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._seen: tuple[int, int, int] | None = None
        self._settings = TaskSettings()
        self.problem: InvalidRequestError | None = None

    @property
    def last(self) -> TaskSettings:
        """What was understood last; all by default before."""
        return self._settings

    async def load(self) -> TaskSettings:
        """Return what the file says now, or said when it was last understood."""
        return await to_thread.run_sync(self.load_now)

    def load_now(self) -> TaskSettings:
        """Do the same in a thread."""
        try:
            found = self._path.stat()
            seen = found.st_mtime_ns, found.st_size, found.st_ino
            if seen == self._seen:
                return self._settings
            self._settings, self.problem = read_task_settings(self._path), None
            self._seen = seen
        except FileNotFoundError:
            self._seen, self._settings, self.problem = None, TaskSettings(), None
        except OSError as error:
            self.problem = _bad(self._path, str(error.strerror), "See that it can be read.")
        except InvalidRequestError as error:
            self.problem = error
        return self._settings


def read_task_settings(path: Path) -> TaskSettings:
    """Read the user's file. Reads the disk.

    Raises:
        InvalidRequestError: It cannot be understood; the error names the line.
        OSError: It is not there, or cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(MOST_FILE_BYTES + 1)
    if len(content) > MOST_FILE_BYTES:
        raise _bad(path, f"it has more than {MOST_FILE_BYTES} bytes", "Put less into it.")
    try:
        return parse_task_settings(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise _bad(path, "it is not UTF-8", "Save it as UTF-8.") from None
    except InvalidRequestError as error:
        raise _bad(path, str(error), error.hint) from None


def parse_task_settings(text: str) -> TaskSettings:
    """Return what a text of TOML says.

    Raises:
        InvalidRequestError: It cannot be understood; the error names the line.
    """
    try:
        return TaskSettings.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequestError(
            f"it is no TOML: {error}", hint="Mend that line.", code="bad_tasks_file"
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _explained(text, dict(first)) from None


def _explained(text: str, first: Mapping[str, Any]) -> InvalidRequestError:
    path = [str(one) for one in first["loc"]]
    line = line_of(text, path)
    place = f"line {line}: " if line else ""
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        names = ", ".join(_model_at(path[:-1]).model_fields)
        return InvalidRequestError(
            f"{place}{key}: there is no such key", hint=f"The keys are: {names}.",
            code="bad_tasks_file",
        )  # fmt: skip
    what = first["msg"].removeprefix("Value error, ")
    return InvalidRequestError(
        f"{place}{key}: {what[:1].lower()}{what[1:]}", hint=f"Change {key}.", code="bad_tasks_file"
    )


def _model_at(path: list[str]) -> type[BaseModel]:
    """Return what describes a table of the file."""
    match path:
        case ["admission"]:
            return AdmissionSettings
        case ["each"]:
            return Each
        case ["kinds", _]:
            return KindShare
        case [_, _]:
            return Share
        case _:
            return TaskSettings


def _bad(path: Path, what: str, hint: str) -> InvalidRequestError:
    return InvalidRequestError(f"{path}: {what}", hint=hint, code="bad_tasks_file")
