"""The fonts of PDF pages: what they lack is told beforehand, and taken from others.

They come with the optional extra ``iterm-mcp[pdf]``. Letters of Arabic and of India's scripts are
not joined: that would need a library for shaping.
"""

from __future__ import annotations

from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont, newTable
from fontTools.varLib.instancer import instantiateVariableFont

if TYPE_CHECKING:
    from fpdf import FPDF

TEXT, CODE, EAST = "text", "code", "east"
WEIGHT = 400
MISSING = "\N{REPLACEMENT CHARACTER}"
LATIN = range(0x20, 0x250)

_LIMITS = (
    "maxTwilightPoints", "maxStorage", "maxFunctionDefs", "maxInstructionDefs", "maxStackElements",
    "maxSizeOfInstructions", "maxComponentElements", "maxComponentDepth", "maxPoints",
    "maxContours", "maxCompositePoints", "maxCompositeContours",
)  # fmt: skip


def add_fonts(pdf: FPDF, characters: set[str], folder: Path) -> dict[int, str]:
    """Give a document its fonts, and return what stands for characters that none of them has.

    Args:
        characters: All that the document will show.
        folder: Of fonts that are made for it, as long as it is drawn.
    """
    sans, mono = _files("manimgx_fonts"), _files("fontpkg_jetbrains_mono")
    pdf.add_font(TEXT, fname=sans["NotoSans[wght].ttf"])
    pdf.add_font(CODE, fname=mono["JetBrainsMono[wght].ttf"])
    wanted = {ord(one) for one in characters if ord(one) not in LATIN}
    others = [CODE]
    wanted -= _known(mono["JetBrainsMono[wght].ttf"])
    in_text = wanted - _known(sans["NotoSans[wght].ttf"])
    for name, path in sorted(sans.items()):
        if not in_text or "Italic" in name:
            continue
        known = _known(path)
        if in_text & known:
            family = name.partition("[")[0].lower()
            pdf.add_font(family, fname=path)
            others.append(family)
            in_text -= known
    if in_text:
        path = folder / "east.ttf"
        known = _eastern(in_text, path)
        if known:
            pdf.add_font(EAST, fname=path)
            others.append(EAST)
            in_text -= known
    pdf.set_fallback_fonts([*others, TEXT], exact_match=False)
    return dict.fromkeys(in_text, MISSING)


def _files(package: str) -> dict[str, Path]:
    spec = find_spec(package)
    folders = () if spec is None else spec.submodule_search_locations or ()
    return {
        path.name: path for folder in folders for path in sorted(Path(folder).rglob("*.[to]t[fc]"))
    }


def _known(path: Path) -> set[int]:
    with closing(TTFont(path, lazy=True)) as font:
        return set(font.getBestCmap())


def _eastern(characters: set[int], target: Path) -> set[int]:
    """Write a font of those characters that the fonts of the East have; return which.

    Their file has curves that many readers of PDF do not know in it (CFF2), and 32 MB; what is
    written has the few glyphs alone, as TrueType has them.
    """
    (path,) = _files("manimgx_fonts_cjk").values()
    with closing(TTFont(path, fontNumber=0, lazy=True)) as font:
        known = characters & set(font.getBestCmap())
        if known:
            options = Options(layout_features=[], notdef_outline=True)
            options.drop_tables += ["GPOS", "GSUB", "GDEF", "BASE", "VORG", "VVAR", "vhea", "vmtx"]
            subsetter = Subsetter(options)
            subsetter.populate(unicodes=known)
            subsetter.subset(font)
            instantiateVariableFont(font, {"wght": WEIGHT}, inplace=True)
            _to_truetype(font).save(target)
    return known


def _to_truetype(font: TTFont) -> TTFont:
    glyphs: dict[str, Any] = {}
    drawn = font.getGlyphSet()
    order = font.getGlyphOrder()
    for name in order:
        pen = TTGlyphPen(None)
        drawn[name].draw(Cu2QuPen(pen, 1.0, reverse_direction=True))
        glyphs[name] = pen.glyph()
    font["loca"] = newTable("loca")
    font["glyf"] = outlines = newTable("glyf")
    outlines.glyphOrder, outlines.glyphs = order, glyphs
    profile = font["maxp"]
    profile.tableVersion, profile.maxZones = 0x00010000, 1
    for name in _LIMITS:
        setattr(profile, name, 0)
    for tag in ("CFF ", "CFF2"):
        if tag in font:
            del font[tag]
    font["post"].formatType = 3.0
    font.sfntVersion = "\0\1\0\0"
    return font
