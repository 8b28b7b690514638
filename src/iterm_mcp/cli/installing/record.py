"""What we changed in which client's configuration, so that it can be undone to the byte."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from iterm_mcp.cli.installing import config_file
from iterm_mcp.paths import make_private_folder


@dataclass(frozen=True, slots=True)
class Installation:
    """One change of one file.

    Attributes:
        file: Which, as the client names it.
        backup: What it held before stands there; empty when there was no file.
        sha256: Of what it held after.
        made_section: Our entry was the first of its section.
    """

    file: str
    backup: str
    sha256: str
    made_section: bool


class Record:
    """The installations by client, in a file of the state folder.

    A file that is none of ours any more counts as empty: then nothing is known, and what is ours
    in a configuration is told by its name.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def get(self, client: str, file: Path) -> Installation | None:
        """Return what is known of a client's configuration in this place."""
        values = self._read().get(client)
        try:
            found = Installation(**values) if isinstance(values, dict) else None
        except TypeError:
            return None
        return found if found and found.file == str(file) else None

    def put(self, client: str, installation: Installation | None) -> None:
        """Remember a change; None when there is none any more."""
        values = self._read()
        before = dict(values)
        values.pop(client, None)
        if installation is not None:
            values[client] = asdict(installation)
        if values != before:
            make_private_folder(str(self._path.parent))
            text = json.dumps(values, indent=2) + "\n"
            config_file.replace(self._path, config_file.read(self._path), text.encode())

    def _read(self) -> dict[str, object]:
        try:
            values = json.loads(config_file.read(self._path) or b"{}")
        except ValueError:
            return {}
        return values if isinstance(values, dict) else {}


def digest(data: bytes) -> str:
    """Return what tells one content of a file from another."""
    return hashlib.sha256(data).hexdigest()
