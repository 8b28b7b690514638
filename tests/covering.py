"""Which processes of the tests are measured for coverage.

Measuring makes a Python process start and run several times slower, and the tests start
hundreds of daemons, hosts and commands, most of them over the same lines. So processes started
by tests are not measured unless their environment says so: one of each kind does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_NAME = "COVERAGE_PROCESS_CONFIG"  # what coverage looks for when a Python process starts
_kept: dict[str, str] = {}


def measure_this_process_only() -> None:
    """Take the order to measure out of what children inherit."""
    if _NAME in os.environ:
        _kept[_NAME] = os.environ.pop(_NAME)


def measure(environ: MutableMapping[str, str]) -> None:
    """Let a process with this environment be measured, where this one is."""
    environ.update(_kept)
