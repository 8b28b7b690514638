"""Marks in the text of one file. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.models.backlog import Where
from iterm_mcp.services.backlog.identity import content_of, place_of
from iterm_mcp.services.backlog.lexing import Regions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEFAULT_TAGS = ("TODO", "FIXME", "HACK", "XXX")
LINES_AROUND = 5
NEAR = 50
"""Lines in which the next one that is not empty is looked for."""
MOST_LINE = 1000
"""A longer line was not written by a person."""
MOST_TEXT = 500
MOST_UP = 400
"""Lines in which the beginning of a function is looked for."""
MOST_SHOWN = 200

_WORD = r"[A-Za-z0-9_]"
_CLOSERS = re.compile(r"\s*(?:\*+/|-->|-\}|\]\]|\|#|\"\"\"|''')?\s*$")
_LEADERS = re.compile(r"[\s#/*;%!<>\-\u2013\u2014\"'`@.:|({\[]*")
_NAME = re.compile(r"[A-Za-z][\w.@ -]{0,60}")
_DEFINES = re.compile(
    r"\s*(?:(?:export|default|async|public|private|protected|internal|static|final|abstract|"
    r"override|virtual|inline|unsafe|extern|pub(?:\([^)]*\))?)\s+)*"
    r"(?:def|class|function|func|fn|fun|sub|impl|trait|struct|interface|enum|module|object|proc)\b"
)
_C_FUNCTION = re.compile(r"[A-Za-z_][\w\s*&:<>,~]*\([^;]*$")


@dataclass(frozen=True, slots=True)
class Found:
    """A mark in one file; see `iterm_mcp.models.backlog.Mark`."""

    tag: str
    text: str
    line: int
    where: Where
    content: str
    place: str
    named: str
    own_line: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    function: str


@dataclass(frozen=True, slots=True)
class Finder:
    """What counts as a mark.

    Attributes:
        where: In what it may stand.
        anywhere: It counts wherever it stands in a comment; else only where it begins one of its
            lines, or has a ``:``, ``(`` or ``[`` behind it: people write about marks, too.
    """

    tags: tuple[str, ...] = DEFAULT_TAGS
    where: frozenset[Where] = frozenset({Where.COMMENT, Where.TEXT})
    ignore_case: bool = False
    anywhere: bool = False

    def find(self, path: str, text: str) -> Iterator[Found]:
        """Return the marks of a file, one a line at most."""
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        regions = Regions(path, text)
        pattern = self._pattern()
        offset = 0
        for number, line in enumerate(lines):
            if len(line) <= MOST_LINE:
                for match in pattern.finditer(line):
                    where = regions.at(offset + match.start())
                    begins = max(regions.start(offset + match.start()) - offset, 0)
                    if where in self.where and self._meant(line, match, where, begins):
                        yield _found(lines, number, match, where)
                        break
            offset += len(line) + 1

    def _pattern(self) -> re.Pattern[str]:
        # The longest first, or `TODO` would be found where `TODO-LATER` stands.
        words = "|".join(re.escape(one) for one in sorted(self.tags, key=len, reverse=True))
        return re.compile(
            rf"(?<!{_WORD})(?P<tag>{words})(?!{_WORD})(?P<rest>[^\n]*)",
            re.IGNORECASE if self.ignore_case else 0,
        )

    def _meant(self, line: str, match: re.Match[str], where: Where, begins: int) -> bool:
        if line[: match.start()].endswith("`"):
            return False  # it is quoted
        if match["rest"][:1] in {":", "(", "["}:
            return True
        if where is Where.TEXT:
            return False
        return self.anywhere or not _LEADERS.sub("", line[begins : match.start()], count=1)


LOOSEST = frozenset(Where)
"""A `Finder` that takes a word wherever it stands."""


def _found(lines: Sequence[str], number: int, match: re.Match[str], where: Where) -> Found:
    named, text = _read(match["rest"])
    line = lines[number]
    before = tuple(lines[max(0, number - LINES_AROUND) : number])
    after = tuple(lines[number + 1 : number + 1 + LINES_AROUND])
    return Found(
        match["tag"], text, number + 1, where, content_of(match["tag"], text),
        place_of(_near(reversed(lines[max(0, number - NEAR) : number])), line[: match.start()],
                 _near(lines[number + 1 : number + 1 + NEAR])),
        named, line, before, after, _function(lines, number),
    )  # fmt: skip


def _read(rest: str) -> tuple[str, str]:
    """Return who or what is named behind a tag, and what is said."""
    named = ""
    bracketed = re.match(r"\s?[(\[]([^()\[\]]{0,100})[)\]]", rest)
    if bracketed:
        named, rest = bracketed[1].strip(), rest[bracketed.end() :]
    rest = re.sub(r"^[\s:\-\u2013\u2014]+", "", rest)
    if not named and (mention := re.match(r"@([\w.-]{1,60})[\s:,]*", rest)):
        named, rest = mention[1], rest[mention.end() :]
    text = _CLOSERS.sub("", rest)[:MOST_TEXT]
    return (named.lstrip("@") if _NAME.fullmatch(named.lstrip("@")) else ""), text


def _near(lines: Iterator[str] | Sequence[str]) -> str:
    return next((line for line in lines if line.strip()), "")


def _indent(line: str) -> int:
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip())


def _function(lines: Sequence[str], number: int) -> str:
    """Return the line that begins what a line stands in; empty when none is seen."""
    most = _indent(lines[number])
    for line in reversed(lines[max(0, number - MOST_UP) : number]):
        if not line.strip():
            continue
        indent = _indent(line)
        if indent < most and (_DEFINES.match(line) or (not indent and _C_FUNCTION.match(line))):
            return line.strip()[:MOST_SHOWN]
    return ""
