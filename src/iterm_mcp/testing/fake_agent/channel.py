"""JSON objects a line, in on stdin and out on stdout: what the headless protocols are made of."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

READ_BYTES = 1 << 16


class Channel:
    """Standard input and output as lines of JSON.

    Args:
        heard: Called on the event loop with each object.
        broken: Called with a line that is none.
        ended: Called once, when nothing more will come.
    """

    def __init__(
        self,
        heard: Callable[[dict[str, Any]], None],
        broken: Callable[[str], None],
        ended: Callable[[], None],
    ) -> None:
        self._heard = heard
        self._broken = broken
        self._ended = ended
        self._rest = b""

    def open(self) -> None:
        """Begin to listen; a regular file, which cannot be waited for, is read at once."""
        loop = asyncio.get_running_loop()
        try:
            loop.add_reader(0, self._read)
        except PermissionError:
            loop.call_soon(self._read_all)

    def close(self) -> None:
        """Listen no more."""
        asyncio.get_running_loop().remove_reader(0)

    def send(self, message: dict[str, Any]) -> None:
        """Write an object; when nobody reads any more, it ends as if the input had ended."""
        try:
            sys.stdout.write(json.dumps(message, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            self._ended()

    def _read(self) -> None:
        if not self._take(os.read(0, READ_BYTES)):
            self.close()
            self._ended()

    def _read_all(self) -> None:
        while self._take(os.read(0, READ_BYTES)):
            pass
        self._ended()

    def _take(self, data: bytes) -> bool:
        whole = self._rest + data
        if not data and self._rest:
            whole += b"\n"  # a last line may lack its end
        *lines, self._rest = whole.split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace").strip()
            if text:
                self._take_line(text)
        return bool(data)

    def _take_line(self, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if isinstance(message, dict):
            self._heard(message)
        else:
            self._broken(text)
