from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.host.osc import MAX_PAYLOAD_BYTES, OscScanner, parse_osc, stay_in_row

PIECES = [
    b"\x1b]133;A\x07",
    b"\x1b]2;title\x1b\\",
    b"\x1b]0;cancelled\x18",
    b"\x1b]0;cancelled\x1a",
    b"\x1b]0;outer\x1b]1;inner\x07",
    b"\x1b]7;broken off\x1b[31m",
    b"\x1b\x1b]9;after two escapes\x07",
    b"\x1bP+q544e\x1b\\",
    b"\x1b]",
    b"\x1b",
    b"\x07",
    b"\\",
    b"]",
    b"text\r\n",
    "漢字".encode(),
]
streams = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)), max_size=12).map(
    b"".join
)


def scan(chunks: list[bytes]) -> list[tuple[int, bytes]]:
    """Return what was found, with offsets counted from the first chunk's first byte."""
    scanner = OscScanner()
    found = []
    start = 0
    for chunk in chunks:
        if not scanner.passes(chunk):
            found += [(start + end, content) for end, content in scanner.split(chunk)]
        start += len(chunk)
    return found


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    chunks = []
    for size in sizes:
        chunks.append(data[:size])
        data = data[size:]
    return [*chunks, data]


@given(streams, st.lists(st.integers(min_value=0, max_value=9)))
def test_cutting_the_same_bytes_differently_finds_the_same(data: bytes, sizes: list[int]) -> None:
    assert scan(cut(data, sizes)) == scan([data])


@given(streams)
def test_an_event_stands_just_after_its_terminator(data: bytes) -> None:
    for end, content in scan([data]):
        assert data[:end].endswith((content + b"\x07", content + b"\x1b\\"))


@pytest.mark.parametrize("ending", [b"\x07", b"\x1b\\"])
def test_both_terminators_end_a_command(ending: bytes) -> None:
    data = b"before\x1b]2;title" + ending + b"after"

    assert scan([data]) == [(len(data) - len(b"after"), b"2;title")]


@pytest.mark.parametrize("ending", [b"\x18", b"\x1a", b"\x1b[0m", b"\x1bc"])
def test_an_abandoned_command_is_not_reported(ending: bytes) -> None:
    assert scan([b"\x1b]2;title" + ending + b"\x07"]) == []


def test_a_command_that_starts_inside_another_replaces_it() -> None:
    assert [content for _, content in scan([b"\x1b]0;a\x1b]1;b\x07"])] == [b"1;b"]


def test_the_largest_payload_is_reported_and_a_larger_one_is_not() -> None:
    largest = b"x" * MAX_PAYLOAD_BYTES
    data = b"\x1b]" + largest + b"\x07\x1b]y" + largest + b"\x07\x1b]y" + largest + b"\x1b\\"

    assert scan(cut(data + b"\x1b]2;t\x07", [1000] * 100)) == [
        (MAX_PAYLOAD_BYTES + 3, largest),
        (len(data) + len(b"\x1b]2;t\x07"), b"2;t"),
    ]


def test_text_without_commands_passes() -> None:
    assert OscScanner().passes(b"plain \x1b[31mred\x1b[0m text]")


@pytest.mark.parametrize("data", [b"\x1b]", b"ends with \x1b"])
def test_what_may_begin_a_command_does_not_pass(data: bytes) -> None:
    assert not OscScanner().passes(data)


def test_what_follows_an_open_command_does_not_pass() -> None:
    scanner = OscScanner()
    list(scanner.split(b"\x1b]2;ti"))

    assert not scanner.passes(b"tle")


@pytest.mark.parametrize(
    ("content", "parsed"),
    [
        (b"133;D;0", (133, "D;0")),
        (b"133", (133, "")),
        (b"2;", (2, "")),
        ("2;naïve 漢".encode(), (2, "naïve 漢")),
        (b"2;\xff!", (2, "\ufffd!")),
        (b"", None),
        (b"Ltitle", None),
        (b";x", None),
        (b"1234567;x", None),
        (b"-1;x", None),
        ("٣;x".encode(), None),
    ],
)
def test_a_command_is_a_number_and_a_payload(
    content: bytes, parsed: tuple[int, str] | None
) -> None:
    assert parse_osc(content) == parsed


@pytest.mark.parametrize(
    ("data", "written"),
    [
        (b"a\x1b]133;A;k=r\x07", b"a\x1b]133;P;k=r\x07"),
        (b"a\x1b]133;N;aid=1;k=s\x1b\\", b"a\x1b]133;P;aid=1;k=s\x1b\\"),
        (b"a\x1b]133;A;k=c;aid=1\x07", b"a\x1b]133;P;k=c;aid=1\x07"),
        (b"a\x1b]133;A;k=i\x07", b"a\x1b]133;A;k=i\x07"),
        (b"a\x1b]133;A;xk=r\x07", b"a\x1b]133;A;xk=r\x07"),
        (b"a\x1b]133;A;k=rest\x07", b"a\x1b]133;A;k=rest\x07"),
        (b"a\x1b]133;B\x07", b"a\x1b]133;B\x07"),
    ],
)
def test_a_mark_within_a_command_stays_in_its_row(data: bytes, written: bytes) -> None:
    """API §7.1, `k=`."""
    ((_, content),) = OscScanner().split(data)
    assert stay_in_row(data, content) == written


def test_what_the_emulator_already_has_stays_as_it_is() -> None:
    assert stay_in_row(b";k=r\x07", b"133;A;k=r") == b";k=r\x07"
