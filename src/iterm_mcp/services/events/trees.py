"""The files of a directory at one moment, and what is different at another. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SLACK_NS = 20_000_000
"""File systems date by a clock that lags behind by a tick or two."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text, as far as it is remembered.

    Attributes:
        lines: How often each line stands in it.
    """

    digest: bytes
    lines: Counter[bytes]


def read_text(content: bytes) -> Text | None:
    """Return what is remembered of a text; None for what is none."""
    if b"\0" in content:
        return None
    return Text(blake2b(content, digest_size=16).digest(), Counter(content.splitlines()))


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file as it is.

    Attributes:
        mark: What tells one content from another, without reading it.
        changed_ns: When it was last changed, by the file system's clock; 0 where unknown.
        text: What stands in it; None for what is large, or no text.
    """

    size: int
    mark: tuple[int, ...] = ()
    changed_ns: int = 0
    text: Text | None = None

    def same(self, other: FileFacts) -> bool:
        """Tell whether the content is the same, as far as can be told."""
        if self.text is not None and other.text is not None:
            return self.text.digest == other.text.digest
        return self.size == other.size and self.mark == other.mark


_NOTHING = Text(b"", Counter())


@dataclass(frozen=True, slots=True)
class Tree:
    """What is known of a directory.

    Attributes:
        files: By path below the root: those that differ from `head`, or all where there is none.
        gone: Those that `head` has and the directory has no more.
        head: The commit from which it differs; empty where it is not kept by git.
        branch: Empty where there is none.
        complete: Whether nothing was left out for being too much, or too slow.
    """

    root: str
    files: Mapping[str, FileFacts] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    head: str = ""
    branch: str = ""
    kept_by_git: bool = False
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of one file.

    Attributes:
        path: Below the root.
        before: None for one that was created.
        after: None for one that was deleted.
    """

    path: str
    before: FileFacts | None
    after: FileFacts | None

    @property
    def change(self) -> str:
        """In a word."""
        if self.before is None:
            return "created"
        return "deleted" if self.after is None else "modified"

    @property
    def lines(self) -> tuple[int, int] | None:
        """How many lines came and went; one that only moved is neither. None where unknown."""
        before = _NOTHING if self.before is None else self.before.text
        after = _NOTHING if self.after is None else self.after.text
        if before is None or after is None:
            return None
        return (after.lines - before.lines).total(), (before.lines - after.lines).total()


def baseline(known: Tree | None, fresh: Tree, began_ns: int, dated: Callable[[str], int]) -> Tree:
    """Return how a directory was when a command began, though it was looked at a little later.

    What was changed since it began is taken as it was known before; without that, as it is in
    the commit.

    Args:
        known: How it was some time before, if anybody has looked.
        dated: Tells when a file's folder was last changed: a deletion has no other date.
    """
    if known is None or known.head != fresh.head or known.kept_by_git != fresh.kept_by_git:
        if not fresh.kept_by_git:
            return fresh
        known = Tree(fresh.root, head=fresh.head, branch=fresh.branch, kept_by_git=True)
    since = began_ns - SLACK_NS
    files, gone = dict(fresh.files), set(fresh.gone)
    for path in _touched(known, fresh):
        now = fresh.files.get(path)
        if (dated(path) if now is None else now.changed_ns) < since:
            continue
        files.pop(path, None)
        gone.discard(path)
        if path in known.files:
            files[path] = known.files[path]
        elif path in known.gone:
            gone.add(path)
    return replace(fresh, files=files, gone=frozenset(gone))


def _touched(known: Tree, fresh: Tree) -> list[str]:
    """Return the paths of which two trees of the same commit say different things."""
    return [
        path
        for path in mentioned(known, fresh)
        if known.files.get(path) != fresh.files.get(path)
        or (path in known.gone) != (path in fresh.gone)
    ]


def mentioned(*trees: Tree) -> list[str]:
    """Return all paths that trees tell of, sorted."""
    return sorted({path for tree in trees for path in (*tree.files, *tree.gone)})


def differences(
    before: Tree,
    after: Tree,
    moved: Iterable[str],
    committed: Mapping[str, FileFacts],
    found: Mapping[str, FileFacts],
) -> list[Difference]:
    """Return what became of files between two looks at them, by path.

    Args:
        moved: Paths that the two heads have different.
        committed: As the former head has them, of paths of which `before` tells nothing.
        found: As they are now, of paths of which `after` tells nothing.
    """
    told: list[Difference] = []
    for path in sorted({*mentioned(before, after), *moved}):
        then = before.files.get(path)
        if then is None and path not in before.gone:
            then = committed.get(path)
        now = after.files.get(path)
        if now is None and path not in after.gone:
            now = found.get(path)
        if then is not None and now is not None and then.same(now):
            continue
        if then is not None or now is not None:
            told.append(Difference(path, then, now))
    return told


def moves(found: Iterable[Difference]) -> dict[str, str]:
    """Return what was moved or renamed: each old path with its new one, and each new with its old.

    That is a file that is gone and one of the same content that came. Of several, those of the
    same name belong together, and else those that come first. Empty files never count as moved.
    """
    gone: dict[object, list[str]] = {}
    came: list[tuple[object, str]] = []
    for one in found:
        facts = one.before if one.after is None else one.after if one.before is None else None
        content = None if facts is None else _content(facts)
        if content is not None and one.after is None:
            gone.setdefault(content, []).append(one.path)
        elif content is not None:
            came.append((content, one.path))
    pairs: dict[str, str] = {}
    for same_name in (True, False):
        for content, path in came:
            left = gone.get(content, [])
            fits = [one for one in left if not same_name or _name(one) == _name(path)]
            if path not in pairs and fits:
                left.remove(fits[0])
                pairs[path], pairs[fits[0]] = fits[0], path
    return pairs


def _content(facts: FileFacts) -> object | None:
    """Return what two files have in common of which one was the other; None where unknown."""
    if not facts.size:
        return None
    if facts.text is not None:
        return facts.text.digest
    return (facts.size, facts.mark) if facts.mark else None


def _name(path: str) -> str:
    return path.rpartition("/")[2]
