"""The table of all dashboards, for their page in the documentation."""

from __future__ import annotations

import json

from scripts.dashboards import PAGES


def render_index() -> str:
    """Return the table: each dashboard, what it is for, and how much it shows."""
    lines = ["| dashboard | asks | panels |", "|---|---|--:|"]
    for name, make in PAGES.items():
        page = json.loads(make())
        title = page["title"].removeprefix("iterm-mcp / ")
        panels = sum(panel["type"] != "row" for panel in page["panels"])
        lines.append(f"| [{title}]({name}.json) | {page['description']} | {panels} |")
    return "\n".join(lines) + "\n"
