"""By whom work is done, and how that is chosen: ``choosing.toml`` in the state folder.

::

    method = "thompson"        # or "fixed", "rules"
    default = "careful"
    success_dollars = 5.0      # what a success is worth
    explore = 0.05             # the least share of choices at random

    [arms.careful]
    kind = "claude"
    template = "opus-high"
    model = "opus"
    effort = "high"

    [arms.quick]
    kind = "codex"

    [[rules]]
    arm = "quick"
    task = "backlog"
    most_characters = 4000

    [tasks.review]             # another way for one kind of work
    method = "fixed"
    default = "quick"
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.choosing import Arm, Method
from iterm_mcp.services.choosing.thompson import Worth

if TYPE_CHECKING:
    from iterm_mcp.models.tasks import TaskSpec

MOST_FILE_BYTES = 256 << 10
MOST_ARMS = 100
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

_Name = Annotated[str, Field(pattern=_NAME)]
_Dollars = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ArmTable(_Part):
    """One way of doing work; see `iterm_mcp.models.choosing.Arm`."""

    kind: _Name
    template: str = ""
    model: str = ""
    effort: str = ""
    strategy: str = ""
    prefix: Annotated[str, Field(max_length=20_000)] = ""
    environment: dict[str, str] = {}

    def arm(self, name: str) -> Arm:
        """Return it as the rest of the program knows it."""
        return Arm(name, **dict(self))


class Rule(_Part):
    """When an arm is taken: all that is said must hold.

    Attributes:
        task: The kind of work.
        kind: The kind of agent that was asked for.
        least_characters, most_characters: Of the prompt.
    """

    arm: str
    task: str | None = None
    kind: str | None = None
    team: str | None = None
    labels: dict[str, str] = {}
    least_characters: Annotated[int, Field(ge=0)] = 0
    most_characters: int | None = None

    def takes(self, spec: TaskSpec, task: str) -> bool:
        """Tell whether it is about a task."""
        size = len(spec.prompt)
        return (
            self.task in {None, task}
            and self.kind in {None, spec.kind}
            and self.team in {None, spec.team}
            and self.labels.items() <= dict(spec.labels).items()
            and self.least_characters <= size
            and (self.most_characters is None or size <= self.most_characters)
        )


class TaskTable(_Part):
    """Another way to choose for one kind of work.

    Attributes:
        arms: Only these.
    """

    method: Method | None = None
    default: str | None = None
    arms: list[str] | None = None


class ChoosingSettings(_Part):
    """Everything that may be set.

    Attributes:
        days: How long an outcome counts.
        recent: So many attempts are held against all before, to notice a change.
        least_past: So many must be before.
        drift_alpha: How often at most a change may be told where there is none.
    """

    method: Method = Method.FIXED
    default: str = ""
    success_dollars: _Dollars = 5.0
    hour_dollars: _Dollars = 0.0
    explore: _Share = 0.05
    warm_up: _Share = 0.3
    least: Annotated[int, Field(ge=1, le=10_000)] = 5
    days: Annotated[int, Field(ge=1, le=3650)] = 90
    recent: Annotated[int, Field(ge=5, le=1000)] = 20
    least_past: Annotated[int, Field(ge=5, le=1000)] = 20
    drift_alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    arms: Annotated[dict[_Name, ArmTable], Field(max_length=MOST_ARMS)] = {}
    rules: Annotated[list[Rule], Field(max_length=1000)] = []
    tasks: dict[str, TaskTable] = {}

    @model_validator(mode="after")
    def _known(self) -> ChoosingSettings:
        wanted = [("default", self.default)] if self.default else []
        wanted += [(f"rules.{number}", one.arm) for number, one in enumerate(self.rules)]
        for name, table in self.tasks.items():
            place = f"tasks.{name}"
            wanted += [(place, one) for one in table.arms or ()]
            wanted += [(place, table.default)] if table.default else []
        for place, arm in wanted:
            if arm not in self.arms:
                raise ValueError(f"{place}: there is no arm {arm!r}")
        return self

    @property
    def worth(self) -> Worth:
        """What counts how much."""
        return Worth(
            self.success_dollars, self.hour_dollars, self.explore, self.warm_up, self.least
        )

    def method_for(self, task: str) -> Method:
        """Return how an arm is chosen for a kind of work."""
        return self._of(task).method or self.method

    def arms_for(self, task: str) -> dict[str, Arm]:
        """Return the arms that may be chosen for a kind of work, in the file's order."""
        only = self._of(task).arms
        return {
            name: table.arm(name)
            for name, table in self.arms.items()
            if only is None or name in only
        }

    def default_for(self, task: str) -> str:
        """Return the arm that is taken when nothing speaks for another; the first without one."""
        arms = self.arms_for(task)
        wanted = self._of(task).default or self.default
        return wanted if wanted in arms else next(iter(arms), "")

    def _of(self, task: str) -> TaskTable:
        return self.tasks.get(task, TaskTable())


def read_choosing(path: str) -> ChoosingSettings:
    """Read the user's file; without one there is no arm, and nothing is chosen. Reads the disk.

    Raises:
        InvalidRequestError: It cannot be understood.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_FILE_BYTES + 1)
        if len(data) > MOST_FILE_BYTES:
            raise ValueError(f"it has more than {MOST_FILE_BYTES} bytes")  # noqa: TRY301
        return ChoosingSettings.model_validate(tomllib.loads(data.decode("utf-8")))
    except FileNotFoundError:
        return ChoosingSettings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(one) for one in first["loc"])
        words = f"{where}: {first['msg']}" if where else first["msg"]
    except (OSError, ValueError) as error:
        words = str(error)
    raise InvalidRequestError(f"{path}: {words}", hint="Mend the file.", code="bad_choosing_file")
