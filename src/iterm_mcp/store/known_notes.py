"""The notes of namespaces that are asked for, in memory. No I/O; used on the event loop alone."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from iterm_mcp.models.notes import Note

MOST_CHARACTERS = 1 << 20
"""Of the values of one namespace; a larger one is not kept."""

MOST_NAMESPACES = 16


class Namespace:
    """All notes of one namespace."""

    def __init__(self, notes: Iterable[Note]) -> None:
        self._notes = {one.key: one for one in notes}
        self._ordered: tuple[Note, ...] | None = None
        self.characters = sum(len(one.value) for one in self._notes.values())

    def beginning(self, prefix: str, limit: int) -> list[Note]:
        """Return the notes whose keys begin so, sorted by key."""
        if self._ordered is None:
            self._ordered = tuple(note for _, note in sorted(self._notes.items()))
        if not prefix:
            return list(self._ordered[:limit])
        return list(islice((one for one in self._ordered if one.key.startswith(prefix)), limit))

    def put(self, note: Note) -> None:
        """Take a note, unless a newer one of its key is known."""
        former = self._notes.get(note.key)
        if former is not None and former.version >= note.version:
            return
        self._notes[note.key] = note
        self._ordered = None
        self.characters += len(note.value) - (0 if former is None else len(former.value))


class KnownNotes:
    """The namespaces that were asked for last, each with all its notes or not at all.

    Attributes:
        changes: How many changes have ended: what was read before one may be of before it.
    """

    def __init__(
        self, *, most_characters: int = MOST_CHARACTERS, most_namespaces: int = MOST_NAMESPACES
    ) -> None:
        self.changes = 0
        self._most_characters = most_characters
        self._most_namespaces = most_namespaces
        self._known: OrderedDict[str, Namespace | None] = OrderedDict()

    def find(self, namespace: str) -> Namespace | None:
        """Return a namespace; None when it is not known."""
        found = self._known.get(namespace)
        if found is not None:
            self._known.move_to_end(namespace)
        return found

    def is_too_large(self, namespace: str) -> bool:
        """Tell whether a namespace was found to be too large to be kept."""
        return namespace in self._known and self._known[namespace] is None

    def keep(self, namespace: str, notes: Iterable[Note], since: int) -> None:
        """Keep what was read of a namespace, unless something has changed since.

        Args:
            notes: All there are.
            since: What `changes` was before they were read.
        """
        if since == self.changes:
            found = Namespace(notes)
            large = found.characters > self._most_characters
            self._known[namespace] = None if large else found
            self._known.move_to_end(namespace)
            while len(self._known) > self._most_namespaces:
                self._known.popitem(last=False)

    @contextmanager
    def changing(self, namespace: str) -> Iterator[list[Note]]:
        """Write within the block, and put what was written into the list.

        Where nothing is put there, or the block raises, the namespace is read anew.
        """
        written: list[Note] = []
        try:
            yield written
        except BaseException:
            written.clear()  # it may have been done, or not
            raise
        finally:
            self.changes += 1
            self._note(namespace, written)

    def _note(self, namespace: str, written: list[Note]) -> None:
        known = self._known.get(namespace)
        if not written:
            self._known.pop(namespace, None)
        elif known is not None:
            for one in written:
                known.put(one)
            if known.characters > self._most_characters:
                self._known[namespace] = None
