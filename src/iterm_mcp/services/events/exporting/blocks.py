"""What stands on a page, before anybody decides how it looks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.accounts import Account


@dataclass(frozen=True, slots=True)
class Heading:
    """What the next blocks are about."""

    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph.

    Attributes:
        dim: It matters less.
    """

    text: str
    dim: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """A few figures with their names."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under heads; numbers stand to the right."""

    heads: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A conversation's timeline with its heading, where it can be drawn."""

    account: Account


@dataclass(frozen=True, slots=True)
class Item:
    """An event: when, which kind, about what, how long and how dear; and all that it says."""

    when: str
    kind: str
    subject: str
    figures: str
    body: str
    failed: bool


Block = Heading | Line | Facts | Table | Picture | Item
