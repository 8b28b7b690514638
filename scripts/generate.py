"""Write what is generated from the code: tables, pages, rules, dashboards, OpenAPI.

``python -m scripts.generate``          writes it;
``python -m scripts.generate --check``  changes nothing, and exits with 1 when something is stale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.alerts.page import page as alert_page
from scripts.alerts.rule_files import rule_files
from scripts.dashboards import PAGES
from scripts.dashboards.index import render_index
from scripts.host_page import render_host_page
from scripts.metrics_page import render_metrics_page
from scripts.openapi import render_document
from scripts.pains import render_pains
from scripts.tool_table import render_tool_table

ROOT = Path(__file__).resolve().parent.parent


def replace_between(text: str, mark: str, content: str) -> str:
    """Return the text with what stands between ``<!-- mark -->`` and ``<!-- /mark -->`` replaced.

    Raises:
        ValueError: A mark is missing.
    """
    head, begin, rest = text.partition(f"<!-- {mark} -->\n")
    _, end, tail = rest.partition(f"<!-- /{mark} -->")
    if not begin or not end:
        raise ValueError(f"the marks <!-- {mark} --> … <!-- /{mark} --> are missing")
    return f"{head}{begin}{content}{end}{tail}"


def generated() -> dict[Path, str]:
    """Return every generated file as it should be.

    Raises:
        ValueError: One would have a blank, or has no place for what is generated.
    """
    readme, host = ROOT / "README.md", ROOT / "docs" / "host.md"
    page = host.read_text("utf-8")
    for mark, content in render_host_page(ROOT).items():
        page = replace_between(page, mark, content)
    boards = ROOT / "docs" / "grafana" / "README.md"
    pains, metrics = ROOT / "docs" / "agent-pains.md", ROOT / "docs" / "metrics.md"
    return {
        host: page,
        pains: replace_between(pains.read_text("utf-8"), "pains", render_pains(ROOT)),
        metrics: replace_between(metrics.read_text("utf-8"), "metrics", render_metrics_page()),
        readme: replace_between(readme.read_text("utf-8"), "tools", render_tool_table()),
        ROOT / "docs" / "openapi.json": render_document(),
        ROOT / "docs" / "alerts.md": alert_page(),
        **{ROOT / path: text for path, text in rule_files().items()},
        boards: replace_between(boards.read_text("utf-8"), "dashboards", render_index()),
        **{ROOT / "docs" / "grafana" / f"{name}.json": make() for name, make in PAGES.items()},
    }


def main() -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(description="Write what is generated from the code.")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    check = parser.parse_args().check
    try:
        wanted = generated()
    except ValueError as error:
        print(error)
        return 1
    stale = [
        (path, text)
        for path, text in wanted.items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    for path, text in stale:
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    if check and stale:
        print("run: uv run python -m scripts.generate")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
