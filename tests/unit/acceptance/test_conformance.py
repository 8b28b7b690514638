"""What the conformance suite prints is judged as it should be."""

from __future__ import annotations

import pytest
from scripts.acceptance.conformance_tools import ROWS
from scripts.conformance import excuse, verdicts

PRINTED = """\
✗ ping: 0 passed, 1 failed
=== SUMMARY ===
✓ ping: 2 passed, 0 failed
✗ tasks-lifecycle: 2 passed, 7 failed

Not scored: 1
  ✗ tasks-lifecycle (extension)
"""


def test_only_the_summary_counts_and_each_scenario_once() -> None:
    assert verdicts(PRINTED) == (["tasks-lifecycle"], ["ping"])


@pytest.mark.parametrize("printed", ["", "error: no such option"])
def test_a_suite_that_did_not_run_has_passed_nothing(printed: str) -> None:
    assert verdicts(printed) == ([], [])


def test_named_exceptions_alone_are_excused() -> None:
    assert excuse("tasks-lifecycle")
    assert excuse("tools-list") is None


def test_every_tool_that_the_suite_calls_is_a_row() -> None:
    names = {row.call.__name__ for row in ROWS}
    assert {"test_simple_text", "test_error_handling", "test_missing_capability"} <= names
    assert all(name.startswith("test_") for name in names)
