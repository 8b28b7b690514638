"""What may be answered without a person: rules, of which the first that matches decides. Pure.

A rule that allows must be sure, so it is read narrowly: it says which tools, commands or paths it
means; it only counts where the tool's input is known exactly; its pattern must match all of a
command, which must be a single simple one; and all the paths of a request must fit. A rule that
denies or asks is read broadly: it matches a command of which it finds a part, and a request of
which one path fits. Questions are always for a person.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from iterm_mcp.models.approvals import Asks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.models.ids import AgentName, TeamName
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.output.patterns import Patterns

_SHELL = re.compile(r"[;&|<>`$()\n\r\0]")
"""With these a command does more than its first word says."""

_PATH_KEYS = ("file_path", "notebook_path", "path", "paths", "files")


class Decision(StrEnum):
    """What a rule says."""

    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """What an agent wants.

    Attributes:
        teams: All that it belongs to, those above its own included.
        command: What a shell would run; empty for other tools.
        paths: The files that the tool names, absolute, as they are and with links resolved.
        exact: The input is the tool's own, not read from a screen.
    """

    agent: AgentName
    teams: frozenset[TeamName]
    role: str
    asks: Asks
    tool: str
    command: str = ""
    paths: tuple[str, ...] = ()
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; a condition that is empty holds for all.

    Attributes:
        name: What the audit log calls it.
        agents: Shell-like patterns of names, one of which must match; `teams`, `roles` and
            `tools` too.
        paths: Patterns of absolute paths: ``*`` within a part, ``**`` over parts.
        commands: Regular expressions; see the module for how they match.
        whole: The same expressions, to match a command as a whole.
        compound: It may also allow commands with pipes, redirections and the like.
        message: What the agent is told with a denial.
    """

    name: str
    decision: Decision
    agents: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    commands: Patterns | None = None
    whole: Patterns | None = None
    compound: bool = False
    message: str = ""

    def unmet(self, request: PolicyRequest) -> str:
        """Return why the rule does not match, in a few words; empty when it does."""
        checks = (
            ("agent", self.agents, (request.agent,)),
            ("team", self.teams, request.teams),
            ("role", self.roles, (request.role,)),
            ("tool", self.tools, (request.tool,)),
        )
        for what, patterns, names in checks:
            if patterns and not any(fnmatchcase(one, two) for one in names for two in patterns):
                return f"another {what}"
        return self._path_unmet(request) or self._command_unmet(request) or self._unsure(request)

    def _path_unmet(self, request: PolicyRequest) -> str:
        if not self.paths:
            return ""
        if not request.paths:
            return "no path"
        fitting = [any(path_matches(path, one) for one in self.paths) for path in request.paths]
        sure = all(fitting) if self.decision is Decision.ALLOW else any(fitting)
        return "" if sure else "another path"

    def _command_unmet(self, request: PolicyRequest) -> str:
        if self.commands is None or self.whole is None:
            return ""
        if not request.command:
            return "no command"
        if self.decision is not Decision.ALLOW:
            return "" if self.commands.first(request.command) else "another command"
        if self.whole.first(request.command) is None:
            return "not the whole command"
        if not self.compound and _SHELL.search(request.command):
            return "the command is not a simple one"
        return ""

    def _unsure(self, request: PolicyRequest) -> str:
        if self.decision is Decision.ALLOW and not request.exact:
            return "the input is only known from the screen"
        return ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of a request.

    Attributes:
        rule: The rule that decided; empty when none did.
        reason: Why, in a sentence.
        passed: The rules before it, and why each did not match.
    """

    decision: Decision
    rule: str
    reason: str
    message: str = ""
    passed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in their order."""

    rules: tuple[Rule, ...] = ()

    def decide(self, request: PolicyRequest) -> Verdict:
        """Return what the first rule that matches says; without one, a person is asked."""
        if request.asks is Asks.QUESTION:
            return Verdict(Decision.ASK, "", "a question is for a person")
        passed: list[tuple[str, str]] = []
        for rule in self.rules:
            unmet = rule.unmet(request)
            if not unmet:
                reason = f"the rule {rule.name!r} says {rule.decision}"
                return Verdict(rule.decision, rule.name, reason, rule.message, tuple(passed))
            passed.append((rule.name, unmet))
        return Verdict(Decision.ASK, "", "no rule matches", passed=tuple(passed))


def command_of(given: Mapping[str, Json]) -> str:
    """Return the command of a tool's input; a list is a program with its arguments."""
    command = given.get("command")
    if isinstance(command, list):
        return " ".join(str(one) for one in command)
    return command if isinstance(command, str) else ""


def paths_of(given: Mapping[str, Json], directory: str) -> tuple[str, ...]:
    """Return the paths of a tool's input, absolute and without ``..``; links are not followed."""
    named: list[str] = []
    for key in _PATH_KEYS:
        value = given.get(key)
        named += [value] if isinstance(value, str) else []
        named += [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
    return tuple(posixpath.normpath(posixpath.join(directory or "/", one)) for one in named if one)


def path_matches(path: str, pattern: str) -> bool:
    """Tell whether an absolute path fits a pattern; ``/src/**`` is all below ``/src``."""
    return _parts_match(_parts(path), _parts(pattern))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _parts_match(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    """Compare part by part, going back only to the last ``**``: at most as often as there are."""
    at, wanted, star, resume = 0, 0, -1, 0
    while at < len(parts):
        if wanted < len(patterns) and patterns[wanted] == "**":
            star, resume, wanted = wanted, at, wanted + 1
        elif wanted < len(patterns) and fnmatchcase(parts[at], patterns[wanted]):
            at, wanted = at + 1, wanted + 1
        elif star >= 0:
            resume, wanted = resume + 1, star + 1
            at = resume
        else:
            return False
    return all(one == "**" for one in patterns[wanted:])
