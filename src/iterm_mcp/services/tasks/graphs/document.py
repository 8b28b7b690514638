r"""What a document of a graph may say.

::

    graph: release
    on_failure: compensate          # or stop, or continue, which is usual
    variables:
      directory:                    # no value: it must be given
      modules: [core, web]
    defaults: {directory: "${directory}", deadline: 20m}
    tasks:
      scan:
        run: ./find-modules --json > found.json
        files: [found.json]
      build:
        needs: scan
        fan_out: ${modules}         # or a list, or tasks.scan.output.modules
        kind: claude
        prompt: Build ${item} as ${tasks.scan.files.found.json} says.
        worktree: true
        accept: {commit: true, commands: [make test]}
        then:                       # for each element, as soon as its own build is done
          - review: {kind: codex, prompt: "Review ${tasks.build.branch}."}
      publish:
        needs: [scan, review]
        when: tasks.scan.output.count > 0
        run: ./publish
        undo: {run: ./unpublish}
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.task_graphs import FailurePolicy
from iterm_mcp.models.task_limits import OverLimit
from iterm_mcp.models.tasks import Operator
from iterm_mcp.services.resources.sizes import parse_size

MOST_SECONDS = 30 * 86400.0
MOST_ELEMENTS = 1000
"""Of one list that is fanned out over."""

NAME = r"^[A-Za-z0-9._-]{1,64}$"

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"\s*(?:\d+(?:\.\d+)?\s*[smhd]\s*)+")


def parse_duration(text: str) -> float:
    """Return the seconds of a text such as ``90s``, ``20m`` or ``1h 30m``.

    Raises:
        InvalidRequestError: It is none.
    """
    if not _DURATION.fullmatch(text):
        raise InvalidRequestError(
            f"{text[:40]!r} is no time", hint="Write it as 90s, 20m or 1h 30m, or in seconds."
        )
    found = re.findall(r"(\d+(?:\.\d+)?)\s*([smhd])", text)
    return math.fsum(float(number) * _UNITS[unit] for number, unit in found)


def _text(value: object) -> object:
    """Take numbers for texts, as which they are mostly meant; never what YAML calls booleans."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _seconds(value: object) -> object:
    return _parsed(parse_duration, value)


def _bytes(value: object) -> object:
    return _parsed(parse_size, value)


def _parsed(parse: Any, value: object) -> object:  # noqa: ANN401 - either of two functions
    if not isinstance(value, str):
        return value
    try:
        return parse(value)
    except InvalidRequestError as error:
        raise ValueError(f"{error}: {error.hint.removesuffix('.')}") from None


def _one_or_many(value: object) -> object:
    return value if isinstance(value, list) else [value]


Text = Annotated[str, BeforeValidator(_text)]
Word = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=200)]
Name = Annotated[str, BeforeValidator(_text), Field(pattern=NAME)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=MOST_SECONDS)]
Size = Annotated[int, BeforeValidator(_bytes), Field(gt=0)]
Words = Annotated[list[Word], BeforeValidator(_one_or_many)]


class Part(BaseModel):
    """A part of a document: what it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RetryPart(Part):
    """How often a task is tried, and how soon again."""

    attempts: Annotated[int, Field(ge=1, le=100)] = 3
    backoff: Seconds = 10.0
    factor: Annotated[float, Field(ge=1, le=100)] = 2.0
    most: Seconds = 900.0


class LimitsPart(Part):
    """How much of the machine it may use."""

    memory: Size | None = None
    cpu: Annotated[float, Field(gt=0, le=4096)] | None = None
    disk: Size | None = None
    processes: Annotated[int, Field(ge=1)] | None = None
    over: OverLimit = OverLimit.STOP


class AcceptPart(Part):
    """What must be found to be so before it counts as done."""

    exit_codes: Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=1)] = [0]
    output: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    commands: Annotated[list[Word], BeforeValidator(_one_or_many)] = []
    commit: bool = False
    pull_request: bool = False


class FanOutPart(Part):
    """A list for each element of which there is to be a task."""

    over: list[Any] | str
    most: Annotated[int, Field(ge=1, le=MOST_ELEMENTS)] = 100


class WhenPart(Part):
    """A condition, where it does not fit on a line: exactly one of the operators."""

    value: Word
    equals: Any = None
    differs: Any = None
    less: float | Text | None = None
    more: float | Text | None = None
    contains: Any = None
    matches: Text | None = None
    exists: bool | None = None

    def given(self) -> list[Operator]:
        """Return the operators that it has."""
        return [one for one in Operator if one.value in self.model_fields_set]


class SharedPart(Part):
    """What all tasks may have in common.

    Attributes:
        kind: Of the agent; ``auto`` for whichever is chosen.
        work: What kind of work it is: who does it is chosen, and how it went is kept, by that.
    """

    kind: Word | None = None
    work: Word | None = None
    directory: Text | None = None
    template: Text = ""
    environment: dict[str, Text] = {}
    worktree: bool = False
    team: Text = ""
    account: Text = ""
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    deadline: Seconds = 1800.0
    stall: Seconds | None = None
    retry: RetryPart = RetryPart()
    limits: LimitsPart = LimitsPart()
    accept: AcceptPart = AcceptPart()
    labels: dict[str, Text] = {}
    not_before: AwareDatetime | None = None


class TaskPart(SharedPart):
    """A task: ``run`` is a command line, ``prompt`` is what an agent is told."""

    run: Text | None = None
    prompt: Text | None = None
    needs: Words = []
    when: Annotated[list[WhenPart | Text], BeforeValidator(_one_or_many)] = []
    fan_out: FanOutPart | list[Any] | Text | None = None
    files: Words = []
    then: list[dict[Name, TaskPart]] = []
    undo: TaskPart | None = None


class GraphPart(Part):
    """A whole document."""

    graph: Name
    description: Text = ""
    on_failure: FailurePolicy = FailurePolicy.CONTINUE
    variables: dict[Variable, Any] = {}
    defaults: SharedPart = SharedPart()
    tasks: dict[Name, TaskPart] = Field(min_length=1)


EXAMPLES = {
    "graph": "graph: a-name, of letters, digits, dots, underscores and hyphens",
    "tasks": "tasks:, and below it names of tasks, such as build: {run: make}",
    "on_failure": "on_failure: stop, continue or compensate",
    "deadline": "deadline: 20m, or a number of seconds",
    "stall": "stall: 5m, or a number of seconds",
    "backoff": "backoff: 10s, or a number of seconds",
    "memory": "memory: 2GB",
    "disk": "disk: 500MB",
    "over": "over: warn, pause or stop",
    "needs": "needs: [a-task, another], or one with a star for many: build-*",
    "when": "when: tasks.NAME.output.count > 0",
    "fan_out": "fan_out: [a, b], or tasks.NAME.output.a-list",
    "value": "value: tasks.NAME.output.count",
    "then": "then:, and below it a list such as - review: {kind: claude, prompt: Review it.}",
    "attempts": "attempts: 3",
    "work": "work: a word for the kind of work, such as bugfix",
    "not_before": "not_before: 2026-11-22T08:00:00Z",
}
