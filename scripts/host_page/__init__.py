"""What docs/host.md says by itself: each request, answer, notification and behaviour, with tests.

Nothing is left blank: what no test shows has a reason to be missing, or the page is not written.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from scripts.host_page.behaviours import ABSENT, BEHAVIOURS
from scripts.host_page.examples import collect_examples, render_examples
from scripts.host_page.marks import Mark, PageError, collect
from scripts.host_page.outcomes import NOTIFICATIONS, REQUESTS, possible
from scripts.host_page.sections import (
    NEGATIVES,
    NEVER,
    NOTIFICATION_SECTIONS,
    REQUEST_SECTIONS,
    SECTIONS,
)

from iterm_mcp.host.requests import HANDLERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Key = tuple[str, str]
"""A request and an outcome, nothing and a notification, or a section and an item."""


def render_host_page(root: Path) -> dict[str, str]:
    """Return what belongs between the page's marks, by the marks' names.

    Raises:
        PageError: Something would be blank, or is said twice, or of something unknown.
    """
    parts = Page(collect(root)).parts()
    return {**parts, "examples": render_examples(collect_examples(root))}


class Page:
    """The page's tables.

    Args:
        marks: What tests say they show.
        never: What is never sent or done, with the reason; by default what is known of it.

    Raises:
        PageError: As `render_host_page`.
    """

    def __init__(self, marks: Iterable[Mark], never: Mapping[Key, str] | None = None) -> None:
        self.shown: dict[Key, list[Mark]] = defaultdict(list)
        self.never = {**NEVER, **ABSENT} if never is None else dict(never)
        problems = []
        known = _all_keys()
        for mark in marks:
            where = f"{mark.path}: {mark.test}"
            if mark.source not in SECTIONS:
                problems.append(f"{where} names a section that does not exist: {mark.source}")
            if not mark.names:
                problems.append(f"{where} has a mark that names nothing")
                continue
            for key in _keys(mark):
                if key not in known:
                    problems.append(f"{where} shows something unknown: {_say(key)}")
                self.shown[key].append(mark)
        for key in known:
            if key in self.shown and key in self.never:
                problems.append(
                    f"{_say(key)} is called absent, but {self.shown[key][0].test} shows it"
                )
            if key not in self.shown and key not in self.never:
                problems.append(f"no test shows {_say(key)}")
        problems += [f"a reason is given for something unknown: {_say(key)}"
                     for key in [*self.never, *NEGATIVES] if key not in known]  # fmt: skip
        if problems:
            raise PageError("\n".join(problems))

    def parts(self) -> dict[str, str]:
        """Return the tables in Markdown."""
        return {
            "sections": self._sections(),
            "requests": self._requests(),
            "notifications": self._notifications(),
            "behaviours": self._behaviours(),
        }

    def _sections(self) -> str:
        rows = [f"| §{number} | {about} |" for number, about in SECTIONS.items()]
        return "\n".join(["| § | what it is about |", "|---|---|", *rows]) + "\n"

    def _requests(self) -> str:
        lines = []
        for request in REQUESTS:
            section = REQUEST_SECTIONS[request]
            about = " ".join((HANDLERS[request].__doc__ or "").split("\n\n")[0].split())
            lines += [
                f"### `{request}`", "", f"{about} (§{section})", "",
                "| answer | source | shown by |", "|---|---|---|",
            ]  # fmt: skip
            lines += [self._row(one, (request, one), section) for one in possible(request)]
            lines.append("")
        return "\n".join(lines)

    def _notifications(self) -> str:
        lines = ["| notification | source | shown by |", "|---|---|---|"]
        lines += [self._row(one, ("", one), NOTIFICATION_SECTIONS[one]) for one in NOTIFICATIONS]
        return "\n".join(lines) + "\n"

    def _behaviours(self) -> str:
        lines = []
        for section, items in BEHAVIOURS.items():
            lines += [
                f"### §{section} {SECTIONS[section]}", "",
                "| | what the host does | shown by |", "|---|---|---|",
            ]  # fmt: skip
            lines += [
                f"| `{item}` | {about} | {self._proof((section, item))} |"
                for item, about in items.items()
            ]
            lines.append("")
        return "\n".join(lines)

    def _row(self, name: str, key: Key, section: str) -> str:
        marks = self.shown.get(key, [])
        sources = sorted({one.source for one in marks} or {section}, key=_by_number)
        return f"| `{name}` | {', '.join(f'§{one}' for one in sources)} | {self._proof(key)} |"

    def _proof(self, key: Key) -> str:
        if key in self.never:
            return f"*never sent: {self.never[key]}*" if key in NEVER else f"*{self.never[key]}*"
        links = dict.fromkeys(f"[{one.sentence}](../{one.path})" for one in self.shown[key])
        remark = f"*{NEGATIVES[key]}* · " if key in NEGATIVES else ""
        return remark + " · ".join(links)


def _all_keys() -> list[Key]:
    return [
        *((request, outcome) for request in REQUESTS for outcome in possible(request)),
        *(("", one) for one in NOTIFICATIONS),
        *((section, item) for section, items in BEHAVIOURS.items() for item in items),
    ]


def _keys(mark: Mark) -> list[Key]:
    if mark.kind == "answers":
        request, *outcomes = mark.names
        return [(request, one) for one in outcomes or ["answer"]]
    return [("" if mark.kind == "notifies" else mark.source, one) for one in mark.names]


def _say(key: Key) -> str:
    return " ".join(part for part in key if part)


def _by_number(section: str) -> list[tuple[int, str]]:
    return [(int(one), "") if one.isdigit() else (99, one) for one in re.split(r"\.", section)]
