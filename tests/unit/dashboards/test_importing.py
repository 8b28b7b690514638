"""What ships is imported whole: nothing that Grafana's model does not know, or has otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.dashboards.importing import lost, misfits, read, written

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "grafana"
FILES = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_is_a_dashboard_as_grafana_has_them(path: Path) -> None:
    text = path.read_text("utf-8")

    dashboard = read(text)

    assert list(misfits(dashboard)) == []
    assert list(lost(json.loads(text), written(dashboard))) == []


def first(page: dict[str, Any]) -> dict[str, Any]:
    return next(panel for panel in page["panels"] if panel["type"] == "stat")


@pytest.mark.parametrize(
    "change",
    [
        lambda page: page.update(colour="red"),
        lambda page: page.update(graphTooltip=7),
        lambda page: page.update(title=5),
        lambda page: first(page).update(heigth=4),
        lambda page: first(page)["gridPos"].update(w="wide"),
        lambda page: first(page)["options"].update(graphMode="lines"),
        lambda page: first(page)["fieldConfig"]["defaults"].update(decimals="two"),
        lambda page: first(page)["targets"][0].update(exprs="up"),
        lambda page: page["templating"]["list"][1].update(refresh=9),
    ],
)
def test_what_is_not_in_the_model_is_seen(change: Callable[[dict[str, Any]], object]) -> None:
    page = json.loads((FOLDER / "overview.json").read_text("utf-8"))
    change(page)

    assert not imports_cleanly(page)


def imports_cleanly(page: dict[str, Any]) -> bool:
    try:
        dashboard = read(json.dumps(page))
    except (TypeError, ValueError, KeyError):
        return False
    return not list(misfits(dashboard)) and not list(lost(page, written(dashboard)))
