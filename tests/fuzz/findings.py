"""What a run has found, on disk so that it can be played again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault.

    Attributes:
        what: What happened; findings that say the same are kept once.
        details: A traceback, or the input's outline.
        file: The input that caused it; ``--replay`` takes it.
    """

    what: str
    details: str
    file: str


class Findings:
    """Keeps each kind of fault once, in a folder that is made when there is one."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self.all: list[Finding] = []
        self.repeated = 0

    def add(self, what: str, details: str, replayed: dict[str, Any]) -> None:
        if any(one.what == what for one in self.all):
            self.repeated += 1
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"finding-{len(self.all) + 1}.json"
        file.write_text(json.dumps(replayed | {"finding": what, "details": details}))
        self.all.append(Finding(what, details, str(file)))
