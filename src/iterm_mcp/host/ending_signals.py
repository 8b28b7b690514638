"""The signals that end the host, also while its process becomes another program."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_MAY_BE_IGNORED = (signal.SIGHUP, signal.SIGQUIT)
_ALL = {signal.SIGTERM, signal.SIGINT, *_MAY_BE_IGNORED}


def ending_signals() -> list[signal.Signals]:
    """Return the signals that end the host.

    What its starter had it ignore (nohup, a job in the background) is handled by doing nothing:
    sessions' programs would inherit that a signal is ignored, but not that it is handled.
    """
    ending = [signal.SIGTERM, signal.SIGINT]
    for number in _MAY_BE_IGNORED:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _do_nothing)
        elif number == signal.SIGHUP:
            ending.append(number)
    return ending


def hold_signals() -> None:
    """Let them wait, and have the next program find ignored what this one's starter ignored."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ALL)
    for number in _MAY_BE_IGNORED:
        if signal.getsignal(number) is _do_nothing:
            signal.signal(number, signal.SIG_IGN)


def let_signals_through() -> None:
    """Undo `hold_signals`, in whichever program."""
    for number in _MAY_BE_IGNORED:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _do_nothing)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ALL)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal that is not to end the host."""
