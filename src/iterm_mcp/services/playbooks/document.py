r"""What a playbook may say, and what is wrong with one that says something else.

::

    playbook: build-and-test
    description: Build, and test what was built.
    variables:
      directory:            # no value: it must be given
      target: all
    steps:
      - layout:
          split: columns
          children:
            - {name: build, directory: "${directory}"}
            - {name: ann, agent: {name: ann, kind: claude, teams: [crew]}}
      - start: {beside: build, agents: {bob: {kind: "template:reviewer", teams: [crew]}}}
      - run: {in: build, command: "make ${target}", timeout: 600, save: made}
      - wait: {team: crew, until: ready, timeout: 60}
      - tell: {agents: {ann: "Look at what make said:\n${made}"}, until: ended, timeout: 900}
      - wait: {in: build, pattern: "listening on (.*)"}
      - read: {in: ann, lines: 40, save: answer}
      - note: {key: review, value: "${answer}"}
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from iterm_mcp.services.output.waiting import Condition  # noqa: TC001 - read when it runs
from iterm_mcp.services.states.waits import Until

LONGEST_SECONDS = 24 * 3600.0
MOST_STEPS = 500


def _text(value: object) -> object:
    """Take numbers for texts, as which they are mostly meant; never what YAML calls booleans."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_text)]
Word = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=100)]
Seconds = Annotated[float, Field(gt=0, le=LONGEST_SECONDS)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class Part(BaseModel):
    """A part of a playbook: what it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PaneAgentPart(Part):
    """The agent of a pane, with the teams it joins.

    One of a kind, or of ``template:`` and a name, is started, unless the pane has a command; a
    shell is registered.
    """

    name: Word
    kind: Word = "shell"
    prompt: Text = ""
    role: Text = ""
    teams: list[Word] = []


class LayoutPart(Part):
    """A pane, or a split with two or more children."""

    split: Literal["columns", "rows"] | None = None
    children: list[LayoutPart] = []
    size: Annotated[float, Field(gt=0)] = 1.0
    name: Word | None = None
    command: Text | None = None
    directory: Text | None = None
    profile: Text | None = None
    environment: dict[str, Text] = {}
    agent: PaneAgentPart | None = None

    def panes(self) -> list[LayoutPart]:
        """Return the panes in reading order."""
        if self.split is None:
            return [self]
        return [pane for child in self.children for pane in child.panes()]


class StartAgentPart(Part):
    """An agent to be started: a kind, or ``template:`` and a name; the rest as it wishes."""

    kind: Word
    prompt: Text = ""
    directory: Text = ""
    role: Text = ""
    teams: list[Word] = []
    environment: dict[str, Text] = {}


class StartPart(Part):
    """Agents to be started all at once, by name, beside a session or in windows of their own."""

    agents: dict[str, StartAgentPart] = Field(min_length=1, max_length=64)
    where: Word | None = Field(None, alias="beside")


class RunPart(Part):
    """A command in a shell."""

    where: Word = Field(alias="in")
    command: Text = Field(min_length=1)
    timeout: Seconds = 60.0
    expect: Annotated[int, Field(ge=0, le=255)] | Literal["any"] = 0
    save: Variable | None = None


class TellPart(Part):
    """Texts for agents, for each the most specific one; and how far they must come."""

    everybody: Text | None = None
    teams: dict[str, Text] = {}
    agents: dict[str, Text] = {}
    until: Literal["written", "submitted", "started", "ended"] | None = None
    timeout: Seconds = 60.0


class WaitPart(Part):
    """For a session: a pattern or a condition. For a team: a state of its agents."""

    where: Word | None = Field(None, alias="in")
    pattern: Text | None = None
    condition: Condition | None = Field(None, alias="for")
    idle: Annotated[float, Field(gt=0, le=600)] = 1.0
    team: Word | None = None
    until: Until = Until.READY
    timeout: Seconds = 60.0
    save: Variable | None = None


class ReadPart(Part):
    """The end of a session's output."""

    where: Word = Field(alias="in")
    lines: Annotated[int, Field(ge=1, le=2000)] = 50
    save: Variable | None = None


class NotePart(Part):
    """A note for others."""

    key: Text = Field(min_length=1)
    value: Text
    namespace: Word = "shared"


class StepPart(Part):
    """One step: exactly one of these."""

    layout: LayoutPart | None = None
    start: StartPart | None = None
    run: RunPart | None = None
    tell: TellPart | None = None
    wait: WaitPart | None = None
    read: ReadPart | None = None
    note: NotePart | None = None

    @property
    def verb(self) -> str:
        """Which one it is."""
        return next(name for name in VERBS if getattr(self, name) is not None)

    @property
    def part(self) -> Any:  # noqa: ANN401 - one of the parts
        """Its content."""
        return getattr(self, self.verb)


VERBS = tuple(StepPart.model_fields)


class Playbook(Part):
    """A whole playbook."""

    playbook: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    description: Text = ""
    variables: dict[Variable, Text | None] = {}
    steps: list[StepPart] = Field(min_length=1, max_length=MOST_STEPS)
