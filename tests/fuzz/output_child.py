"""The process in which output is tried: a crash of the emulator ends this one alone.

It is started with a JSON object as its argument and prints one JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from pathlib import Path
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio
import psutil
import structlog
from tests.fuzz import plants
from tests.fuzz.steps import random_case, size_of
from tests.fuzz.trial import BrokenError, Trial

if TYPE_CHECKING:
    from tests.fuzz.steps import Case

CURRENT = "current.json"
"""The case that is being tried."""

_LOOK_SECONDS = 0.5


class Worker:
    """Tries cases and tells of them.

    Args:
        given: ``folder``, ``seed``, ``first``, ``seconds``, ``block``, ``plant``, ``replay``.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given
        self._kind = plants.SESSIONS[given["plant"]]
        self._process = psutil.Process(os.getpid())
        self._worst = (0.0, "")
        self._fed = self._steps = 0

    async def run(self) -> None:
        """Try cases until the time is over, or the one that is to be replayed."""
        if self._given["replay"]:
            self._try(json.loads(await anyio.Path(self._given["replay"]).read_text()))
            self._look(0)
            return
        until = monotonic() + self._given["seconds"]
        number = self._given["first"]
        next_look = 0.0
        while monotonic() < until:
            case = random_case(Random(f"{self._given['seed']}/{number}"))
            case["case"] = number
            (Path(self._given["folder"]) / CURRENT).write_text(json.dumps(case))
            self._try(case)
            number += 1
            if monotonic() > next_look:
                next_look = monotonic() + _LOOK_SECONDS
                self._look(number)
            await asyncio.sleep(0)  # the session's timers take their turn
        self._look(number)

    def _try(self, case: Case) -> None:
        self._fed += size_of(case) * 3 // 4
        trial = Trial(case, self._kind)
        with trial:
            try:
                for step in case["steps"]:
                    self._steps += 1
                    trial.take(step)
            except BrokenError as error:
                self._found(f"broken: {_kind_of(error)}", traceback.format_exc(), case)
            except Exception as error:  # noqa: BLE001 - whatever it is, it was looked for
                place = traceback.extract_tb(error.__traceback__)[-1]
                what = f"{type(error).__name__} in {Path(place.filename).name}:{place.name}"
                self._found(what, traceback.format_exc(), case)
        seconds, what = trial.worst
        self._worst = max(self._worst, trial.worst)
        if seconds > self._given["block"]:
            self._found(f"{what} took too long", f"{seconds:.2f} s of the processor", case)

    def _found(self, what: str, details: str, case: Case) -> None:
        _tell({"found": what, "details": details, "input": case})

    def _look(self, number: int) -> None:
        _tell(
            {
                "next": number,
                "steps": self._steps,
                "fed": self._fed,
                "worst": self._worst,
                "memory": self._process.memory_info().rss,
            }
        )


def _kind_of(error: BrokenError) -> str:
    """Name what is broken without its figures, so that it is kept once."""
    words = str(error).partition(": ")[0].split()
    return " ".join(word for word in words[:6] if word.isalpha())


def _tell(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - this is how the parent is told


def _drop(*_: object) -> Any:  # noqa: ANN401 - it never returns
    raise structlog.DropEvent


if __name__ == "__main__":
    structlog.configure(processors=[_drop])
    asyncio.run(Worker(json.loads(sys.argv[1])).run())
