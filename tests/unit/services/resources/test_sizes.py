"""Bytes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.resources.sizes import parse_size, write_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * 10**9), ("512 MiB", 512 * 2**20), ("1.5g", 15 * 10**8), ("0", 0), ("7 b", 7)],
    ids=["gb", "mib", "fraction", "none", "bytes"],
)
def test_a_size_is_read_as_people_write_it(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1", "1 XB", "1e9", "9999999TB", "1,5GB"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidRequestError) as told:
        parse_size(text)

    assert told.value.hint


@given(st.integers(0, 2**59))
def test_a_written_size_says_the_same_within_a_twentieth(size: int) -> None:
    written = parse_size(write_size(size))

    assert abs(written - size) <= 0.05 * size + 1
