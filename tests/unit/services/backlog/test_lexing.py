from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.backlog import Where
from iterm_mcp.services.backlog.lexing import Regions, family_of


def what(path: str, text: str) -> list[Where]:
    """Return what each X of a text stands in."""
    regions = Regions(path, text)
    return [regions.at(place) for place, one in enumerate(text) if one == "X"]


C, S, K, T = Where.COMMENT, Where.STRING, Where.CODE, Where.TEXT


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.py", 'X = "X # X"  # X\n', [K, S, S, C]),
        ("a.py", 'def f():\n    """X\n    X"""\n    return "X"\n', [C, C, S]),
        ("a.py", "x = '''\n# X\n'''  # X", [S, C]),
        ("a.py", r"x = 'it\'s # X'  # X", [S, C]),
        ("a.py", 'x = "never ends # X\n# X', [C, C]),
        ("a.c", "X; // X\n/* X\n * X */ s = \"// X\"; c = '\"'; // X", [K, C, C, C, S, C]),
        ("a.rs", "fn f<'a>(x: &'a str) { \"X\" } // X", [S, C]),
        ("a.ts", "const s = `X // X\nX`; // X", [S, S, S, C]),
        ("a.go", "s := `// X` // X", [S, C]),
        ("a.sh", 'echo "$# X" $#X # X\nx=${y#X}', [S, K, C, K]),
        ("a.yaml", "key: it's X # X\nurl: http://x#X", [K, C, K]),
        ("a.sql", "select 'X -- X' -- X", [S, S, C]),
        ("a.html", "<p>X</p><!-- X\nX --><a href='http://X'>", [K, C, C, K]),
        ("a.css", "a { b: url(http://X) } /* X */", [K, C]),
        ("a.lua", "--[[ X\nX ]] x = 'X' -- X", [C, C, S, C]),
        ("a.hs", "x = 1 -- X\n{- X -}", [C, C]),
        ("a.el", '(f "X") ; X', [S, C]),
        ("a.tex", r"50\% X % X", [K, C]),
        ("a.vim", '" X\nlet x = 1', [C]),
        ("a.bat", "rem X\necho X", [C, K]),
        ("a.php", "# X\n#[X]\n'X'", [C, K, S]),
        ("a.tf", '# X\n// X\nx = "X"', [C, C, S]),
        ("Makefile", "all: # X\n\tX", [C, K]),
        ("Dockerfile.dev", "# X", [C]),
        ("README.md", "X", [T]),
        ("script", "#!/usr/bin/env python3\n# X\n'''X'''", [C, C]),
        ("script", "#!/bin/sh\n# X", [C]),
        ("script", "#!/usr/bin/node\n// X", [C]),
        ("notes", "# X", [T]),
    ],
)  # fmt: skip
def test_comments_strings_and_code_are_told_apart(
    path: str, text: str, expected: list[Where]
) -> None:
    assert what(path, text) == expected


def test_where_a_comment_begins_is_known() -> None:
    regions = Regions("a.py", "x = 1  # TODO")
    assert regions.start(9) == 7
    assert regions.start(0) == -1
    assert Regions("a.md", "x").start(0) == -1


@given(st.text("'\"`#/*-\\\n<!>{}[]; xX", max_size=200), st.sampled_from(
    ["a.py", "a.c", "a.ts", "a.sh", "a.sql", "a.html", "a.lua", "a.hs", "a.el", "a.go", "a.vim"]
))  # fmt: skip
def test_any_text_can_be_read(text: str, path: str) -> None:
    assert len(what(path, text)) == text.count("X")
    assert family_of(path, text)
