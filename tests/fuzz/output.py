"""Random output into real sessions, in a process of its own; this one watches."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream
from tests.fuzz.findings import Findings
from tests.fuzz.output_child import CURRENT

if TYPE_CHECKING:
    from rich.console import Console

SILENCE_SECONDS = 60.0
"""A child that says nothing for so long hangs."""

GROWTH_BYTES = 64 << 20
"""What the child may grow by in the later half of a run."""

_MOST_OUTPUT = 64 << 20
_ROOT = Path(__file__).resolve().parents[2]


class OutputRun:
    """One run, with as many children as it takes.

    Args:
        folder: Where findings are kept, and the case that is being tried.
        block: So many seconds of the processor's time one call may take.
        plant: Which planted fault to look for; none if empty.
    """

    def __init__(
        self, folder: str, seed: str, seconds: float, *, block: float = 1.0, plant: str = ""
    ) -> None:
        self.findings = Findings(folder)
        self._given: dict[str, Any] = {
            "folder": folder, "seed": seed, "block": block, "plant": plant,
            "first": 0, "replay": "",
        }  # fmt: skip
        self._folder = Path(folder)
        self._seconds = seconds
        self._done: dict[str, Any] = {}
        self._crashes = 0
        self.cases = self.steps = self.fed = 0
        self.worst: tuple[float, str] = (0.0, "")
        self._memory: list[int] = []

    async def run(self) -> None:
        """Try cases until the time is over."""
        self._folder.mkdir(parents=True, exist_ok=True)
        until = monotonic() + self._seconds
        while (left := until - monotonic()) > 0:
            self._given["seconds"] = left
            self._memory = []
            if await self._watch():
                return
            self._given["first"] = self._last_case() + 1

    async def replay(self, file: str) -> None:
        """Try one case again."""
        self._folder.mkdir(parents=True, exist_ok=True)
        case = await anyio.Path(file).read_text()
        await anyio.Path(self._folder / CURRENT).write_text(case)
        self._given |= {"replay": file, "seconds": 0}
        await self._watch()

    def report(self, console: Console) -> None:
        """Say what was done, and how it went."""
        seconds, what = self.worst
        console.print(
            f"{self.cases} cases, {self.steps} steps, {self.fed / 1e6:.1f} MB of output,"
            f" {self._crashes} children lost;"
            f" worst block {seconds * 1000:.0f} ms ({what or 'none'})"
        )
        if self._memory:
            first, last = self._memory[0] / (1 << 20), self._memory[-1] / (1 << 20)
            console.print(f"memory {first:.1f} MiB before, {last:.1f} MiB after")

    async def _watch(self) -> bool:
        """Start a child and listen to it; tell whether it ended as it should."""
        argv = [sys.executable, "-m", "tests.fuzz.output_child", json.dumps(self._given)]
        async with await anyio.open_process(argv, cwd=_ROOT, stderr=None) as child:
            assert child.stdout is not None
            lines = BufferedByteReceiveStream(child.stdout)
            silent = False
            self._done = {}
            try:
                while True:
                    with anyio.fail_after(SILENCE_SECONDS):
                        self._take(json.loads(await lines.receive_until(b"\n", _MOST_OUTPUT)))
            except TimeoutError:
                silent = True
                child.kill()
            except anyio.IncompleteRead:
                pass
            code = await child.wait()
        self.steps += self._done.get("steps", 0)
        self.fed += self._done.get("fed", 0)
        if code == 0:
            self._check_memory()
            return True
        self._crashes += 1
        what = "the process hangs" if silent else f"the process ended with {code}"
        current = json.loads((self._folder / CURRENT).read_text())
        self.findings.add(what, "see the input", current)
        return False

    def _take(self, told: dict[str, Any]) -> None:
        if "found" in told:
            self.findings.add(told["found"], told["details"], told["input"])
            return
        self._done = told
        self.cases = told["next"]
        self.worst = max(self.worst, tuple(told["worst"]))
        self._memory.append(told["memory"])

    def _last_case(self) -> int:
        return int(json.loads((self._folder / CURRENT).read_text())["case"])

    def _check_memory(self) -> None:
        """Hold the end of a run against its middle; what is loaded once stays."""
        if len(self._memory) < 40:
            return
        middle = len(self._memory) // 2
        before, after = min(self._memory[middle : middle + 10]), min(self._memory[-10:])
        if after > before + GROWTH_BYTES:
            self.findings.add("memory grows", f"{before} to {after} bytes", {"steps": []})
