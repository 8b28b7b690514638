r"""The file of rules: TOML, checked key by key, with errors that name the line. Pure.

::

    [[rule]]
    name = "tests may run"
    decision = "allow"                  # allow, deny, or ask
    agents = ["builder-*"]              # names; teams and roles are given likewise
    tools = ["Bash"]
    commands = ['uv run pytest( -[a-z]+)*( \S+)*']

    [[rule]]
    name = "nothing outside of the project"
    decision = "deny"
    tools = ["Edit", "Write"]
    paths = ["/etc/**", "~/.ssh/**"]
    message = "Work in the project's folder."
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.approvals.policies import Decision, Policy, Rule
from iterm_mcp.services.output.patterns import Patterns

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_RULES = 200
MAX_TEXT = 1000
_LISTS = ("agents", "teams", "roles", "tools", "paths", "commands")
_TEXTS = ("name", "decision", "message")
KEYS = (*_TEXTS, *_LISTS, "compound")
_SURE = ("tools", "paths", "commands")
_HEADER = re.compile(r"\s*\[\[\s*rule\s*\]\]")
_IN_SYNTAX = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)


class PolicyError(InvalidRequestError):
    """The rules cannot be read.

    Attributes:
        line: Where, counted from 1; None when it is the whole file.
        key: Which key is wrong; empty when it is none.
    """

    default_code = "bad_policy"

    def __init__(self, what: str, *, line: int | None, key: str = "") -> None:
        where = "" if line is None else f"line {line}: "
        super().__init__(
            f"{where}{f'{key}: ' if key else ''}{what}",
            hint="Mend the file; until then a person is asked about everything.",
        )
        self.line = line
        self.key = key


def parse_rules(text: str, *, home: str = "") -> Policy:
    """Read the rules of a file.

    Args:
        home: What ``~`` stands for in paths.

    Raises:
        PolicyError: The text cannot be understood. Nothing of it holds then: a rule that is left
            out might be the one that denies.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _IN_SYNTAX.fullmatch(str(error))
        what, line = (found[1], found[2]) if found else (str(error), None)
        raise PolicyError(what, line=int(line) if line else None) from None
    places = _Places(text)
    for key in data:
        if key != "rule":
            raise PolicyError("there is no such key; rules begin with [[rule]]",
                              line=places.top(key), key=key)  # fmt: skip
    listed = data.get("rule", [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise PolicyError("begin each rule with [[rule]]", line=places.top("rule"), key="rule")
    if len(listed) > MAX_RULES:
        raise PolicyError(f"{len(listed)} rules are more than {MAX_RULES}", line=None)
    return Policy(tuple(_Reader(one, index, places).rule(home) for index, one in enumerate(listed)))


class _Places:
    """Where keys stand. A header inside of a text of several lines would mislead it."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._headers = [number for number, line in enumerate(self._lines) if _HEADER.match(line)]

    def top(self, key: str) -> int | None:
        return self._find(key, 0, len(self._lines))

    def of(self, rule: int, key: str) -> int | None:
        """Return the line of a rule's key, or else that of its header."""
        if rule >= len(self._headers):
            return None
        start = self._headers[rule]
        later = self._headers[rule + 1 :]
        found = self._find(key, start, later[0] if later else len(self._lines))
        return start + 1 if found is None else found

    def _find(self, key: str, start: int, end: int) -> int | None:
        wanted = re.compile(rf"\s*(?:\[+\s*)?[\"']?{re.escape(key)}[\"']?\s*[=\].]")
        for number in range(start, end):
            if wanted.match(self._lines[number]):
                return number + 1
        return None


class _Reader:
    """Reads one rule, and says where what is wrong."""

    def __init__(self, given: Mapping[str, Any], index: int, places: _Places) -> None:
        self._given = given
        self._index = index
        self._places = places

    def rule(self, home: str) -> Rule:
        """Return the rule.

        Raises:
            PolicyError: It is none.
        """
        given = self._given
        for key in given:
            if key not in KEYS:
                raise self._wrong(key, f"there is no such key; a rule has {', '.join(KEYS)}")
        name, message = self._text("name"), self._text("message")
        if given.get("decision") not in set(Decision):
            raise self._wrong("decision", f"must be one of {', '.join(Decision)}")
        if not isinstance(given.get("compound", False), bool):
            raise self._wrong("compound", "must be true or false")
        lists = {key: self._list(key) for key in _LISTS}
        decision = Decision(given["decision"])
        if decision is Decision.ALLOW and not any(lists[key] for key in _SURE):
            what = f"a rule that allows must say which {', '.join(_SURE)}"
            raise self._wrong("decision", what)
        commands, whole = self._commands(lists["commands"])
        return Rule(
            name=name or f"rule {self._index + 1}",
            decision=decision,
            agents=lists["agents"],
            teams=lists["teams"],
            roles=lists["roles"],
            tools=lists["tools"],
            paths=tuple(self._path(one, home) for one in lists["paths"]),
            commands=commands,
            whole=whole,
            compound=given.get("compound", False),
            message=message,
        )

    def _text(self, key: str) -> str:
        text = self._given.get(key, "")
        if not isinstance(text, str) or len(text) > MAX_TEXT:
            raise self._wrong(key, f"must be a text of at most {MAX_TEXT} characters")
        return text

    def _list(self, key: str) -> tuple[str, ...]:
        values = self._given.get(key, [])
        if not isinstance(values, list) or not all(isinstance(x, str) and x for x in values):
            raise self._wrong(key, 'must be a list of texts, such as ["a", "b"]')
        if key in self._given and not values:
            raise self._wrong(key, "is empty; leave it out if it shall not matter")
        return tuple(values)

    def _commands(self, texts: tuple[str, ...]) -> tuple[Patterns | None, Patterns | None]:
        if not texts:
            return None, None
        try:
            found = Patterns(texts)  # each by itself first: a bracket too many would reach out
            return found, Patterns([rf"\A(?:{one})\z" for one in texts])
        except InvalidRequestError as error:
            raise self._wrong("commands", f"{error}. {error.hint}") from None

    def _path(self, pattern: str, home: str) -> str:
        if pattern == "~" or pattern.startswith("~/"):
            return home + pattern[1:]
        if not pattern.startswith(("/", "**")):
            raise self._wrong("paths", f"{pattern!r} must begin with /, ~/ or **")
        return pattern

    def _wrong(self, key: str, what: str) -> PolicyError:
        return PolicyError(what, line=self._places.of(self._index, key), key=key)
