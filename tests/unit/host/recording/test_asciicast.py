"""The asciicast format, line by line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.host.recording.asciicast import (
    CastError,
    Event,
    Header,
    event_line,
    read_event,
    read_header,
)


def test_a_header_says_what_is_known_in_the_words_of_version_3() -> None:
    header = Header(80, 24, "xterm-256color", 1504467315, 2.5, "Démo", {"SHELL": "/bin/sh"})

    assert json.loads(header.line()) == {
        "version": 3,
        "term": {"cols": 80, "rows": 24, "type": "xterm-256color"},
        "timestamp": 1504467315,
        "idle_time_limit": 2.5,
        "title": "Démo",
        "env": {"SHELL": "/bin/sh"},
    }
    assert read_header(header.line()) == header


def test_a_header_leaves_out_what_is_not_known() -> None:
    header = Header(80, 24)

    assert header.line() == b'{"version": 3, "term": {"cols": 80, "rows": 24}}\n'
    assert read_header(header.line()) == header


def test_an_older_header_has_width_and_height() -> None:
    found = json.loads(Header(80, 24, "xterm", 7, title="t").line(2))

    assert found == {"version": 2, "width": 80, "height": 24, "timestamp": 7, "title": "t"}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"no JSON",
        b"\xff",
        b'{"version": 3}',
        b'{"version": 3, "term": {"cols": "wide", "rows": 24}}',
        b'{"version": 2, "width": 80, "height": 24}',
        b'{"version": 3, "term": {"cols": 80, "rows": 24}, "env": [1]}',
        b'{"version": 2, "term": {"cols": 80, "rows": 24}}',
    ],
)
def test_what_is_no_header_is_refused(line: bytes) -> None:
    with pytest.raises(CastError):
        read_header(line)


def test_an_event_has_the_time_since_the_one_before() -> None:
    assert event_line(Event(2500, "o", "hi\x1b[m"), 1250) == b'[1.250, "o", "hi\\u001b[m"]\n'


def test_time_does_not_run_backwards() -> None:
    assert event_line(Event(1000, "m", ""), 2000) == b'[0.000, "m", ""]\n'
    assert read_event(b'[-5, "o", "x"]', 10) == Event(10, "o", "x")


@given(
    st.integers(0, 10**10),
    st.integers(0, 10**10),
    st.sampled_from("oirmx"),
    st.text(),
)
def test_what_is_written_is_read_again(before: int, passed: int, code: str, data: str) -> None:
    event = Event(before + passed, code, data)
    line = event_line(event, before)

    assert line.count(b"\n") == 1
    assert read_event(line, before) == event


def test_half_a_surrogate_pair_can_be_written() -> None:
    assert event_line(Event(0, "m", "\ud800"), 0) == b'[0.000, "m", "?"]\n'


@pytest.mark.parametrize("line", [b"", b"\n", b"# a remark\n"])
def test_remarks_and_empty_lines_are_no_events(line: bytes) -> None:
    assert read_event(line, 0) is None


@pytest.mark.parametrize(
    "line",
    [b"{}", b'[1, "o"]', b'["soon", "o", ""]', b'[null, "o", ""]', b'[1e999, "o", ""]', b"["],
)
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(CastError, match="no event"):
        read_event(line, 0)
