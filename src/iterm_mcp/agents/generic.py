"""Kinds of agents that a manifest describes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.agents.key_names import read_keys
from iterm_mcp.agents.kind import Installed, StartPlan, Stroke, Transport, WhileBusy
from iterm_mcp.agents.probing import (
    ask_program,
    find_program,
    refuse_fields,
    runs_program,
    version_in,
)
from iterm_mcp.agents.screen_rows import bare, cells, is_rule, seen
from iterm_mcp.agents.silent import Silent
from iterm_mcp.agents.strokes import check_order, option_index
from iterm_mcp.agents.trouble_rows import find_trouble
from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iterm_mcp.agents.kind import StartRequest
    from iterm_mcp.agents.manifest import DialogPart, Manifest
    from iterm_mcp.models.observations import Json, Sighting
    from iterm_mcp.models.output import OutputLine
    from iterm_mcp.models.sessions import Screen

_FIELDS = ("model", "resume", "permissions")


class GenericKind(Silent):
    """A program in a terminal, known by its screen alone."""

    transports = frozenset({Transport.TERMINAL})

    def __init__(self, manifest: Manifest) -> None:
        self.name = manifest.name
        self.while_busy = WhileBusy(manifest.while_busy)
        self._manifest = manifest
        self._composer = re.compile(manifest.composer.pattern)
        self._busy = [re.compile(one) for one in manifest.screen.busy]
        self._dialogs = [(re.compile(one.pattern), one) for one in manifest.dialog]
        self._gates = [(re.compile(one.pattern), one) for one in manifest.gate]

    async def probe(self, environ: Mapping[str, str]) -> Installed | None:
        """Look for the program, and ask it for its version where the manifest says how."""
        start = self._manifest.start
        path = await to_thread.run_sync(find_program, start.program, environ)
        if path is None:
            return None
        said = await ask_program(path, start.version, environ) if start.version else None
        features = frozenset(name for name in ("resume", "prompt", "model") if getattr(start, name))
        return Installed(path, version_in(said), features)

    def start(self, request: StartRequest, installed: Installed) -> StartPlan:
        """Return how it is started, as far as the manifest tells.

        Raises:
            InvalidRequestError: The manifest does not tell how to do what is asked.
        """
        start = self._manifest.start
        refuse_fields(self.name, request, *(name for name in _FIELDS if not getattr(start, name)))
        if not request.resume:
            refuse_fields(self.name, request, "conversation")
        words = [*start.arguments]
        given = {
            "model": request.model,
            "permissions": request.permissions,
            "conversation": request.conversation,
            "prompt": request.prompt,
        }
        for name in (*_FIELDS, "prompt"):
            if getattr(request, name):
                words += [_filled(word, given) for word in getattr(start, name)]
        takes_prompt = bool(request.prompt and start.prompt)
        if takes_prompt:
            check_order(request.prompt, "" if "--" in start.prompt else "-")
        return StartPlan(
            installed.path,
            (*words, *request.options),
            {**start.environment, **request.environment},
            takes_prompt=takes_prompt,
            conversation=request.conversation if request.resume else "",
        )

    def compose(self, text: str, *, raw: bool = False) -> tuple[Stroke, ...]:
        """Return the text, pasted or typed as the manifest says, and what submits it.

        Raises:
            InvalidRequestError: It cannot be typed, begins as a command does, or has several
                lines where the manifest does not tell how.
        """
        composer = self._manifest.composer
        check_order(text, "" if raw else composer.commands)
        text = text.strip("\n")
        lines = text.split("\n")
        strokes = [Stroke(text, paste=True)] if composer.paste else self._typed(lines)
        strokes[-1] = replace(strokes[-1], pause_seconds=composer.pause_seconds)
        return (*strokes, *read_keys(composer.submit))

    def _typed(self, lines: Sequence[str]) -> list[Stroke]:
        newline = self._manifest.composer.newline
        if len(lines) > 1 and newline is None:
            raise InvalidRequestError(
                f"a {self.name} takes one line at a time",
                hint="Send one line, or say `newline` or `paste = true` in its manifest.",
                code="one_line",
            )
        strokes: list[Stroke] = []
        for number, line in enumerate(lines):
            if number:
                strokes += read_keys(newline or "")
            if line:
                strokes.append(Stroke(line))
        return strokes

    def recognise(self, command: tuple[str, ...]) -> bool:
        """Tell whether it is the program, also as a script of an interpreter."""
        start = self._manifest.start
        names = start.processes or (start.program.rpartition("/")[2],)
        return runs_program(command, *names)

    def see(
        self, screen: Screen, title: str, styles: Sequence[OutputLine] = ()
    ) -> tuple[Sighting, ...]:
        """Return what the last rows tell: a gate, a question, the composer, or work."""
        del title, styles
        rows = [(at, bare(row)) for at, row in enumerate(screen.lines) if not is_rule(row)]
        texts = [row for _, row in rows]
        for pattern, gate in self._gates:
            if (row := _found(pattern, texts[-gate.rows :])) is not None:
                return (seen(Fact.GATE, {"name": gate.name}, row),)
        for number, (pattern, dialog) in enumerate(self._dialogs):
            if (row := _found(pattern, texts[-dialog.rows :])) is not None:
                return _asked(dialog, number, row)
        quiet = (seen(Fact.GATE, {}), seen(Fact.DIALOG, {}))
        recent = texts[-self._manifest.screen.busy_rows :]
        busy = next((row for one in self._busy if (row := _found(one, recent)) is not None), None)
        trouble = find_trouble(recent)
        composer = self._find_composer(screen, rows)
        if composer is None and busy is None and self._manifest.screen.otherwise == "nothing":
            return quiet
        works = busy is not None or composer is None
        told = [
            seen(Fact.TROUBLE, trouble),
            seen(Fact.ACTIVITY, {"is": "busy" if works else "idle"}),
        ]
        if composer is not None:
            told.append(seen(Fact.COMPOSER, composer))
        return (*quiet, *told)

    def _find_composer(
        self, screen: Screen, rows: Sequence[tuple[int, str]]
    ) -> dict[str, Json] | None:
        """Return what the composer holds: of the rows that it may stand in, the lowest counts."""
        composer = self._manifest.composer
        for at, row in reversed(rows[-composer.rows_below - 1 :]):
            if composer.cursor and at != screen.cursor_row:
                continue  # what was sent stands there still, and nothing was answered yet
            # The blank behind an empty composer's mark is not always there to be read.
            match = self._composer.search(row) or self._composer.search(f"{row} ")
            if match is None and composer.cursor:
                return self._find_wrapped(screen, at)
            if match is None:
                continue
            text = match["text"].strip()
            if not text:
                return {"holds": "nothing"}
            before = screen.cursor_row == at and screen.cursor_column <= match.start("text")
            return {"holds": "ghost" if before else "draft", "text": text}
        return None

    def _find_wrapped(self, screen: Screen, cursor: int) -> dict[str, Json] | None:
        """Return what a composer holds that is wider than the screen, down to the cursor's row."""
        for at in range(cursor - 1, -1, -1):
            if cells(screen.lines[at]) < screen.size.columns - 1:  # it was not wrapped there
                return None
            match = self._composer.search(screen.lines[at].rstrip())
            if match is not None:
                below = screen.lines[at + 1 : cursor + 1]
                return {"holds": "draft", "text": "\n".join((match["text"], *below)).strip()}
        return None

    def interrupt(self) -> tuple[Stroke, ...]:
        """Return the manifest's keys."""
        return read_keys(self._manifest.keys.interrupt)

    def clear(self) -> tuple[Stroke, ...]:
        """Return the manifest's keys."""
        return read_keys(self._manifest.composer.clear)

    def answer(self, dialog: Mapping[str, Json], choice: str) -> tuple[Stroke, ...]:
        """Return the manifest's keys for an option.

        Raises:
            InvalidRequestError: The dialog has no such option, or is none of the manifest's.
        """
        index = option_index(dialog, choice)
        number = dialog.get("number")
        if not isinstance(number, int) or not 0 <= number < len(self._manifest.dialog):
            raise InvalidRequestError(
                f"the manifest of {self.name} describes no such dialog",
                hint="Read the screen, and type the answer with send_text.",
            )
        return read_keys(self._manifest.dialog[number].answers[index])

    def leave(self) -> tuple[Stroke, ...]:
        """Return the manifest's keys."""
        return read_keys(self._manifest.keys.quit)


def _found(pattern: re.Pattern[str], rows: Iterable[str]) -> str | None:
    return next((row for row in rows if pattern.search(row)), None)


def _asked(dialog: DialogPart, number: int, row: str) -> tuple[Sighting, ...]:
    told: dict[str, Json] = {
        "asks": dialog.asks,
        "tool": dialog.tool,
        "text": row.strip(),
        "options": [*dialog.options],
        "number": number,
    }
    return (
        seen(Fact.GATE, {}),
        seen(Fact.DIALOG, told, row),
        seen(Fact.ACTIVITY, {"is": "waiting", "for": dialog.asks}, row),
    )


def _filled(word: str, given: Mapping[str, str]) -> str:
    """Put values for their names in one go: a value may look like a name, too."""
    return re.sub(r"\{(\w+)\}", lambda match: given.get(match[1], match[0]), word)
