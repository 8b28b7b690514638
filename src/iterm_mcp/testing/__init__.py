"""Fakes that obey the same contract tests as the real things. They ship with the package.

What is named here is imported when it is asked for: the fake agent, a program of its own, shall
not wait for a fake terminal.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iterm_mcp.testing.fake_clock import FakeClock
    from iterm_mcp.testing.fake_terminal import FakeTerminal
    from iterm_mcp.testing.gate import Gate

__all__ = ["FakeClock", "FakeTerminal", "Gate"]

_MODULES = {"FakeClock": "fake_clock", "FakeTerminal": "fake_terminal", "Gate": "gate"}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
