"""One call with literal arguments, read from text."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iterm2.util import invocation_string

from iterm_mcp.host.invocations import Invocation, InvocationError, Path, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text('abc"\\\n\t ü😀,)(]['),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(st.dictionaries(st.from_regex(r"[A-Za-z_]\w{0,5}", fullmatch=True), VALUES, max_size=4))
def test_what_the_library_writes_is_read_as_it_was_meant(arguments: dict[str, Any]) -> None:
    written = invocation_string("iterm2.some_call", arguments)
    assert parse(written) == Invocation("iterm2.some_call", arguments)


@given(st.text('f(a:,)[]"\\ 1.-eE?true \n', max_size=30) | st.text(max_size=30))
def test_any_text_is_one_call_or_refused(text: str) -> None:
    for candidate in (text, f"f({text}", f"f(a: {text})"):
        with suppress(InvocationError):
            assert parse(candidate).name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f()", Invocation("f", {})),
        ("  f (\n)  ", Invocation("f", {})),
        ("a.b(x:1,y:[1, [2]])", Invocation("a.b", {"x": 1, "y": [1, [2]]})),
        ("f(x: True, y: None,)", Invocation("f", {"x": True, "y": None})),
        ("f(x: user.a, y: tab.b?)", Invocation("f", {"x": Path("user.a", optional=False),
                                                     "y": Path("tab.b", optional=True)})),
        (r'f(x: "a\"b\\c\n\e")', Invocation("f", {"x": 'a"b\\c\n\x1b'})),
    ],
)  # fmt: skip
def test_it_takes_what_iterm2_takes(text: str, expected: Invocation) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "f", "f(", "1()", "f(1)", "f(x)", "f(x:)", "f(x: 1 y: 2)", "f(x: 1", "f(x: [1", "f() g()",
     'f(x: "a)', "f(x: [1 2])", "f(x: @)", "f(x: 007)", f"f(x: {'9' * 5000})", "f(x: 1e999)",
     "f(x: " + "[" * 100_000],
)  # fmt: skip
def test_what_is_no_call_is_refused(text: str) -> None:
    with pytest.raises(InvocationError):
        parse(text)


def test_a_signature_does_not_depend_on_the_order() -> None:
    assert parse("f(b: 1, a: 2)").signature == parse("f(a: 2, b: 1)").signature == "f(a,b)"
