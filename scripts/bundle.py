"""Pack the MCPB bundle, and draw the icons.

``uv run scripts/bundle.py [--output FILE]``  writes ``dist/iterm-mcp-<version>.mcpb``;
``uv run scripts/bundle.py --icons``          draws ``packaging/icon.svg`` where PNGs of it stand.

The bundle holds the source, the locked versions of what it needs, and a manifest by which the
client has uv fetch them. The same files always give the same bundle, to the byte.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
import zipfile
from pathlib import Path

from iterm_mcp.host.rendering.png import render_png

ROOT = Path(__file__).resolve().parent.parent
PACKAGING = ROOT / "packaging"
MANIFEST = PACKAGING / "mcpb" / "manifest.json"
ICONS = [PACKAGING / "claude-code-plugin" / "icon.png", PACKAGING / "mcpb" / "icon.png"]
PROJECT = ["pyproject.toml", "uv.lock", "README.md", "LICENSE"]
OLDEST = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the bundle: it says nothing, and so changes nothing."""


def contents() -> dict[str, Path]:
    """Return what goes into the bundle, by the name that it has there."""
    source = ROOT / "src"
    files = [path for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    files += [path for folder in packed_too() for path in (ROOT / folder).iterdir()]
    return {
        "manifest.json": MANIFEST,
        "icon.png": MANIFEST.with_name("icon.png"),
        **{name: ROOT / name for name in PROJECT},
        **{str(path.relative_to(ROOT)): path for path in sorted(files)},
    }


def packed_too() -> list[str]:
    """Return the folders that a wheel has besides the source: it cannot be made without them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return list(project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"])


def pack(output: Path) -> int:
    """Write the bundle; return how many files are in it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    files = contents()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        for name, path in files.items():
            entry = zipfile.ZipInfo(name, OLDEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            bundle.writestr(entry, path.read_bytes())
    return len(files)


def draw_icons() -> None:
    """Draw the icon, 512 pixels wide, with the renderer that draws screenshots."""
    drawn = render_png((PACKAGING / "icon.svg").read_text("utf-8"))
    for icon in ICONS:
        icon.write_bytes(drawn)


def main() -> int:
    """Pack or draw; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--icons", action="store_true", help="draw the icons instead")
    parser.add_argument("--output", type=Path, metavar="FILE")
    asked = parser.parse_args()
    if asked.icons:
        draw_icons()
        return 0
    version = json.loads(MANIFEST.read_text("utf-8"))["version"]
    output = asked.output or ROOT / "dist" / f"iterm-mcp-{version}.mcpb"
    print(f"{output}: {pack(output)} files, {output.stat().st_size / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
