"""What a client printed, and what the daemon wrote down, are judged as they should be."""

from __future__ import annotations

import pytest
from scripts.acceptance.inspector import found
from scripts.acceptance.rig import FailedError, expect, lived_through

UP = '{"version": "1", "event": "daemon_up", "level": "info"}\n'
DRAINED = '{"calls_cut_off": 0, "event": "daemon_drained", "level": "info"}\n'


def test_one_daemon_that_ended_when_told_to_has_lived_through_it() -> None:
    assert lived_through(UP + '{"event": "client_hung_up"}\n' + DRAINED)


@pytest.mark.parametrize(
    "log",
    ["", UP, UP + UP + DRAINED, UP + "Traceback (most recent call last):\n" + DRAINED],
    ids=["never up", "no orderly end", "started again", "crashed"],
)
def test_any_other_daemon_has_not(log: str) -> None:
    assert not lived_through(log)


def test_json_is_found_between_other_words() -> None:
    assert found('a warning\n{"tools": [{}]}\n{"more": 1}') == {"tools": [{}]}


@pytest.mark.parametrize("printed", ["", "Failed to connect", "{ no JSON"])
def test_words_without_json_fail_the_check(printed: str) -> None:
    with pytest.raises((FailedError, ValueError)):
        found(printed)


def test_a_failed_check_shows_the_end_of_what_was_seen() -> None:
    with pytest.raises(FailedError, match=r"no tools; got: y+$"):
        expect([], "no tools", "x" * 300 + "y" * 300)
