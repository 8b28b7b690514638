"""Gemini CLI's own record of a chat: which file it is, and what it tells.

``~/.gemini/tmp/<project>/chats/session-<time>-<id>.jsonl``: the first line says which project it
is of (``projectHash``, the directory's SHA-256), others hold a message, or with ``$set`` a change.
Up to about 0.40 it was one JSON object with ``messages``. Read from what 0.61 writes. It tells of
what was said, and of interruptions; of a turn's end it tells nothing.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.agents.located_files import following, started_at
from iterm_mcp.agents.trouble_rows import trouble_word
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from iterm_mcp.agents.files import Files, Following
    from iterm_mcp.agents.kind import Occupant
    from iterm_mcp.models.observations import Json

TAIL_BYTES = 64 * 1024
HEAD_BYTES = 4096
SLACK_SECONDS = 2.0
EVIDENCE_CHARACTERS = 300
CANCELLED = "Request cancelled."
CONTEXT = "<session_context>"


def gemini_home(environment: Mapping[str, str]) -> Path | None:
    """Return where a Gemini CLI with this environment keeps its files."""
    home = environment.get("GEMINI_CLI_HOME") or environment.get("HOME")
    return Path(home, ".gemini") if home else None


def follow_gemini(
    occupant: Occupant, files: Files, see: Callable[[Sighting], None]
) -> AbstractAsyncContextManager[None]:
    """Follow one process's chat for the length of the block; see `AgentKind.follow`."""

    def follow(path: Path, began: float | None) -> Following:
        chat = Chat(path, began)

        def tell(messages: list[Any]) -> None:
            for message in messages:
                for sighting in chat.read(message):
                    see(sighting)

        if path.suffix == ".json":
            return files.follow_content(path, lambda content: tell(_whole(content)))
        return files.follow_lines(path, lambda lines: tell(_each(lines)), tail_bytes=TAIL_BYTES)

    return following(occupant.pid, lambda known: find_chat(occupant, known), follow)


def find_chat(occupant: Occupant, known: Path | None = None) -> Path | None:
    """Return the chat that a process writes: of its directory, the one that was written last.

    None while there is none that was written since the process was started, or where several
    were begun since then: it cannot be said whose is whose.
    """
    home, began = gemini_home(occupant.environment), started_at(occupant.pid)
    if home is None or began is None:
        return known
    project = hashlib.sha256(occupant.directory.encode()).hexdigest()
    written: list[tuple[float, Path]] = []
    for path in (home / "tmp").glob("*/chats/session-*.json*"):
        stamp = path.stat().st_mtime
        if stamp >= began - SLACK_SECONDS and _project(path) == project:
            written.append((stamp, path))
    if known is None and len(written) > 1:
        return None
    return max(written)[1] if written else known


def _project(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    _, _, rest = head.partition(b'"projectHash"')
    return rest.partition(b'"')[2].partition(b'"')[0].decode("ascii", "replace")


def _each(lines: list[bytes]) -> list[Any]:
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError):
            continue
    return found


def _whole(content: bytes | None) -> list[Any]:
    try:
        chat = json.loads(content or b"")
    except (ValueError, RecursionError):
        return []
    messages = chat.get("messages") if isinstance(chat, dict) else None
    return [chat, *messages] if isinstance(messages, list) else []


class Chat:
    """One chat; a message that is read again tells nothing more.

    Args:
        since: When the process was started, in seconds since 1970. What a former one did at its
            end is not what this one does.
    """

    def __init__(self, path: Path, since: float | None = None) -> None:
        self._path = path
        self._since = since
        self._read: set[str] = set()
        self._conversation = ""
        self._again: float | None = None

    def read(self, message: object) -> tuple[Sighting, ...]:
        """Return what a line, or an object of the chat, tells."""
        if not isinstance(message, dict):
            return ()
        if message.get("sessionId") and message["sessionId"] != self._conversation:
            self._conversation = str(message["sessionId"])
            told: dict[str, Json] = {"id": self._conversation, "transcript": str(self._path)}
            return (self._seen(Fact.CONVERSATION, told, message),)
        if isinstance(changed := message.get("$set"), dict) and "messages" in changed:
            self._again = None
        if self._is_again(message):
            return ()
        number = str(message.get("id") or "")
        if not number or number in self._read:
            return ()
        self._read.add(number)
        sightings = tuple(self._told(message))
        if self._is_past(message):
            return tuple(one for one in sightings if one.fact is Fact.TURN)
        return sightings

    def _is_again(self, message: dict[str, Any]) -> bool:
        """Tell whether it is told under another id once more, as all is after a cancelled request.

        What is told again begins with the context, and ends where all messages are set.
        """
        at = _moment(message)
        if message.get("type") == "user" and text_of(message.get("content")).startswith(CONTEXT):
            self._again = at
        if self._again is None or at is None:
            return False
        if at - self._again > SLACK_SECONDS:
            self._again = None
        return self._again is not None

    def _is_past(self, message: dict[str, Any]) -> bool:
        at = _moment(message)
        return self._since is not None and at is not None and at < self._since

    def _told(self, message: dict[str, Any]) -> Iterator[Sighting]:
        text = text_of(message.get("content"))
        stamp = str(message.get("timestamp") or "")
        match message.get("type"):
            case "user" if text.strip() and not text.startswith(CONTEXT):  # else a tool's result
                turn: dict[str, Json] = {"phase": "started", "prompt": text, "at": stamp}
                yield self._seen(Fact.TURN, turn, message)
                # No word on what it does now: the chat would never take it back.
                yield self._seen(Fact.TROUBLE, {}, message)
            case "info" if text == CANCELLED:
                yield self._seen(Fact.TURN, {"phase": "interrupted", "at": stamp}, message)
                yield self._seen(Fact.ACTIVITY, {"is": "idle"}, message)
            case "error":
                yield self._seen(Fact.TURN, {"phase": "failed", "at": stamp}, message)
                yield self._seen(Fact.TROUBLE, {"what": trouble_word(text), "text": text}, message)
                yield self._seen(Fact.ACTIVITY, {"is": "idle"}, message)
            case _:
                return

    def _seen(self, fact: Fact, value: Mapping[str, Json], message: dict[str, Any]) -> Sighting:
        evidence = json.dumps(message, ensure_ascii=False)[:EVIDENCE_CHARACTERS]
        return Sighting(fact, value, ObservationSource.TRANSCRIPT, evidence)


def _moment(message: dict[str, Any]) -> float | None:
    try:
        return datetime.fromisoformat(str(message.get("timestamp"))).timestamp()
    except ValueError:
        return None


def text_of(content: object) -> str:
    """Return the text of a message, which is a text or a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
