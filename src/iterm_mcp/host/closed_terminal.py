"""What stands where a terminal was."""

from __future__ import annotations

from typing import NoReturn


class EngineClosedError(RuntimeError):
    """The engine was used after it had been closed."""


class ClosedTerminal:
    """Stands where the terminal was."""

    def __getattr__(self, name: str) -> NoReturn:
        raise EngineClosedError(f"this terminal is closed ({name})")
