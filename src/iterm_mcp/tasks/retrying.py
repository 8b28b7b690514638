"""How long a failed task waits before it is tried again. No I/O."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iterm_mcp.models.tasks import RetryPolicy


def backoff_seconds(policy: RetryPolicy, failures: int) -> float:
    """Return the wait after so many failures, from 1; it never shrinks and is never too long."""
    if policy.backoff_seconds <= 0:
        return 0.0
    grown = math.log(policy.backoff_seconds) + (failures - 1) * math.log(policy.factor)
    if grown >= math.log(max(policy.most_seconds, 1e-9)):  # before a power that no float holds
        return policy.most_seconds
    return min(policy.most_seconds, policy.backoff_seconds * policy.factor ** (failures - 1))
