"""Where keys stand in a text of TOML."""

from __future__ import annotations

import pytest

from iterm_mcp.services.toml_lines import line_of

TEXT = """# first
most = 5

[teams."a.b"]
most = 1
'odd key' = 2
rates.fast = 3

[[list]]
name = "x"
nothing to see
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("most",), 2),
        (("teams", "a.b"), 4),
        (("teams", "a.b", "most"), 5),
        (("teams", "a.b", "odd key"), 6),
        (("teams", "a.b", "rates", "fast"), 7),
        (("teams", "a.b", "unknown"), 4),
        (("list", 0, "name"), 10),
        (("unknown",), None),
        ((), None),
    ],
    ids=["top", "table", "in-table", "quoted", "dotted", "nearest", "list", "none", "nothing"],
)
def test_a_key_is_found_on_its_line(path: tuple[str | int, ...], line: int | None) -> None:
    assert line_of(TEXT, path) == line


def test_a_line_that_is_none_of_toml_is_passed_over() -> None:
    assert line_of("[broken\nkey = 1\n= 2\na b = 3", ("key",)) == 2
