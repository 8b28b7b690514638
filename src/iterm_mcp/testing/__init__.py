"""Fakes that obey the same contract tests as the real things. They ship with the package."""

from iterm_mcp.testing.fake_clock import FakeClock
from iterm_mcp.testing.fake_terminal import FakeTerminal
from iterm_mcp.testing.gate import Gate

__all__ = ["FakeClock", "FakeTerminal", "Gate"]
