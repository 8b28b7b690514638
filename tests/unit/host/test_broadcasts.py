"""Which sessions are typed into together, and when that changes."""

from __future__ import annotations

import pytest

from iterm_mcp.host.broadcasts import Domains


def test_a_session_in_no_domain_is_typed_into_alone() -> None:
    domains = Domains()
    domains.replace([["a", "b"]])
    assert list(domains.together("c")) == ["c"]
    assert list(domains.together("b")) == ["a", "b"]


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ([], [], False),
        ([], [["a"]], False),
        ([], [["a", "b"]], True),
        ([["a", "b"]], [["b", "a"]], False),
        ([["a", "b"], ["c", "d"]], [["d", "c"], ["a", "b"]], False),
        ([["a", "b"], ["c", "d"]], [["a", "c"], ["b", "d"]], True),
        ([["a", "b"]], [], True),
    ],
)
def test_only_other_sets_are_a_change(
    before: list[list[str]], after: list[list[str]], *, changed: bool
) -> None:
    domains = Domains()
    domains.replace(before)
    assert domains.replace(after) is changed


def test_who_is_gone_or_stands_elsewhere_leaves() -> None:
    domains = Domains()
    domains.replace([["a", "b", "c", "d"], ["e", "f"]])
    windows = dict.fromkeys("abcdef", "w1")
    assert not domains.keep(windows)
    assert domains.keep({**windows, "b": "w2"})
    assert domains.listing() == [("a", "c", "d"), ("e", "f")]
    del windows["a"], windows["e"]
    assert domains.keep(windows)
    assert domains.listing() == [("c", "d")]
