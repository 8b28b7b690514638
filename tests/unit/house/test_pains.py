"""Each pain of agents' users has a test that is there, or a place where it belongs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scripts.pains import AREAS, PainError, read_pains, render_pains

ROOT = Path(__file__).resolve().parents[3]
THIS = "unit/house/test_pains.py::test_every_pain_has_its_row_and_no_cell_is_blank"
GOOD = {"name": "n", "area": "state", "suffered": "s", "done": "d", "tests": [THIS]}


def test_every_pain_has_its_row_and_no_cell_is_blank() -> None:
    page = render_pains(ROOT)
    rows = [line for line in page.splitlines() if line.startswith("| ")]

    assert all(all(cell.strip() for cell in row[1:-1].split("|")) for row in rows)
    for pain in read_pains():
        assert any(row.startswith(f"| {pain['name']} | ") for row in rows)
        assert pain.get("area") in AREAS or pain["belongs"]


def test_all_that_the_page_links_to_is_there() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", render_pains(ROOT)):
        assert (ROOT / "docs" / link).exists(), link


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tests": []}, "no test shows"),
        ({"tests": ["unit/house/test_pains.py::test_that_is_not_there"]}, "there is no test"),
        ({"tests": ["unit/house/test_none.py::test_it"]}, "there is no test"),
        ({"tests": ["unit/conftest.py::test_it"]}, "is run"),
        ({"tests": ["unit/house/test_pains.py::helper"]}, "is run"),
        ({"suffered": " "}, "suffered of 'n' is blank"),
        ({"done": "a | b"}, "two cells"),
        ({"area": "elsewhere"}, "belongs of 'n' is blank"),
        ({"name": ""}, "name of '' is blank"),
    ],
)
def test_a_pain_without_its_test_or_its_place_is_no_page(
    wrong: dict[str, object], said: str
) -> None:
    assert "[every pain has its row and no cell is blank]" in render_pains(ROOT, [GOOD])

    with pytest.raises(PainError, match=re.escape(said)):
        render_pains(ROOT, [GOOD | {"name": "other"}, GOOD | wrong])


def test_no_pain_is_named_twice() -> None:
    with pytest.raises(PainError, match="twice"):
        render_pains(ROOT, [GOOD, GOOD])
