"""A program spoken to in lines, timed from outside, without an event loop in between."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}


class LineProcess:
    """A started MCP server on stdio.

    Attributes:
        start_seconds: From starting the program to the answer to ``initialize``.
    """

    def __init__(self, process: subprocess.Popen[bytes], started: float) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._in = process.stdin.fileno()
        self._out = process.stdout.fileno()
        self._rest = b""
        self._next_id = 0
        self.ask("initialize", INITIALIZE)
        self.start_seconds = perf_counter() - started
        os.write(self._in, b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send one request and return its answer; notifications before it are passed over."""
        answer = json.loads(self.ask_raw(self.encode(method, params)))
        while "id" not in answer:
            answer = json.loads(self._read())
        return dict(answer)

    def encode(self, method: str, params: dict[str, Any]) -> bytes:
        self._next_id += 1
        message = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        return json.dumps(message).encode() + b"\n"

    def ask_raw(self, line: bytes) -> bytes:
        """Send an encoded request and return the line that comes back."""
        os.write(self._in, line)
        return self._read()

    def _read(self) -> bytes:
        while b"\n" not in self._rest:
            data = os.read(self._out, 1 << 20)
            if not data:
                raise EOFError
            self._rest += data
        answer, _, self._rest = self._rest.partition(b"\n")
        return answer

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Call a tool and return its result; an error ends the benchmark."""
        result = self.ask("tools/call", {"name": tool, "arguments": arguments})["result"]
        if result.get("isError"):
            raise RuntimeError(result["content"][0]["text"])
        return dict(result)

    def call_all(self, tool: str, many: Sequence[dict[str, Any]]) -> list[str]:
        """Call a tool many times at once; return the texts of the answers, in that order."""
        first = self._next_id + 1
        for arguments in many:
            params = {"name": tool, "arguments": arguments}
            os.write(self._in, self.encode("tools/call", params))
        results: dict[int, dict[str, Any]] = {}
        while len(results) < len(many):
            answer = json.loads(self._read())
            if "id" in answer:
                results[answer["id"]] = answer["result"]
        for result in results.values():
            if result.get("isError"):
                raise RuntimeError(result["content"][0]["text"])
        return [str(results[first + at]["content"][0]["text"]) for at in range(len(many))]

    def time_calls(self, tool: str, arguments: dict[str, Any], count: int) -> list[float]:
        """Return the seconds that each of `count` calls took, one after the other."""
        params = {"name": tool, "arguments": arguments}
        lines = [self.encode("tools/call", params) for _ in range(count)]
        seconds: list[float] = []
        for line in lines:
            began = perf_counter()
            self.ask_raw(line)
            seconds.append(perf_counter() - began)
        return seconds

    def resident_megabytes(self) -> float:
        """Return what the process keeps in memory, its share of libraries included."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no VmRSS: this figure needs Linux")


@contextmanager
def started(command: list[str], environ: dict[str, str]) -> Iterator[LineProcess]:
    """Start a server, greet it, and end it at the end."""
    began = perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env=environ,
    )
    try:
        yield LineProcess(process, began)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()
