"""Kinds of agents that are described by a TOML file instead of a module.

The user's stand in the state folder's ``kinds/``; ``agents/manifests`` has those that ship, as
examples. Patterns are Python's regular expressions, looked for in single rows of the screen.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from iterm_mcp.agents.key_names import read_keys
from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

MANIFEST_BYTES = 64 * 1024


def _check_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


def _check_composer(text: str) -> str:
    if "text" not in re.compile(_check_pattern(text)).groupindex:
        raise ValueError("no group (?P<text>…) for what a person has typed")
    return text


def _check_keys(text: str) -> str:
    read_keys(text)
    return text


Pattern = Annotated[str, AfterValidator(_check_pattern)]
Keys = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_keys)]
Words = tuple[str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StartPart(_Part):
    """``[start]``: how it is found and started."""

    program: Annotated[str, StringConstraints(min_length=1)] = Field(
        description='the program\'s name or path, such as "aider"'
    )
    arguments: Words = Field(default=(), description='a list of texts, such as ["--no-color"]')
    version: Words = Field(
        default=(), description='the arguments that print its version: ["--version"]'
    )
    model: Words = Field(
        default=(), description='a list with {model} in it: ["--model", "{model}"]'
    )
    prompt: Words = Field(
        default=(), description='a list with {prompt} in it: ["--message={prompt}"]'
    )
    resume: Words = Field(
        default=(),
        description='a list, {conversation} may stand in it: ["--resume", "{conversation}"]',
    )
    permissions: Words = Field(default=(), description="a list with {permissions} in it")
    environment: dict[str, str] = Field(
        default={}, description='a table of texts: {NO_COLOR = "1"}'
    )
    processes: Words = Field(
        default=(), description="names of its process; without them, the program's own"
    )


class ComposerPart(_Part):
    """``[composer]``: where a person writes, and how a text gets in there."""

    pattern: Annotated[str, AfterValidator(_check_composer)] = Field(
        description="a regular expression for its row, '^> (?P<text>.*)$'"
    )
    rows_below: int = Field(
        default=2, ge=0, le=20, description="how many rows with text stand below it"
    )
    cursor: bool = Field(
        default=True, description="true when the cursor stands in that row, false when anywhere"
    )
    paste: bool = Field(default=True, description="true when texts are pasted, false when typed")
    newline: Keys | None = Field(
        default=None,
        description='for paste = false: the keys of a new line, such as "<meta-enter>"',
    )
    submit: Keys = Field(default="<enter>", description='keys, such as "<enter>"')
    pause_seconds: float = Field(
        default=0.2, ge=0, le=5, description="seconds between text and submit"
    )
    clear: Keys = Field(default="<ctrl-e><ctrl-u>", description='keys, such as "<ctrl-e><ctrl-u>"')
    commands: str = Field(default="", description='characters that begin its own commands: "/!"')


class ScreenPart(_Part):
    """``[screen]``: what its screen shows besides."""

    busy: tuple[Pattern, ...] = Field(default=(), description="a list of regular expressions")
    busy_rows: int = Field(
        default=6, ge=1, le=50, description="in how many of the last rows, 1 to 50"
    )
    otherwise: Literal["busy", "nothing"] = Field(
        default="busy", description='"busy" or "nothing": what a screen without composer tells'
    )


class DialogPart(_Part):
    """``[[dialog]]``: a question that it asks, and the keys for each answer."""

    pattern: Pattern = Field(description="a regular expression for one of the last rows")
    rows: int = Field(default=3, ge=1, le=50, description="in how many of the last rows, 1 to 50")
    asks: Literal["permission", "question"] = Field(
        default="permission", description='"permission" or "question"'
    )
    tool: str = Field(default="", description="the tool that it wants to use")
    options: Words = Field(min_length=1, description='a list of texts: ["Yes", "No"]')
    answers: tuple[Keys, ...] = Field(
        min_length=1, description='the keys for each option: ["y<enter>", "n<enter>"]'
    )

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if len(self.options) != len(self.answers):
            raise ValueError("options and answers must be of the same length")
        return self


class GatePart(_Part):
    """``[[gate]]``: what stands before its composer at the start, for a person to pass."""

    name: Annotated[str, StringConstraints(min_length=1)] = Field(
        description='a word, such as "trust" or "login"'
    )
    pattern: Pattern = Field(description="a regular expression for one of the last rows")
    rows: int = Field(default=15, ge=1, le=50, description="in how many of the last rows, 1 to 50")


class KeysPart(_Part):
    """``[keys]``: what interrupts and ends it."""

    interrupt: Keys = Field(default="<ctrl-c>", description='keys, such as "<escape>"')
    quit: Keys = Field(default="<ctrl-d>", description='keys, such as "/exit<enter>"')


class Manifest(_Part):
    """A whole file."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")] = Field(
        description='lower-case letters, digits and -, such as "aider"'
    )
    about: str = Field(default="", description="a sentence for people")
    while_busy: Literal["keeps", "steers", "refuses"] = Field(
        default="refuses",
        description='what it does with a message amid a turn: "keeps", "steers" or "refuses"',
    )
    start: StartPart = Field(description="a table [start] with program")
    composer: ComposerPart = Field(description="a table [composer] with pattern")
    screen: ScreenPart = Field(default=ScreenPart(), description="a table")
    keys: KeysPart = Field(default=KeysPart(), description="a table")
    dialog: tuple[DialogPart, ...] = Field(default=(), description="tables [[dialog]]")
    gate: tuple[GatePart, ...] = Field(default=(), description="tables [[gate]]")


def read_manifest(path: Path) -> Manifest:
    """Read a kind's description.

    Raises:
        InvalidRequestError: It cannot be read, or something in it does not fit: the message names
            the file and the key, the hint says what to write there.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MANIFEST_BYTES + 1)
    except OSError as error:
        raise _problem(path, str(error.strerror), "Make it readable, or remove it.") from None
    if len(data) > MANIFEST_BYTES:
        raise _problem(path, f"more than {MANIFEST_BYTES} bytes", "Is it a manifest at all?")
    return parse_manifest(data, path)


def parse_manifest(data: bytes, path: Path) -> Manifest:
    """Read a description from its bytes; see `read_manifest`."""
    try:
        return Manifest.model_validate(tomllib.loads(data.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _problem(path, f"not TOML: {error}", "Mend the line that it names.") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            what = "there is no such key"
        hint = _hint([part for part in first["loc"] if isinstance(part, str)], first["type"])
        raise _problem(path, f"{key}: {what}" if key else what, hint) from None


def _problem(path: Path, what: str, hint: str) -> InvalidRequestError:
    return InvalidRequestError(f"{path}: {what}", hint=hint, code="kind_manifest")


def _hint(keys: Sequence[str], problem: str) -> str:
    """Say what to write at a key, from the descriptions of the fields."""
    part: type[BaseModel] = Manifest
    for at, key in enumerate(keys):
        field = part.model_fields.get(key)
        if field is None or problem == "extra_forbidden":
            inner = field.annotation if field is not None else None
            if at < len(keys) - 1 and (deeper := _model_in(inner)) is not None:
                part = deeper
                continue
            return f"Use one of: {', '.join(part.model_fields)}."
        deeper = _model_in(field.annotation)
        if at == len(keys) - 1 or deeper is None:
            return f"Write {field.description}."
        part = deeper
    return "See the example aider.toml."


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the table that a field holds, or a list of."""
    for one in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None
