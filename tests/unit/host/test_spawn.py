from __future__ import annotations

import errno

import pytest

from iterm_mcp.host.spawn import _OPEN, _explain


@pytest.mark.parametrize(
    ("number", "what", "message"),
    [
        (errno.ENOSPC, _OPEN, "could not open a pseudo-terminal: none is left"),
        (errno.ENXIO, _OPEN, "could not open a pseudo-terminal: none is left"),
        (errno.EMFILE, _OPEN, "could not open a pseudo-terminal: too many files are open"),
        (errno.ENFILE, "start 'a'", "could not start 'a': too many files are open"),
        (errno.ENOENT, "start 'a'", "could not start 'a': [Errno 2] gone"),
    ],
)
def test_what_the_system_lacks_is_said_plainly(number: int, what: str, message: str) -> None:
    assert str(_explain(OSError(number, "gone"), what)) == message
