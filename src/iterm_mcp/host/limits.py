"""How many files this process may hold open: each session needs two or three."""

from __future__ import annotations

import resource
from functools import cache

# What macOS grants at most when it calls the hard limit infinite (OPEN_MAX in <sys/syslimits.h>).
_DARWIN_MOST = 10240


_remembered: list[int] = []


@cache
def first_file_limit() -> int:
    """Return the soft limit with which this process was started, as first seen.

    Sessions are given it back: programs expect the limit that their user has.
    """
    return _remembered[0] if _remembered else resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def remember_first(limit: int) -> None:
    """Have `first_file_limit` return what it was in the program that this process was before."""
    _remembered[:] = [limit]
    first_file_limit.cache_clear()


def shell_limit() -> str:
    """Return `first_file_limit` as a shell's ``ulimit`` writes it."""
    limit = first_file_limit()
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)


def raise_file_limit() -> int:
    """Raise the soft limit to the hard one, as far as the system lets us; return it."""
    first_file_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, _DARWIN_MOST):
        if wanted == resource.RLIM_INFINITY or wanted > soft:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            except (ValueError, OSError):
                continue
            break
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
