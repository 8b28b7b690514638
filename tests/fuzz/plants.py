"""Sessions with a fault planted in them: they show that the fuzzer finds such faults."""

from __future__ import annotations

import os
import signal
from time import thread_time

from iterm_mcp.host.session import Session


class Raises(Session):
    """Raises at a certain letter."""

    def inject(self, data: bytes) -> None:
        super().inject(data)
        if "漢".encode() in data:
            raise ValueError("planted")


class LosesCount(Session):
    """Counts a line too few whenever it rings."""

    def inject(self, data: bytes) -> None:
        super().inject(data)
        if b"\a" in data:
            self.engine.overflow = max(0, self.engine.overflow - 1)


class Crashes(Session):
    """Ends the process as a fault in the native library would."""

    def inject(self, data: bytes) -> None:
        if b"\t" in data:
            os.kill(os.getpid(), signal.SIGSEGV)
        super().inject(data)


class Blocks(Session):
    """Takes too long."""

    def inject(self, data: bytes) -> None:
        super().inject(data)
        until = thread_time() + 0.3
        while thread_time() < until:
            pass


SESSIONS: dict[str, type[Session]] = {
    "": Session,
    "raises": Raises,
    "loses-count": LosesCount,
    "crashes": Crashes,
    "blocks": Blocks,
}
