"""SVG pictures, read back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from tests.unit.host.rendering.views import view_of

from iterm_mcp.host.rendering.shapes import HEIGHT, WIDTH
from iterm_mcp.host.rendering.svg import render_svg

if TYPE_CHECKING:
    from iterm_mcp.host.rendering.view import View

NAMESPACE = "{http://www.w3.org/2000/svg}"


class Letter(NamedTuple):
    row: int
    column: float
    text: str


class Picture:
    """A picture of a view, whose elements can be looked at."""

    def __init__(self, view: View) -> None:
        self.svg = render_svg(view)
        self.root = ET.fromstring(self.svg)

    def all(self, tag: str) -> list[ET.Element]:
        return list(self.root.iter(NAMESPACE + tag))

    def letters(self) -> list[Letter]:
        """Each letter or cluster, with the cell it stands at."""
        found = []
        for row in self.root.iter(NAMESPACE + "g"):
            moved = re.fullmatch(r"translate\(0 (\d+)\)", row.get("transform", ""))
            for text in row.iter(NAMESPACE + "text") if moved else ():
                assert moved is not None
                assert text.text is not None
                places = [float(place) for place in text.attrib["x"].split()]
                parts = list(text.text) if len(places) > 1 else [text.text]
                half = WIDTH / 2 if text.get("text-anchor") == "middle" else 0
                found += [
                    Letter(int(moved[1]) // HEIGHT, (place - half) / WIDTH, part)
                    for place, part in zip(places, parts, strict=True)
                    if part != " "
                ]
        return found

    def painted(self, color: str) -> str:
        """The outlines of what is filled with a colour."""
        return "".join(path.attrib["d"] for path in self.all("path") if path.get("fill") == color)


def picture_of(printed: str, *, columns: int = 40, rows: int = 4, cursor: bool = False) -> Picture:
    return Picture(view_of(printed, columns=columns, rows=rows, cursor=cursor))
