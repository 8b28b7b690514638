"""What a role permits: rules alone. Pure."""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from iterm_mcp.access import TIERS
from iterm_mcp.errors import InvalidRequestError, RefusedError
from iterm_mcp.models.roles import Reach, Role
from iterm_mcp.services.agents.team_tree import at_or_below, teams_of
from iterm_mcp.services.names import NAME, check_note

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from iterm_mcp.models.agents import Agent, Registry
    from iterm_mcp.models.ids import AgentName, TeamName

GOVERNS = frozenset({"manage_roles"})
"""Tools that no agent may call, whatever its role: they say what agents may do."""

ENROLS = frozenset({"register_agent", "start_agent", "apply_layout", "submit_tasks"})
"""Tools that give somebody a name and a role. Agents of tasks have none, so who is limited may not
have them started."""

OPENS = frozenset({"open_session", "start_agent", "submit_tasks"})
"""Tools that start something in a folder, which must be named where folders are limited."""

PATHS = frozenset({"directory", "path", "cwd"})
"""Arguments that name a folder or a file, wherever in the arguments they stand."""

AIMS = {
    "session_id": "sessions", "session_ids": "sessions", "also": "sessions", "beside": "sessions",
    "agent": "agents", "agents": "agents", "members": "agents",
    "team": "teams", "teams": "teams", "parent": "teams",
}  # fmt: skip
"""Arguments that say whom a call concerns, wherever in the arguments they stand."""

NAMES = {
    "register_agent": "agents", "start_agent": "agents", "stop_agent": "agents",
    "manage_agent": "agents", "move_team": "teams",
}  # fmt: skip
"""What the argument ``name`` names for these tools; for others it names nobody."""

ACTIVE = frozenset({"run_command", "interrupt_session"})
"""Tools that mean the active session if none is named."""

UNAIMED = frozenset({"annotate", "manage_notes", "share_result", "run_playbook"})
"""Tools that concern no agent's session: notes and results know themselves what is whose, and each
step of a playbook is looked at when it is done."""

EVERYBODY = frozenset({"change_tasks"})
"""Tools that may concern anybody: tasks are listed by what they do, and not by whom they are of."""

MOST_PATTERNS = 200


@dataclass(frozen=True, slots=True)
class Aims:
    """What a call would concern, as its arguments say.

    Attributes:
        sessions: What stands for sessions; looked up elsewhere.
        agents, teams: Names that need not be there.
        everybody: It concerns all agents.
    """

    sessions: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    everybody: bool = False

    def and_also(self, other: Aims) -> Aims:
        """Return what concerns both."""
        return Aims(
            self.sessions + other.sessions,
            self.agents + other.agents,
            self.teams + other.teams,
            self.everybody or other.everybody,
        )


def check_role(role: Role) -> None:
    """See that a role means something.

    Raises:
        InvalidRequestError: It does not; the text says what, the hint what would.
    """
    if not NAME.fullmatch(role.name):
        raise InvalidRequestError(
            f"{role.name[:80]!r} cannot be the name of a role",
            hint="Use 1 to 64 letters, digits, dots, underscores and hyphens.",
        )
    check_note("description", role.description)
    if role.tier and role.tier not in TIERS:
        raise InvalidRequestError(
            f"the tier {role.tier[:40]!r} is none", hint=f"Use {', '.join(TIERS)}, or none."
        )
    for path in role.paths:
        if not os.path.isabs(path):  # noqa: PTH117 - a text
            raise InvalidRequestError(
                f"the path {path[:80]!r} of role {role.name!r} is not absolute",
                hint="Name whole folders, such as /home/me/project.",
            )
    for patterns in (role.tools, role.denied, role.paths, role.grants):
        if len(patterns) > MOST_PATTERNS:
            raise InvalidRequestError(
                f"role {role.name!r} has {len(patterns)} patterns in a list",
                hint=f"Use at most {MOST_PATTERNS}.",
            )


def check_tool(role: Role, tool: str, tier: str) -> None:
    """Let a tool be called that the role has.

    Raises:
        RefusedError: It has not.
    """
    if tool in GOVERNS:
        raise _refused(role, f"no agent may call {tool}", "Only a person's client may.")
    permitted = any(fnmatchcase(tool, one) for one in role.tools)
    if not permitted or any(fnmatchcase(tool, one) for one in role.denied):
        allowed = ", ".join(role.tools) or "none"
        except_for = f" but {', '.join(role.denied)}" if role.denied else ""
        raise _refused(
            role, f"it may not call {tool}", f"Its tools are {allowed}{except_for}: do without."
        )
    if role.tier and TIERS.index(tier) > TIERS.index(role.tier):
        raise _refused(
            role, f"{tool} is of the tier {tier}, and its limit is {role.tier}", "Do without."
        )


def check_paths(role: Role, tool: str, paths: Sequence[str]) -> None:
    """Let paths pass that stand in the role's folders; links are followed before.

    Raises:
        RefusedError: One does not, or none is named where something starts in one.
    """
    if not role.paths:
        return
    hint = f"Its folders are {', '.join(role.paths)}."
    if tool in OPENS and not paths:
        raise _refused(role, f"{tool} must name a directory", hint)
    for path in paths:
        if not any(_is_within(path, folder) for folder in role.paths):
            raise _refused(role, f"it may not go to {path[:200]!r}", hint)


def check_aims(
    role: Role, agent: Agent, aims: Aims, homes: Sequence[AgentName | None], registry: Registry
) -> None:
    """Let what a call concerns be within the role's reach.

    Args:
        homes: Whose home each of the sessions is; None for nobody's.

    Raises:
        RefusedError: It concerns somebody else.
    """
    if role.reach is Reach.ALL:
        return
    tree = at_or_below(registry, agent.teams) if role.reach is Reach.TREE else frozenset()
    hint = (
        f"Its reach are its own teams and those below: {', '.join(sorted(tree)) or 'none'}."
        if role.reach is Reach.TREE
        else "Its reach is its own session."
    )
    if aims.everybody:
        raise _refused(role, "it may not reach everybody", f"Name agents or teams. {hint}")
    for team in aims.teams:
        if team not in tree:
            raise _refused(role, f"team {team[:80]!r} is not within its reach", hint)
    known = {one.name for one in registry.agents}
    reached = {str(one) for one in (*aims.agents, *homes) if one is not None}
    for name in sorted(reached & known):
        if not _reaches(agent, name, tree, registry):  # type: ignore[arg-type]
            raise _refused(role, f"agent {name!r} is not within its reach", hint)
    if None in homes:
        raise _refused(role, "that session is the home of no agent in its reach", hint)


def check_enrolling(
    role: Role, given: Mapping[str, str], teams: Sequence[str], known: Collection[str]
) -> None:
    """Let an agent be registered or started with a role that this one may give.

    Otherwise who is limited would only have to start somebody who is not.

    Args:
        given: The role's name by the name of each new agent; empty for none.
        teams: The teams that the new agents join.
        known: Every role there is: what is none limits nobody, so it cannot be given.

    Raises:
        RefusedError: It may not give one of these roles, or the new one would be in no team
            of its reach.
    """
    if _is_unlimited(role):
        return
    for name, wanted in given.items():
        granted = [one for one in known if any(fnmatchcase(one, may) for may in role.grants)]
        if wanted not in granted:
            may = ", ".join(sorted(granted)) or "none"
            raise _refused(
                role,
                f"it may not give agent {name[:80]!r} the role {wanted[:80]!r}",
                f"Roles that it may give: {may}. Name one of them as role.",
            )
    if given and role.reach is Reach.TREE and not teams:
        raise _refused(role, "it must name a team for a new agent", "Name one of its own teams.")
    if given and role.reach is Reach.OWN:
        raise _refused(role, "it may not register or start others", "Ask its manager.")


def aims_of(tool: str, arguments: Mapping[str, object]) -> Aims:
    """Read from a call's arguments what it would concern."""
    if tool in UNAIMED:
        return Aims()
    found: dict[str, list[str]] = {"sessions": [], "agents": [], "teams": []}
    for name, value in _named(arguments):
        what = AIMS.get(name)
        if name == "name":
            what = NAMES.get(tool)
        if what is not None:
            pane = value if name == "agent" and isinstance(value, dict) else None
            found[what] += _texts(value if pane is None else pane.get("name"))
    if tool == "manage_triggers":
        _add_trigger(found, arguments)
    if tool in ACTIVE and not found["sessions"]:
        found["sessions"].append("active")
    top = tool in {"create_team", "move_team"} and not arguments.get("parent")
    # What a saved layout holds, and who stands in a tab, the arguments do not say.
    unnamed = tool == "apply_layout" and (arguments.get("saved") or arguments.get("tab_id"))
    everybody = bool(arguments.get("broadcast") or unnamed) or top or tool in EVERYBODY
    sessions, agents, teams = (tuple(one) for one in found.values())
    return Aims(sessions, agents, teams, everybody)


def _add_trigger(found: dict[str, list[str]], arguments: Mapping[str, object]) -> None:
    """Add whom a trigger would tell, or what it would type into."""
    for one in _texts(arguments.get("to")):
        if arguments.get("act") != "message":
            found["sessions"].append(one)
        elif one.startswith("team:"):
            found["teams"].append(one.removeprefix("team:"))
        else:
            found["agents"].append(one)


def paths_of(arguments: Mapping[str, object]) -> list[str]:
    """Read from a call's arguments the folders and files that it names."""
    return [text for name, value in _named(arguments) if name in PATHS for text in _texts(value)]


def enrolled(tool: str, arguments: Mapping[str, object]) -> dict[str, str]:
    """Return the role of each agent that a call would register or start."""
    if tool not in ENROLS:
        return {}
    if tool != "apply_layout":
        return {str(arguments.get("name") or "new"): str(arguments.get("role") or "")}
    return {
        str(value.get("name")): str(value.get("role") or "")
        for name, value in _named(arguments)
        if name == "agent" and isinstance(value, dict)
    }


def _reaches(agent: Agent, name: AgentName, tree: frozenset[TeamName], registry: Registry) -> bool:
    return name == agent.name or bool(tree.intersection(teams_of(registry, name)))


def _is_unlimited(role: Role) -> bool:
    return role == Role(role.name, description=role.description, source=role.source)


def _is_within(path: str, folder: str) -> bool:
    path, folder = os.path.normpath(path), os.path.normpath(folder)
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _named(value: object) -> Iterator[tuple[str, object]]:
    """Yield each named value, however deep it stands."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name), inner
            yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)


def _texts(value: object) -> list[str]:
    """Return a text, the texts of a list, or the keys of a mapping: texts by their targets."""
    if isinstance(value, str):
        return [value] if value else []
    if isinstance(value, list):
        return [str(one) for one in value if isinstance(one, str)]
    if isinstance(value, dict):
        return [str(one) for one in value]
    return []


def _refused(role: Role, what: str, hint: str) -> RefusedError:
    return RefusedError(
        f"the role {role.name!r} forbids it: {what}", hint=hint, code="role_refused"
    )
