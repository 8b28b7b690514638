from __future__ import annotations

import errno
import resource

import pytest

from iterm_mcp.host import capacity
from iterm_mcp.host.capacity import Limit
from iterm_mcp.host.spawn import _OPEN, LimitReachedError, _explain


@pytest.mark.parametrize(
    ("number", "what", "message"),
    [
        (errno.ENOSPC, _OPEN, "open a pseudo-terminal: none is left (the limit of x is 7)"),
        (errno.ENXIO, _OPEN, "open a pseudo-terminal: none is left (the limit of x is 7)"),
        (errno.EAGAIN, "start 'a'", "start 'a': too many processes run (the limit of x is 7)"),
        (errno.ENOENT, "start 'a'", "start 'a': [Errno 2] gone"),
    ],
)
def test_what_the_system_lacks_is_said_plainly(
    number: int, what: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pty_limit", "process_limit"):
        monkeypatch.setattr(capacity, name, lambda: Limit("x", 7, 0, "raise it"))
    assert str(_explain(OSError(number, "gone"), what)) == f"could not {message}"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_lack_of_files_names_this_processs_limit_and_its_remedy(number: int) -> None:
    error = _explain(OSError(number, "gone"), "start 'a'")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert isinstance(error, LimitReachedError)
    assert str(error) == (
        f"could not start 'a': too many files are open (the limit of open files is {limit})"
    )
    assert error.hint.startswith("Close sessions, or raise it with `ulimit -n")


def test_a_limit_that_cannot_be_told_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "pty_limit", lambda: None)
    error = _explain(OSError(errno.ENOSPC, "gone"), _OPEN)
    assert str(error) == "could not open a pseudo-terminal: none is left"
    assert error.hint == "Close sessions."
